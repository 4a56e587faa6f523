%% The Erlang side of the interop tests: one long-lived node per release that runs scenarios on command.
%% Each line on standard input is a term; each answer is one line, "ok <term>" or "fail <reason>".
-module(interop).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2, handle_info/2, sleeper/0]).

main() ->
    process_flag(trap_exit, true),
    {ok, _} = gen_server:start_link({local, erl_server}, ?MODULE, [], []),
    io:format("ready ~s~n", [erlang:system_info(otp_release)]),
    loop().

loop() ->
    case io:read('') of
        {ok, Command} ->
            try run(Command) of
                Result -> io:format("ok ~0p~n", [Result])
            catch
                Class:Reason:Stack -> io:format("fail ~0p~n", [{Class, Reason, hd(Stack ++ [none])}])
            end,
            loop();
        _ -> halt(0)
    end.

%% The gen_server that the C++ side calls: echoes, keeps integers, crashes on demand.
init([]) -> {ok, []}.
handle_call(take, _From, Kept) -> {reply, lists:reverse(Kept), []};
handle_call(crash, _From, _Kept) -> exit(crashed);
handle_call(never, _From, Kept) -> {noreply, Kept};
handle_call({later, Millis}, From, Kept) ->
    spawn(fun() -> timer:sleep(Millis), gen_server:reply(From, late) end),
    {noreply, Kept};
handle_call(Request, _From, Kept) -> {reply, Request, Kept}.
handle_cast(N, Kept) when is_integer(N) -> {noreply, [N | Kept]}.
handle_info(N, Kept) when is_integer(N) -> {noreply, [N | Kept]};
handle_info(_, Kept) -> {noreply, Kept}.

sleeper() -> receive {exit, Reason} -> exit(Reason); stop -> ok end.

run(node) -> node();
run({ping, Node}) -> net_adm:ping(Node);
run({cookie, Node, Cookie}) -> erlang:set_cookie(Node, Cookie);
run({disconnect, Node}) -> erlang:disconnect_node(Node);
run(nodes) -> {nodes(), nodes(hidden)};
run({call, Dest, Request}) -> gen_server:call(Dest, Request);
run({call, Dest, Request, Timeout}) -> catch_exit(fun() -> gen_server:call(Dest, Request, Timeout) end);
run({whereis, Name}) -> whereis(Name);
run({start_sleeper, Name}) ->
    Pid = spawn(?MODULE, sleeper, []),
    Name =:= none orelse register(Name, Pid),
    Pid;
run({exit, Pid, Reason}) -> exit(Pid, Reason);
run({send, Dest, Message}) -> Dest ! Message, ok;
%% Every kind of term goes there and comes back the same.
run({echo_all, Dest}) ->
    Terms = terms(),
    Bad = [T || T <- Terms, gen_server:call(Dest, T) =/= T],
    [] = Bad,
    Terms = gen_server:call(Dest, Terms),
    length(Terms);
run({burst, Dest, Count}) ->
    [gen_server:cast(Dest, N) || N <- lists:seq(1, Count)],
    gen_server:call(Dest, take, 30000) =:= lists:seq(1, Count);
run({burst_plain, Dest, Count}) ->
    [Dest ! N || N <- lists:seq(1, Count)],
    gen_server:call(Dest, take, 30000) =:= lists:seq(1, Count);
%% Monitors Dest, makes it end with Reason (none: it is not there), and returns the reason of the one DOWN that follows.
run({monitor, Dest, How}) ->
    Ref = monitor(process, Dest),
    Ref2 = monitor(process, Dest),
    provoke(Dest, How),
    Reason = receive {'DOWN', Ref, process, Dest, R} -> R after 5000 -> no_down end,
    Reason2 = receive {'DOWN', Ref2, process, Dest, R2} -> R2 after 5000 -> no_down end,
    none = receive {'DOWN', _, process, Dest, _} = Twice -> Twice after 50 -> none end,
    {Reason, Reason2};
run({demonitor, Dest, How}) ->
    Ref = monitor(process, Dest),
    gen_server:call({control, node_of(Dest)}, ping),
    demonitor(Ref, [flush]),
    provoke(Dest, How),
    receive {'DOWN', Ref, _, _, _} -> unexpected after 200 -> silent end;
run({link, Pid, How}) ->
    link(Pid),
    provoke(Pid, How),
    receive {'EXIT', Pid, Reason} -> Reason after 5000 -> no_exit end;
run({link_unlink, Pid, How}) ->
    link(Pid),
    gen_server:call({control, node(Pid)}, ping),
    unlink(Pid),
    provoke(Pid, How),
    receive {'EXIT', Pid, Reason} -> Reason after 200 -> silent end;
run({link_crossing, Pid, Rounds}) ->
    [begin link(Pid), unlink(Pid) end || _ <- lists:seq(1, Rounds)],
    link(Pid),
    unlink(Pid),
    receive {'EXIT', Pid, Reason} -> Reason after 100 -> silent end;
%% A process of ours links to Pid and dies; the answer is the reason it died of.
run({die_linked_to, Pid, Reason}) ->
    {Mine, Ref} = spawn_monitor(fun() -> link(Pid), gen_server:call({control, node(Pid)}, ping), exit(Reason) end),
    receive {'DOWN', Ref, process, Mine, R} -> R after 5000 -> no_down end;
run({monitor_node, Node, Do}) ->
    monitor_node(Node, true),
    case Do of
        disconnect -> erlang:disconnect_node(Node);
        _ -> ok
    end,
    receive {nodedown, Node} -> down after 10000 -> up end;
run({watch, Dest}) -> put(watched, monitor(process, Dest)), gen_server:call({control, node_of(Dest)}, ping);
run(watched) ->
    Ref = get(watched),
    receive {'DOWN', Ref, process, _, Reason} -> Reason after 15000 -> no_down end;
run({undefined_function, Node}) ->
    {Pid, Ref} = spawn_monitor(Node, no_such_module, no_such_function, [1]),
    receive {'DOWN', Ref, process, Pid, {undef, [{no_such_module, no_such_function, [1], []} | _]}} -> undef; Other -> Other
    after 5000 -> no_down end;
run({apply, M, F, A}) -> apply(M, F, A).

provoke(_, none) -> ok;
provoke(Pid, {exit, Reason}) when is_pid(Pid) -> exit(Pid, Reason);
provoke(Dest, {tell, Message}) when is_pid(Dest) -> Dest ! Message;
provoke({_, _} = Dest, {tell, Message}) -> Dest ! Message.

node_of({_, Node}) -> Node;
node_of(Pid) -> node(Pid).

catch_exit(Do) -> try Do() catch exit:{Reason, _} -> {caught, Reason} end.

terms() ->
    Deep = lists:foldl(fun(N, Acc) -> [N, Acc] end, [], lists:seq(1, 1000)),
    [0, 255, 256, -1, 1 bsl 31, -(1 bsl 31) - 1, 1 bsl 63, 1 bsl 64, -(1 bsl 2000), 1.0, -0.5, 1.0e300,
     ok, '', 'with space', 'åäö', list_to_atom(lists:duplicate(255, 955)), true, [], [1], "string", [1 | 2], [a, [b | c]],
     lists:seq(1, 300), {}, {a}, list_to_tuple(lists:seq(1, 300)), <<>>, <<1, 2, 3>>, <<5:3>>, binary:copy(<<7>>, 100000),
     #{}, #{a => 1, 2 => b, "k" => [], 1.5 => {}}, maps:from_list([{N, N * N} || N <- lists:seq(1, 100)]),
     self(), make_ref(), hd(erlang:ports()), fun lists:map/2, fun(X) -> X + 1 end, Deep,
     {nested, [#{list => [{deep, <<"er">>}]}]}].
