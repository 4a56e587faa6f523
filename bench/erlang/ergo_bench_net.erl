%% The workloads between two nodes.
-module(ergo_bench_net).
-behaviour(gen_server).
-export([run/4, serve/0, init/1, handle_call/3, handle_cast/2]).
-import(ergo_bench, [timed/2, in_process/2, calls/2, name/1]).

run('net-call-seq', Variant, N, Peer) ->
    Sent = payload(Variant),
    in_process(N, fun() -> echoes({name(1), Peer}, Sent, N) end);
run('net-call-120', Variant, N, Peer) ->
    Each = max(1, N div 120),
    Self = self(),
    Sent = payload(Variant),
    timed(Each * 120, fun() ->
        [spawn(fun() -> echoes({name(I), Peer}, Sent, Each), Self ! done end) || I <- lists:seq(1, 120)],
        [receive done -> ok end || _ <- lists:seq(1, 120)]
    end);
run('net-call-120-in-one', Variant, N, Peer) ->
    run('net-call-120', Variant, N, Peer);
run('net-message-size', Variant, N, Peer) -> run('net-call-seq', Variant, N, Peer);
run('net-storm', '20-2000', N, Peer) ->
    Each = max(1, N div 2000),
    timed(Each * 2000, fun() ->
        {storm, Peer} ! {self(), Each},
        Pids = receive List when is_list(List) -> List end,
        [spawn(fun() -> storm(Group, 0, Each) end) || Group <- groups(Pids)],
        [receive done -> ok end || _ <- Pids]
    end);
run('net-storm', _, N, Peer) ->
    in_process(N, fun() ->
        casts({counter, Peer}, 0, N),
        N = gen_server:call({counter, Peer}, count, 60000)
    end);
run(tls, 'call-seq', N, Peer) -> run('net-call-seq', number, N, Peer);
run(tls, 'call-120', N, Peer) -> run('net-call-120', number, N, Peer);
run(tls, storm, N, Peer) -> run('net-storm', none, N, Peer);
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

%% What a variant sends: the same as ours.
payload(number) -> number;
payload(string) -> "a string of some thirty characters";
payload('pid-atom') -> {a_pid(), item};
payload(tuple) -> list_to_tuple(ten_items());
payload(map) -> maps:from_list(lists:zip([list_to_atom("key_" ++ integer_to_list(I)) || I <- lists:seq(0, 9)], ten_items()));
payload(pids) -> [a_pid() || _ <- lists:seq(1, 200)];
payload(Size) -> binary:copy(<<"x">>, bytes(string:to_integer(atom_to_list(Size)))).

bytes({N, "B"}) -> N;
bytes({N, "KB"}) -> N * 1000;
bytes({N, "MB"}) -> N * 1000000.

ten_items() -> [item, 1, 2.5, <<"three">>, 4, five, 6, <<"seven">>, 8, nine].

a_pid() -> spawn(fun() -> ok end).

%% Binaries are compared whole in the first and the last call, and by their length otherwise.
echoes(To, number, N) -> calls(To, N);
echoes(To, Sent, N) -> Sent = gen_server:call(To, Sent), echo(To, Sent, N - 1).

echo(_To, _Sent, 0) -> ok;
echo(To, Sent, 1) -> Sent = gen_server:call(To, Sent), ok;
echo(To, Sent, N) when is_binary(Sent) ->
    Back = gen_server:call(To, Sent),
    true = byte_size(Back) =:= byte_size(Sent),
    echo(To, Sent, N - 1);
echo(To, Sent, N) -> Sent = gen_server:call(To, Sent), echo(To, Sent, N - 1).

%% What net-storm sends to: a server that counts casts 0, 1, 2 …, and a process that starts receivers.
serve() ->
    {ok, _} = gen_server:start({local, counter}, ?MODULE, [], []),
    register(storm, spawn(fun gate/0)).

init([]) -> {ok, 0}.
handle_call(count, _From, Count) -> {reply, Count, Count}.
handle_cast(Count, Count) -> {noreply, Count + 1}.

gate() ->
    receive {From, Each} ->
        From ! [spawn(fun() -> sink(0, Each), From ! done end) || _ <- lists:seq(1, 2000)],
        gate()
    end.

sink(N, N) -> ok;
sink(I, N) -> receive I -> sink(I + 1, N); Other -> exit({order, I, Other}) end.

casts(_To, N, N) -> ok;
casts(To, I, N) -> gen_server:cast(To, I), casts(To, I + 1, N).

groups([]) -> [];
groups(List) ->
    {Group, Rest} = lists:split(100, List),
    [Group | groups(Rest)].

storm(_Group, N, N) -> ok;
storm(Group, I, N) -> [Pid ! I || Pid <- Group], storm(Group, I + 1, N).
