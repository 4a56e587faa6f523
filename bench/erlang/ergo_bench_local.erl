%% The workloads of one node.
-module(ergo_bench_local).
-export([run/3, echo/0]).
-import(ergo_bench, [timed/2, in_process/2, calls/2]).

run('send-1-1', _, N) ->
    Self = self(),
    timed(N, fun() ->
        Sink = spawn(fun() -> sink(0, N), Self ! done end),
        spawn(fun() -> source(Sink, 0, N) end),
        receive done -> ok end
    end);
run('storm-20-2000', _, N) ->
    Self = self(),
    Each = N div 2000,
    Receivers = [spawn(fun() -> count(Each), Self ! done end) || _ <- lists:seq(1, 2000)],
    Groups = groups(Receivers, 100),
    timed(Each * 2000, fun() ->
        [spawn(fun() -> storm(Group, Each) end) || Group <- Groups],
        [receive done -> ok end || _ <- Receivers]
    end);
run('call-seq', _, N) ->
    {ok, Server} = gen_server:start(ergo_bench, [], []),
    in_process(N, fun() -> calls(Server, N) end);
run('call-120', _, N) ->
    Each = N div 120,
    Self = self(),
    timed(Each * 120, fun() ->
        [spawn(fun() ->
            {ok, Server} = gen_server:start(ergo_bench, [], []),
            calls(Server, Each),
            Self ! done
        end) || _ <- lists:seq(1, 120)],
        [receive done -> ok end || _ <- lists:seq(1, 120)]
    end);
run('spawn-exit', _, N) ->
    in_process(N, fun() -> spawns(N) end);
run('supervise', _, N) ->
    in_process(N, fun() -> supervise(N) end).

supervise(N) ->
    process_flag(trap_exit, true),
    {ok, Top} = supervisor:start_link(ergo_bench, supervisor),
    [{ok, _} = supervisor:start_child(Top, []) || _ <- lists:seq(1, N)],
    All = [Pid || {_, Pid, _, _} <- supervisor:which_children(Top)],
    N = length(All),
    Tenth = [Pid || {Place, Pid} <- lists:zip(lists:seq(0, N - 1), All), Place rem 10 =:= 0],
    [ok = supervisor:terminate_child(Top, Pid) || Pid <- Tenth],
    {active, Left} = lists:keyfind(active, 1, supervisor:count_children(Top)),
    Left = N - length(Tenth),
    exit(Top, shutdown),
    receive {'EXIT', Top, shutdown} -> ok end.

source(_Sink, N, N) -> ok;
source(Sink, I, N) -> Sink ! I, source(Sink, I + 1, N).

sink(N, N) -> ok;
sink(I, N) -> receive I -> sink(I + 1, N); Other -> exit({order, I, Other}) end.

count(0) -> ok;
count(N) -> receive _ -> count(N - 1) end.

groups([], _) -> [];
groups(List, Size) ->
    {Group, Rest} = lists:split(Size, List),
    [Group | groups(Rest, Size)].

storm(_Group, 0) -> ok;
storm(Group, Rounds) -> [Pid ! Rounds || Pid <- Group], storm(Group, Rounds - 1).

spawns(0) -> ok;
spawns(N) ->
    {_, Ref} = spawn_monitor(?MODULE, echo, []),
    receive {'DOWN', Ref, process, _, normal} -> spawns(N - 1) end.

echo() -> ok.
