%% What the tests of peer ask an Erlang node: it starts programs of ours as peers, and looks what becomes of them.
-module(peers_side).
-export([start/2, stop/1, attempt/2, state/1, control/1, lose/1, os/1, command_line/1, gone/1, classes/1, round_trips/1, printed/2,
         noticed/2, boot_later/1]).

-define(PATIENCE, 20000).

options(Exec, More) ->
    maps:merge(#{exec => Exec, args => ["-setcookie", "interop"], peer_down => continue}, More).

named(Exec, More) ->
    maps:merge(#{name => peer:random_name(), host => "localhost"}, options(Exec, More)).

complete(Exec, #{connection := _} = More) -> options(Exec, More);
complete(Exec, More) -> named(Exec, More).

%% Starts a peer that the other functions talk about by its number; {its node, the process id of its program}.
start(Exec, More) ->
    {ok, Control, Node} = peer:start_link(complete(Exec, More)),
    Os = case More of
        #{connection := _} -> peer:call(Control, os, getpid, [], ?PATIENCE);
        _ -> erpc:call(Node, os, getpid, [], ?PATIENCE)
    end,
    put(latest, {Control, Node, Os}),
    {Node, list_to_integer(Os)}.

%% How a start ended that fails.
attempt(Exec, More) ->
    try peer:start_link(complete(Exec, More)) of
        Started -> Started
    catch
        Class:Reason -> {Class, Reason}
    end.

%% A start whose end is told later, and one that is not told at all.
boot_later(Exec) ->
    {ok, Control, _} = peer:start_link(named(Exec, #{wait_boot => {self(), tag}})),
    Node = receive {tag, {started, Booted, Control}} -> Booted after ?PATIENCE -> exit(not_started) end,
    Node = erpc:call(Node, erlang, node, []),
    peer:stop(Control),
    Silent = named(Exec, #{wait_boot => false}),
    {ok, Other, Named} = peer:start_link(Silent),
    true = until(fun() -> peer:get_state(Other) =:= running end),
    Named = erpc:call(Named, erlang, node, []),
    peer:stop(Other),
    both.

control(Latest) -> element(1, get(Latest)).
state(Latest) -> peer:get_state(control(Latest)).
os(Latest) -> element(3, get(Latest)).

%% Whether a stop leaves neither the node nor its program behind.
stop(Latest) ->
    {Control, Node, Os} = get(Latest),
    ok = peer:stop(Control),
    {lists:member(Node, nodes(connected)), gone(Os)}.

%% The process that has started the peer ends without a word.
lose(Latest) ->
    {Control, _, Os} = get(Latest),
    unlink(Control),
    exit(Control, kill),
    gone(Os).

%% Whether the program has ended, or does so soon. One that nobody has waited for is a zombie.
gone(Os) ->
    until(fun() ->
        case file:read_file("/proc/" ++ Os ++ "/stat") of
            {ok, Stat} -> re:run(Stat, "\\) Z ") =/= nomatch;
            _ -> true
        end
    end).

command_line(Latest) ->
    {ok, Line} = file:read_file("/proc/" ++ os(Latest) ++ "/cmdline"),
    [case Character of 0 -> $\s; _ -> Character end || <<Character>> <= Line].

%% What peer:call gives for each way in which a function can end.
classes(Latest) ->
    Control = control(Latest),
    Try = fun(M, F, A) ->
        try {value, peer:call(Control, M, F, A, ?PATIENCE)} catch Class:Reason:Stack -> {Class, Reason, hd(Stack)} end
    end,
    {value, 5} = Try(demo, add, [2, 3]),
    {value, Is} = Try(erlang, is_alive, []),
    {error, undef, {nosuch, function, [1], _}} = Try(nosuch, function, [1]),
    {error, badarg, {demo, add, [a, b], _}} = Try(demo, add, [a, b]),
    {value, {error, nofile}} = Try(code, ensure_loaded, [lists]),
    Large = binary:copy(<<7>>, 200000),
    {value, Large} = Try(application, get_env, [a, b, Large]),
    Many = [spawn_monitor(fun() -> exit({sum, peer:call(Control, demo, add, [N, N], ?PATIENCE)}) end) || N <- lists:seq(1, 50)],
    Sums = [receive {'DOWN', Ref, _, Pid, {sum, Sum}} -> Sum after ?PATIENCE -> none end || {Pid, Ref} <- Many],
    Sums = [2 * N || N <- lists:seq(1, 50)],
    {alive, Is}.

%% Messages by way of the connection: send and cast there, and {message, Pid, Content} back by way of user.
round_trips(Latest) ->
    Control = control(Latest),
    ok = peer:send(Control, user, {message, self(), sent_by_name}),
    User = peer:call(Control, erlang, whereis, [user], ?PATIENCE),
    ok = peer:send(Control, User, {message, self(), sent_by_pid}),
    ok = peer:cast(Control, erlang, send, [user, {message, self(), sent_by_cast}]),
    ok = peer:send(Control, nobody_there, lost),
    lists:sort([receive Sent when Sent =:= sent_by_name; Sent =:= sent_by_pid; Sent =:= sent_by_cast -> Sent
                after ?PATIENCE -> none end || _ <- [1, 2, 3]]).

%% What arrives at the group leader of a process that starts a peer whose function prints.
printed(Exec, More) ->
    Me = self(),
    {Pid, Ref} = spawn_monitor(fun() ->
        group_leader(Me, self()),
        {ok, Control, Node} = peer:start(complete(Exec, More)),
        Run = case More of
            #{connection := _} -> peer:call(Control, demo, say, ["hällo"], ?PATIENCE);
            _ -> From = self(), rpc:call(Node, demo, say, ["hällo"]), Asked = make_ref(),
                 {user, Node} ! {io_request, From, Asked, {put_chars, unicode, <<"by user">>}},
                 receive {io_reply, Asked, Reply} -> Reply after ?PATIENCE -> none end
        end,
        peer:stop(Control),
        exit({ran, Run})
    end),
    print_until(Pid, Ref, []).

print_until(Pid, Ref, Printed) ->
    receive
        {io_request, From, As, {put_chars, unicode, Text}} ->
            From ! {io_reply, As, ok},
            print_until(Pid, Ref, [unicode:characters_to_binary(Text) | Printed]);
        {io_request, From, As, _} ->
            From ! {io_reply, As, {error, enotsup}},
            print_until(Pid, Ref, Printed);
        {'DOWN', Ref, process, Pid, {ran, Run}} ->
            {Run, [case Text of <<"hällo\n"/utf8>> -> said; _ -> Text end || Text <- lists:reverse(Printed)]};
        {'DOWN', Ref, process, Pid, Reason} -> {failed, Reason}
    after ?PATIENCE -> {failed, Printed}
    end.

%% Whether the origin notices the end of a peer that was killed.
noticed(Latest, How) -> until(fun() -> state(Latest) =:= {down, How} end).

until(Holds) -> until(Holds, erlang:monotonic_time(millisecond) + ?PATIENCE).
until(Holds, Deadline) ->
    Holds() orelse (erlang:monotonic_time(millisecond) < Deadline andalso
                    begin receive after 10 -> ok end, until(Holds, Deadline) end).
