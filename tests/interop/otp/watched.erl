%% Lets `sys` look at a state machine and an event manager of Erlang, and at their twins in a C++ node, and compares what
%% it finds. Loaded, with twins.erl, into the Erlang node of the tests, where it is the state machine and the handler.
%%
%% A step is {call, What} | {cast, What} | {notify, What} | {send, What} | {sys, Function, [Argument]}.
-module(watched).
-export([compare/3, traces/3, init/1, callback_mode/0, handle_event/4, handle_event/2, handle_call/2, code_change/3,
         code_change/4]).

%% Kind is latch or bells; the script is a text with funs in it.
compare(Kind, Text, Node) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Steps, _} = erl_eval:exprs(Expressions, []),
    Here = story(Kind, fun() -> started(Kind, self()) end, {Kind, node()}, Steps),
    There = story(Kind, fun() -> gen_server:call({twins, Node}, {Kind, self()}) end, {Kind, Node}, Steps),
    case {Here, There} of
        {[{failed, _} | _], _} -> {failed, Here};
        {Same, Same} -> {same, length(Here)};
        _ -> {different, [{A, B} || {A, B} <- lists:zip(Here, There), A =/= B]}
    end.

story(Kind, Start, Name, Steps) ->
    {ok, Pid} = Start(),
    Seen = [{Step, twins:seen(done(Kind, Step, Name), Name, Pid)} || Step <- Steps],
    Watch = monitor(process, Pid),
    catch Kind:stop(Name),
    catch sys:terminate(Name, normal),
    receive {'DOWN', Watch, process, Pid, _} -> Seen after 5000 -> [not_ended | Seen] end.

%% The group leader is whom the server prints for.
started(Kind, Device) ->
    Before = group_leader(),
    group_leader(Device, self()),
    try start(Kind) after group_leader(Before, self()) end.

start(latch) -> gen_statem:start({local, latch}, ?MODULE, [], []);
start(bells) ->
    {ok, Pid} = gen_event:start({local, bells}),
    ok = gen_event:add_handler(bells, ?MODULE, handler),
    ok = gen_event:add_handler(bells, {?MODULE, second}, handler),
    {ok, Pid}.

%% A state is asked for behind each step, so that the next one finds what this one has left behind.
done(Kind, Step, Name) ->
    Outcome = did(Kind, Step, Name),
    _ = (catch sys:get_state(Name, 5000)),
    Outcome.

did(latch, {call, What}, Name) -> twins:tried(fun() -> gen_statem:call(Name, What, 2000) end);
did(bells, {call, What}, Name) -> gen_event:call(Name, ?MODULE, What);
did(latch, {cast, What}, Name) -> gen_statem:cast(Name, What);
did(bells, {notify, What}, Name) -> gen_event:sync_notify(Name, What);
did(_, {send, What}, Name) -> Name ! What, ok;
did(_, {sys, get_status, []}, Name) ->
    {status, _, Module, [Dictionary, State, Parent, Options, Shown]} = sys:get_status(Name),
    {Module, lists:sort([Key || {Key, _} <- Dictionary]), State, is_pid(Parent), [twins:shape(Each) || Each <- Options],
     Shown};
did(_, {sys, Function, Arguments}, Name) -> twins:tried(fun() -> apply(sys, Function, [Name | Arguments]) end).

%% What a trace prints at the group leader, of which Lines begin with *DBG*.
traces(Kind, {Lines, Steps}, Node) ->
    Here = traced(Kind, Lines, fun(Device) -> started(Kind, Device) end, {Kind, node()}, Steps),
    There = traced(Kind, Lines, fun(Device) -> gen_server:call({twins, Node}, {Kind, Device}) end, {Kind, Node}, Steps),
    case Here =:= There of
        true -> {same, length(Here)};
        false -> {different, Here, There}
    end.

traced(Kind, Lines, Start, Name, Steps) ->
    Device = spawn(fun() -> twins:device([]) end),
    {ok, Pid} = Start(Device),
    Watch = monitor(process, Pid),
    ok = sys:trace(Name, true),
    [done(Kind, Step, Name) || Step <- Steps],
    catch sys:terminate(Name, normal),
    receive {'DOWN', Watch, process, Pid, _} -> ok after 5000 -> not_ended end,
    twins:printed(Device, Lines, 250).

%% ----- the state machine; its twin is the class `watched` in watched.cpp. The handlers of events are counters.

init([]) -> {ok, off, #{count => 0, last => none}};
init(handler) -> {ok, 0}.

callback_mode() -> handle_event_function.

handle_event(cast, toggle, off, Data) -> {next_state, on, Data};
handle_event(cast, toggle, on, Data) -> {next_state, off, Data};
handle_event(cast, {later, _}, off, _) -> {keep_state_and_data, postpone};
handle_event(cast, {later, What}, on, Data) -> counted(What, Data, []);
handle_event({call, From}, count, _, #{count := Count}) -> {keep_state_and_data, {reply, From, Count}};
handle_event(cast, {insert, What}, _, _) -> {keep_state_and_data, {next_event, internal, What}};
handle_event(cast, {timer, Ms, What}, _, _) -> {keep_state_and_data, {state_timeout, Ms, What}};
handle_event(cast, {timer, Name, Ms, What}, _, _) -> {keep_state_and_data, {{timeout, Name}, Ms, What}};
handle_event(cast, {zero, What}, _, _) -> {keep_state_and_data, {timeout, 0, What}};
handle_event(_, What, _, Data) -> counted(What, Data, []).

counted(What, #{count := Count} = Data, Actions) -> {keep_state, Data#{count := Count + 1, last := What}, Actions}.

code_change(_, _, _, no) -> {error, never};
code_change(Old, State, #{count := Count} = Data, Extra) -> {ok, {changed, State}, Data#{count := Count + 100, last := {Old, Extra}}}.

handle_event({add, N}, Count) -> {ok, Count + N};
handle_event(_, Count) -> {ok, Count + 1}.

handle_call(count, Count) -> {ok, Count, Count}.

code_change({version, N}, Count, Extra) -> {ok, Count + N + Extra}.
