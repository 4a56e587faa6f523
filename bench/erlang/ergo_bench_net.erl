%% The workloads between two nodes.
-module(ergo_bench_net).
-export([run/4]).
-import(ergo_bench, [timed/2, in_process/2, calls/2, name/1]).

run('net-call-seq', _, N, Peer) ->
    in_process(N, fun() -> calls({name(1), Peer}, N) end);
run('net-call-120', _, N, Peer) ->
    Each = N div 120,
    Self = self(),
    timed(Each * 120, fun() ->
        [spawn(fun() -> calls({name(I), Peer}, Each), Self ! done end) || I <- lists:seq(1, 120)],
        [receive done -> ok end || _ <- lists:seq(1, 120)]
    end);
run('net-beside-large', _, N, Peer) ->
    Self = self(),
    Bulk = spawn_link(fun() -> bulk({echo_1, Peer}, binary:copy(<<"x">>, 200000000)) end),
    spawn_link(fun() -> Self ! {times, smalls({echo_2, Peer}, N, erlang:monotonic_time(millisecond), [])} end),
    Times = receive {times, List} -> lists:sort(List) end,
    unlink(Bulk),
    {lists:nth(length(Times) - length(Times) div 100, Times), 1}.

bulk(To, Binary) -> Binary = gen_server:call(To, Binary, 60000), bulk(To, Binary).

smalls(_To, 0, _Last, Times) -> Times;
smalls(To, N, Last, Times) ->
    receive after max(0, Last + 1 - erlang:monotonic_time(millisecond)) -> ok end,
    Start = erlang:monotonic_time(nanosecond),
    N = gen_server:call(To, N, 60000),
    smalls(To, N - 1, Last + 1, [erlang:monotonic_time(nanosecond) - Start | Times]).
