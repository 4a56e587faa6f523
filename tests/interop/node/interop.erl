%% The Erlang side of the interop tests: one long-lived node per release that runs scenarios on command.
%% Each line on standard input is a term; each answer is one line, "ok <term>" or "fail <reason>". `{set, Name, Command}` keeps a result,
%% and `{var, Name}` stands for it in later commands, because pids have no syntax.
-module(interop).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2, handle_info/2, sleeper/0]).

main() ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    {ok, _} = gen_server:start_link({local, erl_server}, ?MODULE, [], []),
    io:format("ready ~s~n", [erlang:system_info(otp_release)]),
    loop().

loop() ->
    case io:read('') of
        {ok, Command} ->
            try run(expand(Command)) of
                Result -> io:format("ok ~0p~n", [Result])
            catch
                Class:Reason:Stack -> io:format("fail ~0p~n", [{Class, Reason, hd(Stack ++ [none])}])
            end,
            loop();
        _ -> halt(0)
    end.

expand({set, Name, Command}) -> {set, Name, Command};
expand({var, Name}) -> get({var, Name});
expand(Tuple) when is_tuple(Tuple) -> list_to_tuple(expand(tuple_to_list(Tuple)));
expand([Head | Tail]) -> [expand(Head) | expand(Tail)];
expand(Other) -> Other.

%% The gen_server that the C++ side calls: echoes, keeps integers, ends on demand, and runs the commands below.
init([]) -> {ok, []}.
handle_call(take, _From, Kept) -> {reply, lists:reverse(Kept), []};
handle_call(crash, _From, _Kept) -> exit(crashed);
handle_call({stop, Reason}, _From, Kept) -> {stop, Reason, Kept};
handle_call(never, _From, Kept) -> {noreply, Kept};
handle_call({later, Millis}, From, Kept) ->
    erlang:send_after(Millis, self(), {answer_late, From}),
    {noreply, Kept};
handle_call(wait_late, From, Kept) ->
    case erase(late) of
        true -> {reply, ok, Kept};
        _ -> put(waits_late, From), {noreply, Kept}
    end;
handle_call({run, Command}, From, Kept) ->
    spawn(fun() -> gen_server:reply(From, try run(Command) catch Class:Reason -> {failed, Class, Reason} end) end),
    {noreply, Kept};
handle_call(Request, _From, Kept) -> {reply, Request, Kept}.

handle_cast(N, Kept) when is_integer(N) -> {noreply, [N | Kept]};
handle_cast(_, Kept) -> {noreply, Kept}.

handle_info(N, Kept) when is_integer(N) -> {noreply, [N | Kept]};
handle_info({answer_late, From}, Kept) ->
    gen_server:reply(From, late),
    case erase(waits_late) of
        undefined -> put(late, true);
        Waiting -> gen_server:reply(Waiting, ok)
    end,
    {noreply, Kept};
handle_info(_, Kept) -> {noreply, Kept}.

sleeper() ->
    receive
        {exit, Reason} -> exit(Reason);
        {cross, Pid, Rounds} -> cross(Pid, Rounds), Pid ! crossed, sleeper();
        stop -> ok;
        _ -> sleeper()
    end.

cross(Pid, Rounds) -> [begin link(Pid), unlink(Pid) end || _ <- lists:seq(1, Rounds)].

run({set, Name, Command}) -> put({var, Name}, run(expand(Command))), ok;
run(node) -> node();
run({ping, Node}) -> net_adm:ping(Node);
run({cookie, Node, Cookie}) -> erlang:set_cookie(Node, Cookie);
run({disconnect, Node}) -> erlang:disconnect_node(Node);
run(nodes) -> {nodes(), nodes(hidden)};
run({connected, Node}) -> lists:member(Node, nodes(connected));
run(names) -> {ok, Names} = erl_epmd:names(), lists:sort([Name || {Name, _} <- Names]);
run({call, Dest, Request}) -> gen_server:call(Dest, Request);
run({call, Dest, Request, Timeout}) -> catch_exit(fun() -> gen_server:call(Dest, Request, Timeout) end);
run({cast, Dest, Message}) -> gen_server:cast(Dest, Message);
run({whereis, Name}) -> whereis(Name);
run({remote_whereis, Node, Name}) -> gen_server:call({control, Node}, {whereis, Name});
run({start_server, Name}) ->
    {ok, Pid} = case Name of
        none -> gen_server:start(?MODULE, [], []);
        _ -> gen_server:start({local, Name}, ?MODULE, [], [])
    end,
    Pid;
run({start_sleeper, Name}) ->
    Pid = spawn(?MODULE, sleeper, []),
    Name =:= none orelse register(Name, Pid),
    Pid;
run({remote_sleeper, Name, Node}) -> gen_server:call({control, Node}, {start_sleeper, Name});
run({exit, Pid, Reason}) -> exit(Pid, Reason);
run({exit_large, Pid, Bytes}) -> link(Pid), exit(Pid, {large, binary:copy(<<7>>, Bytes)}),
    receive {'EXIT', Pid, {large, Large}} -> byte_size(Large) after 10000 -> no_exit end;
run({send, Dest, Message}) -> Dest ! Message, ok;
run(mailbox) -> element(2, process_info(self(), messages));
run({is_alive, Pid}) -> is_process_alive(Pid);
%% Every kind of term goes there and comes back the same.
run({echo_all, Dest}) ->
    Terms = terms(),
    [] = [T || T <- Terms, gen_server:call(Dest, T) =/= T],
    Terms = gen_server:call(Dest, Terms),
    all;
run({burst, Dest, Count}) ->
    [gen_server:cast(Dest, N) || N <- lists:seq(1, Count)],
    gen_server:call(Dest, take, 30000) =:= lists:seq(1, Count);
run({spam, Dest, Count}) -> spawn(fun() -> [Dest ! N || N <- lists:seq(1, Count)] end), ok;
run({burst_plain, Dest, Count}) ->
    [Dest ! N || N <- lists:seq(1, Count)],
    gen_server:call(Dest, take, 30000) =:= lists:seq(1, Count);
%% Two monitors on Dest, which is then made to end: the reasons of the two 'DOWN's, and what else came.
run({monitor, Dest, How}) ->
    Ref = monitor(process, Dest),
    Ref2 = monitor(process, Dest),
    provoke(How),
    Object = case Dest of {_, _} -> Dest; _ -> Dest end,
    Reason = receive {'DOWN', Ref, process, Object, R} -> R after 10000 -> no_down end,
    Reason2 = receive {'DOWN', Ref2, process, Object, R2} -> R2 after 10000 -> no_down end,
    settle(Dest, How),
    {Reason, Reason2, lists_of_downs()};
run({demonitor, Dest, Pid, How}) ->
    Ref = monitor(process, Dest),
    pong = gen_server:call({control, node_of(Dest)}, ping),
    demonitor(Ref, [flush]),
    provoke(How),
    await_end(Pid),
    lists_of_downs();
%% The 'DOWN' is in the mailbox already when it is flushed.
run({demonitor_late, Dest, Pid, How}) ->
    Ref = monitor(process, Dest),
    provoke(How),
    await_end(Pid),
    pong = gen_server:call({control, node_of(Dest)}, ping),
    demonitor(Ref, [flush]),
    lists_of_downs();
run({link, Pid, How}) ->
    link(Pid),
    provoke(How),
    receive {'EXIT', Pid, Reason} -> Reason after 10000 -> no_exit end;
run({link_unlink, Pid, How}) ->
    link(Pid),
    pong = gen_server:call({control, node(Pid)}, ping),
    unlink(Pid),
    provoke(How),
    await_end(Pid),
    exits(Pid);
run({link_crossing, Pid, Rounds}) ->
    Pid ! {cross, self(), Rounds},
    cross(Pid, Rounds),
    receive crossed -> ok after 20000 -> exit(not_crossed) end,
    unlink(Pid),
    pong = gen_server:call({control, node(Pid)}, ping),
    Pid ! {exit, boom},
    await_end(Pid),
    exits(Pid);
%% A process of ours links to Pid and ends; Pid, which does not trap exits, must end of the same.
run({die_linked_to, Pid, Reason}) ->
    Ref = monitor(process, Pid),
    spawn(fun() -> link(Pid), pong = gen_server:call({control, node(Pid)}, ping), exit(Reason) end),
    receive {'DOWN', Ref, process, Pid, R} -> R after 10000 -> no_down end;
run({monitor_node, Node, Do}) ->
    monitor_node(Node, true),
    provoke(Do),
    receive {nodedown, Node} -> down after 20000 -> up end;
run({monitor_node_count, Node}) ->
    monitor_node(Node, true),
    monitor_node(Node, true),
    provoke({disconnect, Node}),
    [receive {nodedown, Node} -> down after 10000 -> up end || _ <- [1, 2]];
%% What is watched here is asked for by `watched`.
run({watch, Pid}) ->
    Ref = monitor(process, Pid),
    link(Pid),
    monitor_node(node(Pid), true),
    pong = gen_server:call({control, node(Pid)}, ping),
    put(watched, {Pid, Ref}),
    ok;
run({watch_plain, Dest, Node}) ->
    Ref = monitor(process, Dest),
    monitor_node(Node, true),
    put(watched_plain, {Dest, Ref, Node}),
    gen_server:call(Dest, watched);
run({watched_plain, Patience}) ->
    {Dest, Ref, Node} = erase(watched_plain),
    Down = receive {'DOWN', Ref, process, Dest, R} -> R after Patience -> no_down end,
    NodeDown = receive {nodedown, Node} -> nodedown after Patience -> no_nodedown end,
    {Down, NodeDown};
run({watched, Patience}) ->
    {Pid, Ref} = erase(watched),
    Down = receive {'DOWN', Ref, process, _, R} -> R after Patience -> no_down end,
    Exit = receive {'EXIT', Pid, X} -> X after Patience -> no_exit end,
    NodeDown = receive {nodedown, Node} when Node =:= node(Pid) -> nodedown after Patience -> no_nodedown end,
    {Down, Exit, NodeDown};
run({undefined_function, Node}) ->
    {Pid, Ref} = spawn_monitor(Node, no_such_module, no_such_function, [1]),
    receive
        {'DOWN', Ref, process, Pid, {undef, [{no_such_module, no_such_function, [1], []} | _]}} -> undef;
        {'DOWN', Ref, process, Pid, Other} -> Other
    after 5000 -> no_down end;
run({load, Source}) ->
    {ok, Module, Binary} = compile:file(Source, [binary]),
    {module, Module} = code:load_binary(Module, Source, Binary),
    ok;
run({apply, M, F, A}) -> apply(M, F, A).

provoke(none) -> ok;
provoke({exit, Pid, Reason}) -> exit(Pid, Reason);
provoke({disconnect, Node}) -> erlang:disconnect_node(Node);
provoke({tell, Dest, Message}) -> Dest ! Message.

%% After this, everything that the end of the process sends to us has arrived.
await_end(Pid) ->
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, process, Pid, _} -> ok after 10000 -> exit(still_alive) end,
    pong = gen_server:call({control, node(Pid)}, ping).

settle(_, {disconnect, _}) -> ok;
settle(Dest, _) -> pong = gen_server:call({control, node_of(Dest)}, ping).

lists_of_downs() -> receive {'DOWN', _, _, _, _} = Down -> [Down | lists_of_downs()] after 0 -> [] end.
exits(Pid) -> receive {'EXIT', Pid, Reason} -> [Reason | exits(Pid)] after 0 -> [] end.

node_of({_, Node}) -> Node;
node_of(Pid) -> node(Pid).

catch_exit(Do) -> try Do() catch exit:{Reason, _} -> {caught, Reason} end.

terms() ->
    Deep = lists:foldl(fun(N, Acc) -> [N, Acc] end, [], lists:seq(1, 1000)),
    [0, 255, 256, -1, 1 bsl 31, -(1 bsl 31) - 1, 1 bsl 63, 1 bsl 64, -(1 bsl 2000), 1.0, -0.5, 1.0e300,
     ok, '', 'with space', list_to_atom([229, 228, 246]), list_to_atom(lists:duplicate(255, 955)), true, [], [1], "string", [1 | 2],
     [a, [b | c]], lists:seq(1, 300), {}, {a}, list_to_tuple(lists:seq(1, 300)), <<>>, <<1, 2, 3>>, <<5:3>>, binary:copy(<<7>>, 100000),
     #{}, #{a => 1, 2 => b, "k" => [], 1.5 => {}}, maps:from_list([{N, N * N} || N <- lists:seq(1, 100)]),
     self(), make_ref(), hd(erlang:ports()), fun lists:map/2, fun(X) -> X + 1 end, Deep,
     {nested, [#{list => [{deep, <<"er">>}]}]}].
