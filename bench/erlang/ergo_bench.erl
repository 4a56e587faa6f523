%% The reference side of ergo-bench: the same workloads, in Erlang. Compiled by erlc and loaded before the clock starts.
%% main/1 takes [Workload, Count] and prints one line: "ns <nanoseconds> ops <operations>".
-module(ergo_bench).
-behaviour(gen_server).
-export([start_link/0, main/1, serve/1, echo/0, init/1, handle_call/3, handle_cast/2]).

%% The children of the workload `supervise`, and the supervisor's own callback.
start_link() -> gen_server:start_link(?MODULE, [], []).

init(supervisor) ->
    {ok, {#{strategy => simple_one_for_one},
          [#{id => kind, start => {?MODULE, start_link, []}, restart => temporary}]}};
init([]) -> {ok, 0}.
handle_call(Request, _From, State) -> {reply, Request, State}.
handle_cast(_Message, Count) -> {noreply, Count + 1}.

main([Workload, Count]) ->
    {Nanoseconds, Operations} = run(list_to_atom(Workload), list_to_integer(Count)),
    io:format("ns ~b ops ~b~n", [Nanoseconds, Operations]),
    halt(0);
main([Workload, Count, Node]) ->
    Peer = list_to_atom(Node),
    wait_for(Peer, 200),
    {Nanoseconds, Operations} = run(list_to_atom(Workload), list_to_integer(Count), Peer),
    io:format("ns ~b ops ~b~n", [Nanoseconds, Operations]),
    halt(0).

wait_for(Peer, 0) -> exit({cannot_reach, Peer});
wait_for(Peer, Tries) ->
    case net_adm:ping(Peer) of
        pong -> ok;
        pang -> timer:sleep(50), wait_for(Peer, Tries - 1)
    end.

%% The other node: 120 echo servers, registered as echo_1 … echo_120.
serve(_) ->
    [{ok, _} = gen_server:start({local, name(I)}, ?MODULE, [], []) || I <- lists:seq(1, 120)],
    receive stop -> ok end.

name(I) -> list_to_atom("echo_" ++ integer_to_list(I)).

run('send-1-1', N) ->
    Self = self(),
    timed(N, fun() ->
        Sink = spawn(fun() -> sink(0, N), Self ! done end),
        spawn(fun() -> source(Sink, 0, N) end),
        receive done -> ok end
    end);
run('storm-20-2000', N) ->
    Self = self(),
    Each = N div 2000,
    Receivers = [spawn(fun() -> count(Each), Self ! done end) || _ <- lists:seq(1, 2000)],
    Groups = groups(Receivers, 100),
    timed(Each * 2000, fun() ->
        [spawn(fun() -> storm(Group, Each) end) || Group <- Groups],
        [receive done -> ok end || _ <- Receivers]
    end);
run('call-seq', N) ->
    {ok, Server} = gen_server:start(?MODULE, [], []),
    in_process(N, fun() -> calls(Server, N) end);
run('call-120', N) ->
    Each = N div 120,
    Self = self(),
    timed(Each * 120, fun() ->
        [spawn(fun() ->
            {ok, Server} = gen_server:start(?MODULE, [], []),
            calls(Server, Each),
            Self ! done
        end) || _ <- lists:seq(1, 120)],
        [receive done -> ok end || _ <- lists:seq(1, 120)]
    end);
run('spawn-exit', N) ->
    in_process(N, fun() -> spawns(N) end);
run('supervise', N) ->
    in_process(N, fun() -> supervise(N) end);
run('etf-encode', N) ->
    Message = orders(),
    in_process(N, fun() -> encode(Message, N) end);
run('etf-decode', N) ->
    Message = orders(),
    Bytes = to_bytes(Message),
    Message = binary_to_term(Bytes),
    in_process(N, fun() -> decode(Bytes, N) end).

run('net-call-seq', N, Peer) ->
    Server = rpc:call(Peer, erlang, whereis, [echo_1]),
    case is_pid(Server) of
        true -> in_process(N, fun() -> calls(Server, N) end);
        false -> in_process(N, fun() -> calls({echo_1, Peer}, N) end)
    end;
run('net-call-120', N, Peer) ->
    Each = N div 120,
    Self = self(),
    timed(Each * 120, fun() ->
        [spawn(fun() -> calls({name(I), Peer}, Each), Self ! done end) || I <- lists:seq(1, 120)],
        [receive done -> ok end || _ <- lists:seq(1, 120)]
    end);
run('net-beside-large', N, Peer) ->
    Self = self(),
    Bulk = spawn_link(fun() -> bulk({echo_1, Peer}, binary:copy(<<"x">>, 200000000)) end),
    spawn_link(fun() -> Self ! {times, smalls({echo_2, Peer}, N, erlang:monotonic_time(millisecond), [])} end),
    Times = receive {times, List} -> lists:sort(List) end,
    unlink(Bulk),
    {lists:nth(length(Times) - length(Times) div 100, Times), 1}.

supervise(N) ->
    process_flag(trap_exit, true),
    {ok, Top} = supervisor:start_link(?MODULE, supervisor),
    [{ok, _} = supervisor:start_child(Top, []) || _ <- lists:seq(1, N)],
    All = [Pid || {_, Pid, _, _} <- supervisor:which_children(Top)],
    N = length(All),
    Tenth = [Pid || {Place, Pid} <- lists:zip(lists:seq(0, N - 1), All), Place rem 10 =:= 0],
    [ok = supervisor:terminate_child(Top, Pid) || Pid <- Tenth],
    {active, Left} = lists:keyfind(active, 1, supervisor:count_children(Top)),
    Left = N - length(Tenth),
    exit(Top, shutdown),
    receive {'EXIT', Top, shutdown} -> ok end.

bulk(To, Binary) -> Binary = gen_server:call(To, Binary, 60000), bulk(To, Binary).

smalls(_To, 0, _Last, Times) -> Times;
smalls(To, N, Last, Times) ->
    receive after max(0, Last + 1 - erlang:monotonic_time(millisecond)) -> ok end,
    Start = erlang:monotonic_time(nanosecond),
    N = gen_server:call(To, N, 60000),
    smalls(To, N - 1, Last + 1, [erlang:monotonic_time(nanosecond) - Start | Times]).

timed(Operations, Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    {erlang:monotonic_time(nanosecond) - Start, Operations}.

in_process(N, Work) ->
    Self = self(),
    spawn(fun() -> Self ! {result, timed(N, Work)} end),
    receive {result, Result} -> Result end.

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

calls(_Server, 0) -> ok;
calls(Server, N) -> N = gen_server:call(Server, N), calls(Server, N - 1).

spawns(0) -> ok;
spawns(N) ->
    {_, Ref} = spawn_monitor(?MODULE, echo, []),
    receive {'DOWN', Ref, process, _, normal} -> spawns(N - 1) end.

echo() -> ok.

%% The same message as orders() in terms.cpp.
orders() ->
    [{order, I, list_to_binary("customer-" ++ integer_to_list(1000 + I)), I * 1.5, #{state => open, tags => [new, paid]},
      [1000 + I, -I, 5000000000 + I]} || I <- lists:seq(1, 100)].

encode(_Message, 0) -> ok;
encode(Message, N) -> 10307 = byte_size(to_bytes(Message)), encode(Message, N - 1).

%% Atoms in UTF-8, which is the default from OTP 26 on.
to_bytes(Message) -> term_to_binary(Message, [{minor_version, 2}]).

decode(_Bytes, 0) -> ok;
decode(Bytes, N) -> 100 = length(binary_to_term(Bytes)), decode(Bytes, N - 1).
