%% Runs the same script of starts, crashes and orders against a supervisor of Erlang and one of a C++ node, and compares
%% what was seen. Loaded into the Erlang node of the tests.
%%
%% A tree is {tree, Intensity, [Child]}; a child is {worker, Id, Restart, Shutdown, [Outcome]}, whose starts come out
%% as the outcomes say and then well, or {supervisor, Id, Restart, Intensity, [Child]}. A step is {die, Path, Reason},
%% {kill, Path}, or an order {terminate_child | restart_child | delete_child, Path, Id}; a path leads from the root to
%% a supervisor or child by ids.
-module(scripts).
-behaviour(supervisor).
-export([compare/2, children/1, start_worker/4, start_tree/2, init/1, worker/4]).

compare({Tree, Steps}, Node) ->
    Here = run(fun(Log) -> start_here(Tree, Log) end, fun(Top) -> exit(Top, shutdown) end, Steps),
    Ask = fun(Request) -> gen_server:call({trees, Node}, Request, 30000) end,
    There = run(fun(Log) -> Ask({start_tree, Tree, Log}) end, fun(Top) -> Ask({stop_tree, Top}) end, Steps),
    case Here =:= There of
        true -> {same, length(Here)};
        false -> {different, difference(Here, There)}
    end.

difference([Same | Here], [Same | There]) -> difference(Here, There);
difference(Here, There) -> {lists:sublist(Here, 4), lists:sublist(There, 4)}.

%% In a process of its own, so that nothing is left behind. Its mailbox is the log.
run(Start, Stop, Steps) ->
    Me = self(),
    {Pid, Ref} = spawn_monitor(fun() ->
        process_flag(trap_exit, true),
        Me ! {self(), trace(Start, Stop, Steps)}
    end),
    receive
        {Pid, Trace} -> demonitor(Ref, [flush]), Trace;
        {'DOWN', Ref, process, Pid, Reason} -> {failed, Reason}
    after 60000 -> exit(Pid, kill), timeout
    end.

trace(Start, Stop, Steps) ->
    case Start(self()) of
        {ok, Top} ->
            Ref = monitor(process, Top),
            First = [started, {log, logged()}, snapshot(Top)],
            follow(Steps, Top, Ref, Stop, lists:reverse(First));
        {error, Reason} -> [{not_started, Reason}, {log, logged()}]
    end.

follow([], Top, Ref, Stop, Trace) ->
    Stop(Top),
    Reason = receive {'DOWN', Ref, process, Top, R} -> R after 20000 -> not_stopped end,
    lists:reverse([{stopped, Reason}, {log, logged()} | Trace]);
follow([Step | Steps], Top, Ref, Stop, Trace) ->
    Result = do(Step, Top),
    case settled(Top, Ref, Result) of
        {up, Snapshot} ->
            follow(Steps, Top, Ref, Stop, [Snapshot, {log, logged()}, {Step, outcome(Result)} | Trace]);
        {down, Reason} ->
            lists:reverse([{ended, Reason}, {log, logged()}, {Step, outcome(Result)} | Trace])
    end.

do({die, Path, Reason}, Top) -> end_child(Top, Path, fun(Pid) -> Pid ! {die, Reason} end);
do({kill, Path}, Top) -> end_child(Top, Path, fun(Pid) -> exit(Pid, kill) end);
do({Order, Path, Id}, Top) ->
    case find(Top, Path) of
        {supervisor, Pid} -> {answer, answer(catch supervisor:Order(Pid, Id))};
        _ -> nobody
    end.

end_child(Top, Path, How) ->
    case find(Top, Path) of
        {worker, Pid} when is_pid(Pid) ->
            Ref = monitor(process, Pid),
            How(Pid),
            receive {'DOWN', Ref, process, Pid, Reason} -> {gone, Pid, Reason} after 10000 -> still_alive end;
        _ -> nobody
    end.

find(Pid, []) -> {supervisor, Pid};
find(Top, [Id | Path]) ->
    case lists:keyfind(Id, 1, supervisor:which_children(Top)) of
        {_, Pid, supervisor, _} when is_pid(Pid) -> find(Pid, Path);
        {_, Pid, worker, _} when Path =:= [] -> {worker, Pid};
        _ -> none
    end.

%% The whole tree, when nothing is on its way any more: who has just gone is listed nowhere, nobody is being restarted,
%% and every supervisor answers.
settled(Top, Ref, Result) ->
    receive
        {'DOWN', Ref, process, Top, Reason} -> {down, Reason}
    after 0 ->
        case catch snapshot_of(Top, gone(Result)) of
            {snapshot, _} = Snapshot -> {up, Snapshot};
            _ -> receive after 1 -> ok end, settled(Top, Ref, Result)
        end
    end.

gone({gone, Pid, _}) -> Pid;
gone(_) -> none.
outcome({gone, _, Reason}) -> {gone, Reason};
outcome(Other) -> Other.

snapshot(Top) -> snapshot_of(Top, none).
snapshot_of(Top, Gone) -> {snapshot, look(Top, Gone)}.
look(Pid, Gone) ->
    Counts = supervisor:count_children(Pid),
    Children = supervisor:which_children(Pid),
    {specs, Specs} = lists:keyfind(specs, 1, Counts),
    {active, Active} = lists:keyfind(active, 1, Counts),
    Specs =:= length(Children) andalso Active =:= length([P || {_, P, _, _} <- Children, is_pid(P)])
        orelse throw(not_yet),
    {Counts, [look_at(Child, Gone) || Child <- Children]}.
look_at({_, Gone, _, _}, Gone) when is_pid(Gone) -> throw(not_yet);
look_at({_, restarting, _, _}, _) -> throw(not_yet);
look_at({Id, Pid, supervisor, _}, Gone) when is_pid(Pid) -> {Id, look(Pid, Gone)};
look_at({Id, Pid, worker, _}, _) when is_pid(Pid) -> {Id, running};
look_at({Id, State, Type, _}, _) -> {Id, State, Type}.

answer({ok, Pid}) when is_pid(Pid) -> started;
answer({error, {shutdown, {failed_to_start_child, _, _}} = Why}) -> {error, Why};
answer({'EXIT', {Reason, _}}) -> {exit, Reason};
answer(Other) -> Other.

logged() -> receive {log, Line} -> [Line | logged()] after 0 -> [] end.

%% ----- the tree in Erlang

start_here({tree, Intensity, Children}, Log) -> start_tree({Intensity, [counted(Child) || Child <- Children]}, Log).

%% Starts are counted through all lives of the supervisor above.
counted({worker, Id, Restart, Shutdown, Outcomes}) -> {worker, Id, Restart, Shutdown, {counters:new(1, []), Outcomes}};
counted({supervisor, Id, Restart, Intensity, Children}) ->
    {supervisor, Id, Restart, Intensity, [counted(Child) || Child <- Children]}.

start_tree(Tree, Log) -> supervisor:start_link(?MODULE, {Tree, Log}).

init({{Intensity, Children}, Log}) ->
    {ok, {#{strategy => one_for_one, intensity => Intensity, period => 3600}, [spec(Child, Log) || Child <- Children]}}.

spec({worker, Id, Restart, Shutdown, {Starts, Outcomes}}, Log) ->
    #{id => Id, restart => Restart, shutdown => Shutdown,
      start => {?MODULE, start_worker, [Id, Starts, Outcomes, Log]}};
spec({supervisor, Id, Restart, Intensity, Children}, Log) ->
    #{id => Id, restart => Restart, shutdown => infinity, type => supervisor,
      start => {?MODULE, start_tree, [{Intensity, Children}, Log]}}.

start_worker(Id, Starts, Outcomes, Log) ->
    counters:add(Starts, 1, 1),
    Nth = counters:get(Starts, 1),
    Outcome = case Nth =< length(Outcomes) of true -> lists:nth(Nth, Outcomes); false -> good end,
    proc_lib:start_link(?MODULE, worker, [self(), Id, Outcome, Log]).

worker(_Parent, Id, ignore, Log) -> Log ! {log, {ignored, Id}}, proc_lib:init_ack(ignore);
worker(_Parent, Id, {bad, Why}, Log) ->
    Log ! {log, {refused, Id}},
    process_flag(trap_exit, true),
    proc_lib:init_ack({error, Why});
worker(Parent, Id, good, Log) ->
    process_flag(trap_exit, true),
    Log ! {log, {start, Id}},
    proc_lib:init_ack({ok, self()}),
    receive
        {die, Reason} -> Log ! {log, {stop, Id, Reason}}, exit(Reason);
        {'EXIT', Parent, Reason} -> Log ! {log, {stop, Id, Reason}}, exit(Reason)
    end.

%% What which_children/1 answers, without the pids.
children(Top) ->
    [{Id, case is_pid(Pid) of true -> alive; false -> Pid end, Type, Modules}
     || {Id, Pid, Type, Modules} <- supervisor:which_children(Top)].
