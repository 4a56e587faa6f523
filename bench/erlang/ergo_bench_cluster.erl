%% The workloads of ten nodes, each an `erl` of its own with one scheduler that does not spin, because they share the
%% machine; and those about connecting and being there.
-module(ergo_bench_cluster).
-export([run/3, run/4, receivers/1, senders/3, received/0, subscribe/2, fresh/1]).
-import(ergo_bench, [timed/2]).

run('idle-node', _, Seconds) ->
    {ok, _} = net_kernel:start([list_to_atom("idle" ++ os:getpid() ++ "@localhost"), shortnames]),
    timer:sleep(500),
    {Cpu, Waits} = usage(),
    timer:sleep(Seconds * 1000),
    {CpuThen, WaitsThen} = usage(),
    {CpuThen - Cpu, Seconds,
     [{'wake-ups', (WaitsThen - Waits) / Seconds, 'per-second'}, {cpu, (CpuThen - Cpu) / Seconds / 1.0e7, '%'}]}.

run('net-10-nodes', _, Milliseconds, _) ->
    Nodes = members(),
    Receivers = [{Node, erpc:call(Node, ?MODULE, receivers, [2000])} || Node <- Nodes],
    Start = erlang:monotonic_time(nanosecond),
    [erpc:call(Node, ?MODULE, senders,
               [list_to_tuple(lists:append([Pids || {Other, Pids} <- Receivers, Other =/= Node])), Milliseconds, self()])
     || Node <- Nodes],
    Sent = lists:sum([receive {sent, Count} -> Count end || _ <- lists:seq(1, 200)]),
    wait_for(Nodes, Sent),
    {erlang:monotonic_time(nanosecond) - Start, Sent};
run('fan-out', _, N, _) ->
    Rounds = 5,
    Nodes = members(),
    Each = max(1, N div (Rounds * length(Nodes))),
    [ok = erpc:call(Node, ?MODULE, subscribe, [Each, Rounds]) || Node <- Nodes],
    All = Each * Rounds * length(Nodes),
    timed(All, fun() ->
        [{relay, Node} ! Round || Round <- lists:seq(0, Rounds - 1), Node <- Nodes],
        wait_for(Nodes, All)
    end);
run(connect, _, N, Peer) ->
    Command = io_lib:format("erl -noshell -hidden -start_epmd false -pa ~s -run ~s fresh ~s ~b",
                            [filename:dirname(code:which(?MODULE)), ?MODULE, Peer, N]),
    {list_to_integer(string:trim(os:cmd(lists:flatten(Command)))), N}.

%% A program without a name starts its node, connects and has the first answer, N times.
fresh([Peer, Count]) ->
    N = list_to_integer(Count),
    io:format("~b~n", [lists:sum([fresh(list_to_atom(Peer), I) || I <- lists:seq(1, N)])]),
    halt(0).

fresh(Peer, I) ->
    Name = list_to_atom("fresh" ++ os:getpid() ++ "x" ++ integer_to_list(I) ++ "@localhost"),
    Start = erlang:monotonic_time(nanosecond),
    {ok, _} = net_kernel:start([Name, shortnames]),
    erlang:set_cookie('ergo-bench'),
    1 = gen_server:call({echo_1, Peer}, 1),
    Took = erlang:monotonic_time(nanosecond) - Start,
    ok = net_kernel:stop(),
    Took.

members() ->
    Code = filename:dirname(code:which(?MODULE)),
    Flags = ["+S", "1:1", "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "+P", "400000", "-setcookie",
             "ergo-bench", "-start_epmd", "false", "-pa", Code],
    Nodes = [begin
        Name = "member" ++ integer_to_list(I) ++ "x" ++ os:getpid(),
        {ok, _, Node} = peer:start(#{name => Name, host => "localhost", args => Flags}),
        Node
    end || I <- lists:seq(1, 10)],
    [true = erpc:call(A, net_kernel, connect_node, [B]) || A <- Nodes, B <- Nodes, A < B],
    Nodes.

wait_for(Nodes, Expected) ->
    case lists:sum([erpc:call(Node, ?MODULE, received, []) || Node <- Nodes]) of
        Expected -> ok;
        Fewer when Fewer < Expected -> timer:sleep(5), wait_for(Nodes, Expected)
    end.

received() ->
    Tally = persistent_term:get(?MODULE),
    lists:sum([counters:get(Tally, I) || I <- lists:seq(1, maps:get(size, counters:info(Tally)))]).

receivers(N) ->
    Tally = counters:new(N, []),
    persistent_term:put(?MODULE, Tally),
    [spawn(fun() -> count(Tally, I) end) || I <- lists:seq(1, N)].

count(Tally, I) -> receive _ -> counters:add(Tally, I, 1), count(Tally, I) end.

senders(Targets, Milliseconds, To) ->
    End = erlang:monotonic_time(millisecond) + Milliseconds,
    [spawn(fun() -> To ! {sent, scatter(Targets, tuple_size(Targets), Seed, 0, End)} end) || Seed <- lists:seq(1, 20)].

scatter(Targets, Size, Seed, Sent, End) when Sent rem 64 =:= 0 ->
    case erlang:monotonic_time(millisecond) >= End of
        true -> Sent;
        false -> one_more(Targets, Size, Seed, Sent, End)
    end;
scatter(Targets, Size, Seed, Sent, End) -> one_more(Targets, Size, Seed, Sent, End).

one_more(Targets, Size, Seed, Sent, End) ->
    Next = (Seed * 1103515245 + 12345) band 16#7FFFFFFF,
    element(1 + (Next bsr 8) rem Size, Targets) ! Sent,
    scatter(Targets, Size, Next, Sent + 1, End).

subscribe(Each, Rounds) ->
    Tally = counters:new(1, []),
    persistent_term:put(?MODULE, Tally),
    Pids = [spawn(fun() -> subscriber(Tally, 0, Rounds) end) || _ <- lists:seq(1, Each)],
    register(relay, spawn(fun() -> relay(Pids) end)),
    ok.

subscriber(_, Rounds, Rounds) -> ok;
subscriber(Tally, Round, Rounds) ->
    receive Round -> counters:add(Tally, 1, 1), subscriber(Tally, Round + 1, Rounds) end.

relay(Pids) -> receive Round -> [Pid ! Round || Pid <- Pids], relay(Pids) end.

%% CPU time in nanoseconds and voluntary waits of all threads of this program.
usage() ->
    Tasks = "/proc/" ++ os:getpid() ++ "/task/*/",
    {lists:sum([nanoseconds(File) || File <- filelib:wildcard(Tasks ++ "schedstat")]),
     lists:sum([waits(File) || File <- filelib:wildcard(Tasks ++ "status")])}.

nanoseconds(File) ->
    {ok, Text} = file:read_file(File),
    binary_to_integer(hd(binary:split(Text, <<" ">>))).

waits(File) ->
    {ok, Text} = file:read_file(File),
    {match, [Count]} = re:run(Text, "\nvoluntary_ctxt_switches:\t(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(Count).
