%% The reference side of ergo-bench: the same workloads, in Erlang. Compiled by erlc and loaded before the clock starts.
%% main/1 takes [Workload, Variant, Count] or [Workload, Variant, Count, Peer] and prints "ns <nanoseconds> ops
%% <operations>" and then one line "figure <name> <value> <unit>" for each further figure.
-module(ergo_bench).
-behaviour(gen_server).
-export([start_link/0, main/1, serve/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).
-export([timed/2, in_process/2, calls/2, name/1, load/0, resident/0]).

%% The children of the workload `supervise`, and the supervisor's own callback.
start_link() -> gen_server:start_link(?MODULE, [], []).

init(supervisor) ->
    {ok, {#{strategy => simple_one_for_one},
          [#{id => kind, start => {?MODULE, start_link, []}, restart => temporary}]}};
init([]) -> {ok, 0}.
handle_call(Request, _From, State) -> {reply, Request, State}.
handle_cast(_Message, Count) -> {noreply, Count + 1}.

handle_info({From, Number}, State) -> From ! Number, {noreply, State}.

main([Workload, Variant, Count]) ->
    load(),
    report((group(Workload)):run(list_to_atom(Workload), list_to_atom(Variant), list_to_integer(Count)));
main([Workload, Variant, Count, Node]) ->
    load(),
    Peer = list_to_atom(Node),
    wait_for(Peer, 200),
    report((group(Workload)):run(list_to_atom(Workload), list_to_atom(Variant), list_to_integer(Count), Peer)).

group(Id) when Id =:= "net-10-nodes"; Id =:= "fan-out"; Id =:= "connect"; Id =:= "idle-node" -> ergo_bench_cluster;
group("tls") -> ergo_bench_net;
group("etf-" ++ _) -> ergo_bench_etf;
group("curve") -> ergo_bench_curve;
group("memory") -> ergo_bench_memory;
group(Id) when Id =:= "latency"; Id =:= "net-latency" -> ergo_bench_latency;
group("net-" ++ _) -> ergo_bench_net;
group(_) -> ergo_bench_local.

load() -> [{module, M} = code:ensure_loaded(M) || M <- [ergo_bench_etf, ergo_bench_net, ergo_bench_local, ergo_bench_curve,
                                                           ergo_bench_cluster,
                                                           ergo_bench_memory, ergo_bench_latency, gen_server, gen]].

report({Nanoseconds, Operations}) -> report({Nanoseconds, Operations, []});
report({Nanoseconds, Operations, Figures}) ->
    io:format("ns ~b ops ~b~n", [Nanoseconds, Operations]),
    [io:format("figure ~s ~p ~s~n", [Name, Value, Unit]) || {Name, Value, Unit} <- Figures],
    halt(0).

wait_for(Peer, 0) -> exit({cannot_reach, Peer});
wait_for(Peer, Tries) ->
    case net_adm:ping(Peer) of
        pong -> ok;
        pang -> timer:sleep(50), wait_for(Peer, Tries - 1)
    end.

%% The other node: 120 echo servers, registered as echo_1 … echo_120.
serve(_) ->
    load(),
    [{ok, _} = gen_server:start({local, name(I)}, ?MODULE, [], []) || I <- lists:seq(1, 120)],
    ergo_bench_net:serve(),
    io:format("ready~n"),
    receive stop -> ok end.

name(I) -> list_to_atom("echo_" ++ integer_to_list(I)).

timed(Operations, Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    {erlang:monotonic_time(nanosecond) - Start, Operations}.

%% Memory of this program that is in use now, in bytes.
resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = string:lexemes(Text, " "),
    binary_to_integer(Pages) * 4096.

in_process(N, Work) ->
    Self = self(),
    spawn(fun() -> Self ! {result, timed(N, Work)} end),
    receive {result, Result} -> Result end.

calls(_Server, 0) -> ok;
calls(Server, N) -> N = gen_server:call(Server, N), calls(Server, N - 1).
