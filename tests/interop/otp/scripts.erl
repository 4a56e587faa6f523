%% Runs the same script of starts, crashes and orders against a supervisor of Erlang and one of a C++ node, and compares
%% what was seen. Loaded into the Erlang node of the tests.
%%
%% A tree is {tree, Flags, [Child]} with flags {Strategy, Intensity, AutoShutdown}. A child is {worker, Id, Restart,
%% Significant, Shutdown, [Outcome]}, whose starts come out as the outcomes say and then well, or {supervisor, Id,
%% Restart, Significant, Flags, [Child]}. A `simple_one_for_one` has one child, the kind of those that are started; the
%% nth of kind Id is {Id, n}. A step is {die, Path, Reason}, {kill, Path}, {start_child, Path, Child}, {start_one, Path},
%% {terminate_one, Path, Id}, or an order {terminate_child | restart_child | delete_child | get_childspec, Path, Id}; a
%% path leads from the root to a supervisor or child by ids.
-module(scripts).
-behaviour(supervisor).
-export([compare/2, shapes/2, children/1, child/2, kill/1, ended/1, start_worker/4, start_tree/2, init/1, worker/4]).

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

%% What the functions of the module supervisor answer for an empty supervisor of Erlang and for Other, with the same
%% arguments: the number of calls when all answers are the same but for pids and stack traces.
shapes(Kind, Other) ->
    Me = self(),
    {Pid, Ref} = spawn_monitor(fun() ->
        process_flag(trap_exit, true),
        {ok, Own} = supervisor:start_link(?MODULE, {shapes, Kind, self()}),
        Calls = calls(Kind),
        Answers = [{Call, shape(Own, Call), shape(Other, Call)} || Call <- Calls],
        unlink(Own),
        exit(Own, shutdown),
        Different = [Answer || {_, Here, There} = Answer <- Answers, Here =/= There],
        Me ! {self(), case Different of [] -> {same, length(Calls)}; _ -> {different, hd(Different)} end}
    end),
    receive
        {Pid, Verdict} -> demonitor(Ref, [flush]), Verdict;
        {'DOWN', Ref, process, Pid, Reason} -> {failed, Reason}
    end.

calls(static) ->
    A = mfa(a, []),
    Same = #{id => a, start => A},
    Checked = fun(More) -> {start_child, [maps:merge(#{id => x, start => A}, More)]} end,
    [{start_child, [Same]}, {start_child, [Same]}, {get_childspec, [a]}, {which_children, []}, {count_children, []},
     {restart_child, [a]}, {delete_child, [a]}, {terminate_child, [a]}, {terminate_child, [a]}, {start_child, [Same]},
     {get_childspec, [a]}, {which_children, []}, {count_children, []}, {restart_child, [a]}, {terminate_child, [a]},
     {delete_child, [a]}] ++
    [{Order, [a]} || Order <- [delete_child, restart_child, terminate_child, get_childspec]] ++
    [{start_child, [{{old, 1}, mfa(old, []), transient, brutal_kill, supervisor, dynamic}]}, {get_childspec, [{old, 1}]},
     {start_child, [#{id => s, start => mfa(s, []), type => supervisor}]}, {get_childspec, [s]},
     {start_child, [#{id => t, start => mfa(t, []), restart => temporary}]}, {get_childspec, [t]},
     {start_child, [#{id => i, start => mfa(i, [ignore, ignore, ignore, ignore])}]}, {restart_child, [i]},
     {start_child, [#{id => j, start => mfa(j, [ignore, ignore]), restart => temporary}]},
     {start_child, [#{id => b, start => mfa(b, [{bad, {no, [1]}}, {bad, {no, [1]}}]), modules => [m, n]}]},
     {start_child, [#{id => u, start => {no_such_module, f, [1]}}]}, {which_children, []}, {count_children, []},
     {start_child, [[]]}, {start_child, [#{}]}, {start_child, [#{id => x}]}, {start_child, [none]}] ++
    [Checked(More) || More <- [#{start => m}, #{start => {m, "f", []}}, #{start => {m, f, 3}}, #{restart => often},
                               #{type => boss}, #{shutdown => -1}, #{shutdown => 1.5}, #{shutdown => kill},
                               #{modules => m}, #{modules => [m, 1]}]] ++
    [Checked(More) || significance_is_known(), More <- [#{significant => 1}, #{significant => true}]] ++
    [{which_child, [Id]} || function_exported(which_child, 2), Id <- [s, i, a]];
calls(simple) ->
    [{start_child, [[[], self()]]}, {which_children, []}, {count_children, []}, {get_childspec, [k]},
     {get_childspec, [a]}, {start_child, [[[good, {bad, full}, {bad, full}], self()]]}, {start_child, [[1]]}, {start_child, [none]},
     {start_child, [#{id => a, start => {m, f, []}}]}, {restart_child, [k]}, {delete_child, [k]},
     {terminate_child, [k]}, {terminate_child, [self()]}, {get_childspec, [self()]}, {which_children, []}] ++
    [{which_child, [Id]} || function_exported(which_child, 2), Id <- [k, self()]].

function_exported(Name, Arity) -> lists:member({Name, Arity}, supervisor:module_info(exports)).
significance_is_known() -> function_exported(check_childspecs, 2).
mfa(Id, Outcomes) -> {?MODULE, start_worker, [Id, counters:new(1, []), Outcomes, self()]}.

shape(Sup, {Function, Args}) ->
    Answer = without_pids(catch apply(supervisor, Function, [Sup | Args])),
    case significance_is_known() of true -> Answer; false -> insignificant(Answer) end.

%% OTP 23 shows specifications without significance.
insignificant({ok, #{significant := false} = Spec}) -> {ok, maps:remove(significant, Spec)};
insignificant({error, {Why, Child}}) when element(1, Child) =:= child, tuple_size(Child) =:= 9 ->
    {error, {Why, erlang:delete_element(6, Child)}};
insignificant(Answer) -> Answer.

without_pids(Pid) when is_pid(Pid), Pid =/= self() -> pid;
without_pids({atomics, _}) -> counter;
without_pids({'EXIT', {undef, [Called | _]}}) -> {'EXIT', {undef, without_pids(Called)}};
without_pids({'EXIT', {Reason, [_ | _]}}) -> {'EXIT', Reason};
without_pids({'EXIT', {Reason, []}}) -> {'EXIT', Reason};
without_pids(Tuple) when is_tuple(Tuple) -> list_to_tuple([without_pids(Part) || Part <- tuple_to_list(Tuple)]);
without_pids(Map) when is_map(Map) -> maps:map(fun(_, Value) -> without_pids(Value) end, Map);
without_pids([Head | Tail]) -> [without_pids(Head) | without_pids(Tail)];
without_pids(Other) -> Other.

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
do({start_child, Path, Child}, Top) ->
    Log = self(),
    order(Top, Path, fun(Pid) -> supervisor:start_child(Pid, spec(counted(Child), Log)) end);
do({start_one, Path}, Top) -> order(Top, Path, fun(Pid) -> supervisor:start_child(Pid, []) end);
do({terminate_one, Path, Id}, Top) ->
    case find(Top, Path ++ [Id]) of
        {worker, Child} when is_pid(Child) -> order(Top, Path, fun(Pid) -> supervisor:terminate_child(Pid, Child) end);
        _ -> nobody
    end;
do({Order, Path, Id}, Top) -> order(Top, Path, fun(Pid) -> supervisor:Order(Pid, Id) end).

order(Top, Path, What) ->
    case find(Top, Path) of
        {supervisor, Pid} -> {answer, answer(catch What(Pid))};
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
find(Top, [{_, _} = Id]) ->
    case [Pid || {undefined, Pid, worker, _} <- supervisor:which_children(Top), is_pid(Pid), id_of(Pid) =:= Id] of
        [Pid] -> {worker, Pid};
        [] -> none
    end;
find(Top, [Id | Path]) ->
    case lists:keyfind(Id, 1, supervisor:which_children(Top)) of
        {_, Pid, supervisor, _} when is_pid(Pid) -> find(Pid, Path);
        {_, Pid, worker, _} when Path =:= [] -> {worker, Pid};
        _ -> none
    end.

id_of(Pid) ->
    Ref = monitor(process, Pid),
    Pid ! {who, self(), Ref},
    receive
        {Ref, Id} -> demonitor(Ref, [flush]), Id;
        {'DOWN', Ref, process, Pid, _} -> none
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
    {supervisors, Supervisors} = lists:keyfind(supervisors, 1, Counts),
    {workers, Workers} = lists:keyfind(workers, 1, Counts),
    Supervisors + Workers =:= length(Children) orelse throw(not_yet),
    Specs =:= length(Children) orelse Specs =:= 1 orelse throw(not_yet),
    Active =:= length([P || {_, P, _, _} <- Children, is_pid(P)]) orelse throw(not_yet),
    {Counts, [look_at(Child, Gone) || Child <- Children]}.
look_at({_, Gone, _, _}, Gone) when is_pid(Gone) -> throw(not_yet);
look_at({_, restarting, _, _}, _) -> throw(not_yet);
look_at({Id, Pid, supervisor, _}, Gone) when is_pid(Pid) -> {Id, look(Pid, Gone)};
look_at({Id, Pid, worker, _}, _) when is_pid(Pid) -> {Id, running};
look_at({Id, State, Type, _}, _) -> {Id, State, Type}.

%% Answers without what differs by nature: pids, stack traces, modules, arguments.
answer({ok, Pid}) when is_pid(Pid) -> started;
answer({ok, #{id := _} = Spec}) -> {ok, maps:without([start, modules, significant], Spec)};
answer({error, {already_started, Pid}}) when is_pid(Pid) -> {error, already_started};
answer({error, {'EXIT', {Reason, _}}}) -> {error, {'EXIT', Reason}};
answer({error, {Why, Child}}) when element(1, Child) =:= child -> {error, {Why, element(3, Child)}};
answer({'EXIT', {Reason, _}}) -> {exit, Reason};
answer(Other) -> Other.

%% Children of one kind stop all at once, in no order.
logged() -> in_order(lines()).
lines() -> receive {log, Line} -> [Line | lines()] after 0 -> [] end.
in_order([{stop, {_, _}, _} | _] = Lines) ->
    {Together, Rest} = lists:splitwith(fun({stop, {_, _}, _}) -> true; (_) -> false end, Lines),
    lists:sort(Together) ++ in_order(Rest);
in_order([Line | Lines]) -> [Line | in_order(Lines)];
in_order([]) -> [].

%% ----- the tree in Erlang

start_here({tree, Flags, Children}, Log) -> start_tree({Flags, [counted(Child) || Child <- Children]}, Log).

%% Starts are counted through all lives of the supervisor above.
counted({worker, Id, Restart, Significant, Shutdown, Outcomes}) ->
    {worker, Id, Restart, Significant, Shutdown, {counters:new(1, []), Outcomes}};
counted({supervisor, Id, Restart, Significant, Flags, Children}) ->
    {supervisor, Id, Restart, Significant, Flags, [counted(Child) || Child <- Children]}.

start_tree(Tree, Log) -> supervisor:start_link(?MODULE, {Tree, Log}).

init({shapes, bad, _}) -> bad;
init({shapes, ignore, _}) -> ignore;
init({shapes, static, _}) -> {ok, {#{}, []}};
init({shapes, simple, _}) ->
    {ok, {#{strategy => simple_one_for_one},
          [#{id => k, start => {?MODULE, start_worker, [a, counters:new(1, [])]}, restart => transient}]}};
init({{{simple_one_for_one, _, _} = Flags, [Child]}, Log}) ->
    #{start := {M, F, [Id | Args]}} = Spec = spec(Child, Log),
    {ok, {flags(Flags), [Spec#{start => {M, F, [{Id, any} | Args]}}]}};
init({{Flags, Children}, Log}) -> {ok, {flags(Flags), [spec(Child, Log) || Child <- Children]}}.

%% OTP 23 does not know auto_shutdown.
flags({Strategy, Intensity, never}) -> #{strategy => Strategy, intensity => Intensity, period => 3600};
flags({Strategy, Intensity, Auto}) -> (flags({Strategy, Intensity, never}))#{auto_shutdown => Auto}.

spec({worker, Id, Restart, Significant, Shutdown, {Starts, Outcomes}}, Log) ->
    significant(Significant, #{id => Id, restart => Restart, shutdown => Shutdown,
                               start => {?MODULE, start_worker, [Id, Starts, Outcomes, Log]}});
spec({supervisor, Id, Restart, Significant, Flags, Children}, Log) ->
    significant(Significant, #{id => Id, restart => Restart, shutdown => infinity, type => supervisor,
                               start => {?MODULE, start_tree, [{Flags, Children}, Log]}}).

significant(false, Spec) -> Spec;
significant(true, Spec) -> Spec#{significant => true}.

start_worker(Id, Starts, Outcomes, Log) ->
    counters:add(Starts, 1, 1),
    Nth = counters:get(Starts, 1),
    Outcome = case Nth =< length(Outcomes) of true -> lists:nth(Nth, Outcomes); false -> good end,
    proc_lib:start_link(?MODULE, worker, [self(), name(Id, Nth), Outcome, Log]).

name({Id, any}, Nth) -> {Id, Nth};
name(Id, _) -> Id.

worker(_Parent, Id, ignore, Log) -> Log ! {log, {ignored, Id}}, proc_lib:init_ack(ignore);
worker(_Parent, Id, {bad, Why}, Log) ->
    Log ! {log, {refused, Id}},
    process_flag(trap_exit, true),
    proc_lib:init_ack({error, Why});
worker(Parent, Id, Outcome, Log) ->
    process_flag(trap_exit, true),
    Log ! {log, {start, Id}},
    proc_lib:init_ack({ok, self()}),
    serve(Parent, Id, Outcome, Log).

%% Who is deaf obeys no order to stop and has to be killed.
serve(Parent, Id, Outcome, Log) ->
    receive
        {who, From, Ref} -> From ! {Ref, Id}, serve(Parent, Id, Outcome, Log);
        {die, Reason} -> Log ! {log, {stop, Id, Reason}}, exit(Reason);
        {'EXIT', Parent, _} when Outcome =:= deaf -> receive after infinity -> ok end;
        {'EXIT', Parent, Reason} -> Log ! {log, {stop, Id, Reason}}, exit(Reason)
    end.

%% What which_children/1 answers, without the pids.
children(Top) ->
    [{Id, case is_pid(Pid) of true -> alive; false -> Pid end, Type, Modules}
     || {Id, Pid, Type, Modules} <- supervisor:which_children(Top)].

%% One child's process or state, and processes of this node by what is printed of them.
child(Top, Id) -> element(2, lists:keyfind(Id, 1, supervisor:which_children(Top))).
kill(Text) -> exit(list_to_pid(Text), kill).
ended(Text) -> not is_process_alive(list_to_pid(Text)).
