%% The Erlang side of the soak: streams of numbered messages to and from our node, and processes that call, link, monitor, spawn and register,
%% all at random. It counts what it sees, and keeps what must never be.
-module(soak_side).
-export([start/2, quiet/0, sample/0, violation/0, books/1, books_here/1, worker/0]).

-define(pairs, [1, 2, 3, 4, 5]).
-define(interval, 4).     %% milliseconds between two messages of a stream
-define(churners, 4).
-define(patience, 30000).
-define(most_kept, 100).

%% Counters; quiet is none, but a word to everybody.
-define(sent, 1).
-define(received, 2).
-define(lost, 3).
-define(ended, 4).
-define(calls, 5).
-define(spawns, 6).
-define(links, 7).
-define(monitors, 8).
-define(names, 9).
-define(churning, 10).
-define(violations, 11).
-define(quiet, 12).

count(What) -> count(What, 1).
count(What, By) -> counters:add(persistent_term:get(soak), What, By).
seen(What) -> counters:get(persistent_term:get(soak), What).

wrong(Format, Arguments) ->
    count(?violations),
    Number = seen(?violations),
    Number =< ?most_kept andalso ets:insert(soak, {Number, lists:flatten(io_lib:format(Format, Arguments))}),
    ok.

%% Life is the number of this incarnation of the node.
start(Cpp, Life) ->
    persistent_term:put(soak, counters:new(?quiet, [])),
    ets:new(soak, [named_table, public, ordered_set]),
    Text = streams_side:text(),
    [register(name(Pair), spawn(fun() -> check(Cpp, Pair, Text) end)) || Pair <- ?pairs],
    [spawn(fun() -> feed(Cpp, Life, Pair, Text) end) || Pair <- ?pairs],
    [spawn(fun() -> churn(Cpp, list_to_atom("churn_" ++ integer_to_list(Number))) end) || Number <- lists:seq(1, ?churners)],
    ok.

quiet() -> counters:put(persistent_term:get(soak), ?quiet, 1).
is_quiet() -> seen(?quiet) =:= 1.

sample() -> [seen(What) || What <- lists:seq(1, ?violations)] ++ [erlang:system_info(process_count), erlang:system_info(atom_count)].

%% One of those that nobody was told of yet.
violation() ->
    case ets:first(soak) of
        '$end_of_table' -> none;
        Number -> [{_, Text}] = ets:take(soak, Number), lists:sublist(Text, 300)
    end.

%% What links and monitors our node's busiest server has in its books; `[]` for none, anything but a list when it cannot be asked.
books(Cpp) ->
    Pid = rpc:call(Cpp, erlang, whereis, [echo]),
    of_others(rpc:call(Cpp, erlang, process_info, [Pid, [links, monitors, monitored_by]]), fun(_) -> true end).
%% The same of the server that our node calls here: those with processes of our node.
books_here(Cpp) ->
    of_others(process_info(whereis(erl_server), [links, monitors, monitored_by]), fun(Who) -> node_of(Who) =:= Cpp end).

of_others(Items, Counts) when is_list(Items) ->
    Chosen = [{What, lists:filter(Counts, All)} || {What, All} <- Items],
    [One || {_, [_ | _]} = One <- Chosen];
of_others(Failure, _) -> Failure.

node_of({process, Who}) -> node_of(Who);
node_of({_, Node}) -> Node;
node_of(Who) -> node(Who).

name(Pair) -> list_to_atom("soak_" ++ erlang:system_info(otp_release) ++ "_" ++ integer_to_list(Pair)).

%% A loss is explained by a nodedown between the messages around it. What was sent before the first message is not known.
check(Cpp, Pair, Text) ->
    ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
    check(Cpp, Pair, Text, unknown, true).
check(Cpp, Pair, Text, Last, Down) ->
    receive
        {nodedown, Cpp, _} -> check(Cpp, Pair, Text, Last, true);
        {nodeup, _, _} -> check(Cpp, Pair, Text, Last, Down);
        {nodedown, _, _} -> check(Cpp, Pair, Text, Last, Down);
        {fin, 1, Number} ->
            skip(Pair, Last, Number + 1, Down),
            count(?ended),
            check(Cpp, Pair, Text, Number, Down);
        {1, Number, Bytes} ->
            Bytes =:= streams_side:content(Text, Pair, Number) orelse wrong("stream ~b: damaged ~b", [Pair, Number]),
            skip(Pair, Last, Number, Down),
            count(?received),
            check(Cpp, Pair, Text, Number, false)
    end.

skip(_, unknown, _, _) -> ok;
skip(Pair, Last, Number, _) when Number =< Last -> wrong("stream ~b: twice or out of order: ~b after ~b", [Pair, Number, Last]);
skip(_, Last, Number, _) when Number =:= Last + 1 -> ok;
skip(_, Last, Number, true) -> count(?lost, Number - Last - 1);
skip(Pair, Last, Number, false) -> wrong("stream ~b: lost without a nodedown: ~b to ~b", [Pair, Last + 1, Number - 1]).

feed(Cpp, Life, Pair, Text) ->
    ok = net_kernel:monitor_nodes(true, [{node_type, all}]),
    feed(Cpp, Life, Pair, Text, 0, lists:member(Cpp, nodes(connected)), now_ms()).
%% While the node is away, each message is an attempt to connect.
feed(Cpp, Life, Pair, Text, Number, Up, Paid) ->
    receive
        {nodeup, Cpp, _} -> feed(Cpp, Life, Pair, Text, Number, true, Paid);
        {nodedown, Cpp, _} -> feed(Cpp, Life, Pair, Text, Number, false, Paid);
        {_, _, _} -> feed(Cpp, Life, Pair, Text, Number, Up, Paid)
    after case Up of true -> 20; false -> 200 end ->
        Dest = {stream(Pair), Cpp},
        case is_quiet() of
            true -> Dest ! {fin, Life, Number};
            false ->
                Owed = (now_ms() - Paid) div ?interval,
                Due = case Up of true -> min(Owed, 50); false -> 1 end,
                [begin Dest ! {Life, N, streams_side:content(Text, Pair, N)}, count(?sent) end || N <- lists:seq(Number + 1, Number + Due)],
                feed(Cpp, Life, Pair, Text, Number + Due, Up, case Owed =:= Due of true -> Paid + Owed * ?interval; false -> now_ms() end)
        end
    end.

%% The name of the stream is the same on both sides.
stream(Pair) -> name(Pair).
now_ms() -> erlang:monotonic_time(millisecond).

churn(Cpp, Name) ->
    process_flag(trap_exit, true),
    count(?churning),
    churning(Cpp, Name).
churning(Cpp, Name) ->
    step(rand:uniform(7), Cpp, Name),
    refuse_strays(),
    Rest = case lists:member(Cpp, nodes(connected)) of true -> 5 + rand:uniform(40); false -> 200 end,
    receive after Rest -> ok end,
    case is_quiet() of
        true -> count(?churning, -1);
        false -> churning(Cpp, Name)
    end.

step(1, Cpp, _) ->
    {Pid, Ref} = spawn_monitor(Cpp, soak, worker, []),
    count(?spawns),
    count(?monitors),
    Pid ! {exit, boom},
    await_down(Pid, Ref);
step(2, Cpp, _) ->
    Pid = spawn_link(Cpp, soak, worker, []),
    count(?spawns),
    count(?links),
    Pid ! {exit, boom},
    receive {'EXIT', Pid, Reason} -> check_end(Reason) after ?patience -> wrong("no EXIT of a worker", []) end;
%% What is taken back says nothing; the connection may have been lost before.
step(3, Cpp, _) ->
    {Pid, Ref} = spawn_monitor(Cpp, soak, worker, []),
    count(?spawns),
    [begin link(Pid), unlink(Pid), count(?links) end || _ <- [1, 2, 3]],
    flush_exits(Pid),
    Pid ! {exit, boom},
    await_down(Pid, Ref);
step(4, _, Name) ->
    {Pid, Ref} = spawn_monitor(?MODULE, worker, []),
    register(Name, Pid),
    Name ! {exit, boom},
    await_down(Pid, Ref),
    whereis(Name) =:= undefined orelse wrong("a name outlived its process", []),
    count(?names);
%% Not while there is no connection: of what is said to a name there before the handshake has ended, Erlang sends monitors and loses what takes
%% them back, to nodes of its own as well, so that they stay in the server's books until the connection ends.
step(5, Cpp, _) ->
    Repeated = case lists:member(Cpp, nodes(connected)) of true -> [1, 2, 3]; false -> [] end,
    [begin demonitor(monitor(process, {echo, Cpp}), [flush]), count(?monitors) end || _ <- Repeated];
step(_, Cpp, _) ->
    Request = {churn, make_ref()},
    count(?calls),
    try gen_server:call({echo, Cpp}, Request, ?patience) of
        Request -> ok;
        Other -> wrong("a call was answered ~0p", [Other])
    catch
        exit:{{nodedown, _}, _} -> ok;
        exit:{noconnection, _} -> ok;
        exit:Reason -> wrong("a call: ~0p", [Reason])
    end.

await_down(Pid, Ref) ->
    receive {'DOWN', Ref, process, Pid, Reason} -> check_end(Reason) after ?patience -> wrong("no DOWN of a worker", []) end.

%% A worker that was not told, because the connection was lost, ends by itself.
check_end(Reason) -> lists:member(Reason, [boom, normal, noproc, noconnection]) orelse wrong("a worker ended with ~0p", [Reason]).

flush_exits(Pid) -> receive {'EXIT', Pid, noconnection} -> flush_exits(Pid); {'EXIT', Pid, noproc} -> flush_exits(Pid) after 0 -> ok end.
refuse_strays() -> receive Stray -> wrong("nobody waits for ~0p", [Stray]), refuse_strays() after 0 -> ok end.

worker() -> receive {exit, Reason} -> exit(Reason) after 20000 -> ok end.
