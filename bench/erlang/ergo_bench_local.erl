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
    Each = max(1, N div 2000),
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
    Each = max(1, N div 120),
    Self = self(),
    {ok, One} = gen_server:start(ergo_bench, [], []),
    {Alone, Count} = in_process(N div 4 + 1, fun() -> calls(One, N div 4 + 1) end),
    {Took, _} = timed(Each * 120, fun() ->
        [spawn(fun() ->
            {ok, Server} = gen_server:start(ergo_bench, [], []),
            calls(Server, Each),
            Self ! done
        end) || _ <- lists:seq(1, 120)],
        [receive done -> ok end || _ <- lists:seq(1, 120)]
    end),
    {Took, Each * 120, [{'times-call-seq', (Took / (Each * 120)) / (Alone / Count), times}]};
run('call-1MB', _, N) ->
    contents(<<"x">>, N div 4 + 1),
    {Large, _} = contents(binary:copy(<<"x">>, 1000000), N),
    {Small, _} = contents(<<"x">>, N),
    {Large, N, [{'one-byte', Small / N, ns}, {'times-one-byte', Large / Small, times}]};
run('skynet-1M', _, N) ->
    Leaves = power_of_ten(N, 1),
    in_process(1, fun() ->
        Self = self(),
        spawn(fun() -> tree(Self, 0, Leaves) end),
        Sum = Leaves * (Leaves - 1) div 2,
        receive Sum -> ok; Other -> exit({sum, Other}) end
    end);
run('ring-1000', _, N) ->
    Rounds = max(1, N div 1000),
    Self = self(),
    Members = [spawn(fun() -> receive {next, Next} -> member(Next, Place, Rounds * 1000, Self) end end)
               || Place <- lists:seq(0, 999)],
    [Member ! {next, Next} || {Member, Next} <- lists:zip(Members, tl(Members) ++ [hd(Members)])],
    timed(Rounds * 1000, fun() -> hd(Members) ! 0, receive done -> ok end end);
run('idle-1M', _, N) ->
    Self = self(),
    spawn(fun() -> Self ! {result, idle(N)} end),
    receive {result, Result} -> Result end;
run('spawn-exit', _, N) ->
    in_process(N, fun() -> spawns(N) end);
run('supervise', _, N) ->
    in_process(N, fun() -> supervise(N) end).

contents(Content, N) ->
    {ok, Server} = gen_server:start(ergo_bench, [], []),
    in_process(N, fun() -> content_calls(Server, Content, byte_size(Content), N) end).

content_calls(Server, Content, _, 0) -> Content = gen_server:call(Server, Content);
content_calls(Server, Content, Size, N) ->
    Size = byte_size(gen_server:call(Server, Content)),
    content_calls(Server, Content, Size, N - 1).

power_of_ten(N, Power) when Power * 10 =< N -> power_of_ten(N, Power * 10);
power_of_ten(_, Power) -> Power.

tree(Parent, First, 1) -> Parent ! First;
tree(Parent, First, Leaves) ->
    Self = self(),
    Each = Leaves div 10,
    [spawn(fun() -> tree(Self, First + Child * Each, Each) end) || Child <- lists:seq(0, 9)],
    Parent ! sum(10, 0).

sum(0, Sum) -> Sum;
sum(N, Sum) -> receive Value -> sum(N - 1, Sum + Value) end.

member(Next, Hops, All, Owner) ->
    receive
        Hops when Hops + 1 =:= All -> Owner ! done;
        Hops when Hops + 1000 >= All -> Next ! Hops + 1;
        Hops -> Next ! Hops + 1, member(Next, Hops + 1000, All, Owner);
        Other -> exit({order, Hops, Other})
    end.

idle(N) ->
    Before = ergo_bench:resident(),
    Start = erlang:monotonic_time(nanosecond),
    Servers = [begin {ok, Server} = gen_server:start(ergo_bench, [], []), Server end || _ <- lists:seq(1, N)],
    Started = erlang:monotonic_time(nanosecond),
    Memory = ergo_bench:resident() - Before - N * 16,
    {Took, 1} = timed(1, fun() ->
        ask(Servers, 1),
        Sum = N * (N + 1) div 2,
        Sum = sum(N, 0)
    end),
    {Took, 1, [{'rss-per-process', Memory / N, bytes}, {start, (Started - Start) / N, ns}]}.

ask([], _) -> ok;
ask([Server | Rest], Number) -> Server ! {self(), Number}, ask(Rest, Number + 1).

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
