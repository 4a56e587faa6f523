%% Runs the same script against a gen_statem of Erlang and a state machine of a C++ node, and compares what each of
%% their callbacks got, what was replied, and how they ended. Loaded into the Erlang node of the tests.
%%
%% A script is {Mode, Enters, First, FirstActions, Decisions, EntryDecisions, Steps}. Each call of a callback takes the
%% next decision, {keep | {next, State} | repeat | {stop, Reason}, Actions}; when there is none left it keeps the state
%% and replies. An action is postpone, hibernate, reply (to the call that waits longest), {insert, Type, Content},
%% {set | set_at, Timer, Time, Content}, {cancel, Timer}, {update, Timer, Content} or {bare, Time}. Contents from 1000
%% on are those of time-outs that are to go off. A step is {cast | call | info, Content}.
-module(machines).
-behaviour(gen_statem).
-export([compare/2, visit/1, init/1, callback_mode/0, terminate/3, handle_event/4, s1/3, s2/3, s3/3, s4/3]).

compare({_, _, _, _, _, _, Steps} = Script, Node) ->
    Start = fun(Log) -> gen_statem:start(?MODULE, {Script, Log}, []) end,
    Here = run(Start, fun quiet/2, [none || _ <- [start | Steps]], Steps),
    Ask = fun(Log) -> gen_server:call({machines, Node}, {start, Script, Log}, 30000) end,
    There = run(Ask, fun as_many/2, [length(Part) || Part <- Here], Steps),
    {Flat, Other} = watched(lists:append(Here), lists:append(There)),
    case Flat =:= Other of
        true -> {same, length(Flat)};
        false -> {different, difference(Flat, Other)}
    end.

%% A machine may have ended before it was watched; what it told its log at its end is compared all the same.
watched(Here, There) ->
    case lists:member({down, noproc}, [lists:last(Here), lists:last(There)]) of
        true -> {lists:droplast(Here), lists:droplast(There)};
        false -> {Here, There}
    end.

difference([Same | Here], [Same | There]) -> difference(Here, There);
difference(Here, There) -> {lists:sublist(Here, 4), lists:sublist(There, 4)}.

%% In a process of its own, whose mailbox is the log.
run(Start, Settle, Counts, Steps) ->
    Me = self(),
    {Pid, Ref} = spawn_monitor(fun() ->
        {ok, Machine} = Start(self()),
        Watch = monitor(process, Machine),
        Me ! {self(), follow([start | Steps], Counts, Settle, Machine, Watch)}
    end),
    receive
        {Pid, Trace} -> demonitor(Ref, [flush]), Trace;
        {'DOWN', Ref, process, Pid, Reason} -> [[{failed, Reason}]]
    after 60000 -> exit(Pid, kill), [[timeout]]
    end.

%% The last count is that of the end, as far as it is known.
follow([], _, _, Machine, Watch) ->
    Machine ! finish,
    [receive {'DOWN', Watch, process, Machine, Reason} -> heard() ++ [{down, reason(Reason)}]
     after 20000 -> [not_ended] end];
follow([Step | Steps], [Count | Counts], Settle, Machine, Watch) ->
    do(Step, Machine),
    Heard = Settle(Machine, Count),
    [Heard | follow(Steps, Counts, Settle, Machine, Watch)].

do(start, _) -> ok;
do({cast, Content}, Machine) -> gen_statem:cast(Machine, Content);
do({call, Content}, Machine) -> Machine ! {'$gen_call', {self(), {tag, Content}}, Content};
do({info, Content}, Machine) -> Machine ! Content.

heard() ->
    receive
        {log, Line} -> [Line | heard()];
        {{tag, _} = Tag, Reply} -> [{reply, Tag, Reply} | heard()]
    after 0 -> []
    end.

%% Until no time-out runs that is to go off.
quiet(Machine, Count) ->
    case catch sys:get_status(Machine) of
        {status, _, _, [_, _, _, _, Shown]} ->
            case [Running || {data, Data} <- Shown, {"Time-outs", Timeouts} <- Data, Running <- running(Timeouts)] of
                [] -> heard();
                _ -> receive after 1 -> quiet(Machine, Count) end
            end;
        _ -> heard()
    end.

running({_, Timeouts}) -> [Timeout || {_, Content} = Timeout <- Timeouts, is_integer(Content), Content >= 1000,
                                      Content < 3600000].

%% Until as much has been heard as from the other.
as_many(_, Count) -> as_many([], Count, erlang:monotonic_time(millisecond) + 20000).
as_many(Heard, Count, Deadline) when length(Heard) >= Count; Deadline =:= over -> Heard;
as_many(Heard, Count, Deadline) ->
    Next = case erlang:monotonic_time(millisecond) > Deadline of true -> over; false -> Deadline end,
    receive
        {log, Line} -> as_many(Heard ++ [Line], Count, Deadline);
        {{tag, _} = Tag, Reply} -> as_many(Heard ++ [{reply, Tag, Reply}], Count, Deadline)
    after 100 -> as_many(Heard, Count, Next)
    end.

%% Without stack traces, and without the machine's data.
reason({Reason, Stack}) when is_list(Stack) -> reason(Reason);
reason({bad_state_enter_return_from_state_function, _}) -> bad_state_enter_return_from_state_function;
reason(Reason) -> Reason.

%% The clients of gen_statem at a machine that lets one visitor in at a time.
visit(Cabin) ->
    Cast = gen_statem:cast(Cabin, {enter, bob}),
    First = gen_statem:call(Cabin, who, 5000),
    Request = gen_statem:send_request(Cabin, {enter, eve}),
    Waits = gen_statem:wait_response(Request, 20),
    gen_statem:cast(Cabin, leave),
    Response = gen_statem:wait_response(Request, 5000),
    Second = gen_statem:call(Cabin, who, {dirty_timeout, 5000}),
    Cabin ! leave,
    Third = gen_statem:call(Cabin, {enter, zoe}),
    Fourth = gen_statem:call(Cabin, who),
    Crash = try gen_statem:call(Cabin, unknown, 5000) catch exit:{{Reason, [_ | _]}, {gen_statem, call, _}} -> Reason end,
    [Cast, First, Waits, Response, Second, Third, Fourth, Crash].

%% ----- the machine in Erlang

-record(data, {decisions, entries, log, waiting = [], replies = 0}).

init({{Mode, Enters, First, Actions, Decisions, Entries, _}, Log}) ->
    put(mode, [Mode | [state_enter || Enters]]),
    {Made, Data} = actions(Actions, #data{decisions = Decisions, entries = Entries, log = Log}),
    {ok, First, Data, Made}.

callback_mode() -> get(mode).

s1(Type, Content, Data) -> event(Type, Content, s1, Data).
s2(Type, Content, Data) -> event(Type, Content, s2, Data).
s3(Type, Content, Data) -> event(Type, Content, s3, Data).
s4(Type, Content, Data) -> event(Type, Content, s4, Data).
handle_event(Type, Content, State, Data) -> event(Type, Content, State, Data).

terminate(Reason, State, #data{log = Log}) -> Log ! {log, {terminate, reason(Reason), State}}.

event({call, From}, Content, State, #data{waiting = Waiting} = Data) ->
    Known = lists:member(From, Waiting),
    event(call, Content, State, Data#data{waiting = Waiting ++ [From || not Known]});
event(Type, Content, State, #data{log = Log} = Data) ->
    Log ! {log, {Type, Content, State}},
    decide(Type, Content, Data).

decide(info, finish, Data) -> {stop, normal, Data};
decide(enter, _, #data{entries = [Decision | Rest]} = Data) -> decided(Decision, Data#data{entries = Rest});
decide(enter, _, Data) -> {keep_state, Data};
decide(_, _, #data{decisions = [Decision | Rest]} = Data) -> decided(Decision, Data#data{decisions = Rest});
decide(_, _, Data) -> decided({keep, [reply]}, Data).

decided({What, Actions}, Data) ->
    {Made, Next} = actions(Actions, Data),
    case What of
        keep -> {keep_state, Next, Made};
        {next, State} -> {next_state, State, Next, Made};
        repeat -> {repeat_state, Next, Made};
        {stop, Reason} -> {stop_and_reply, Reason, Made, Next}
    end.

actions(Actions, Data) ->
    {Made, Next} = lists:mapfoldl(fun action/2, Data, Actions),
    {lists:append(Made), Next}.

action(reply, #data{waiting = []} = Data) -> {[], Data};
action(reply, #data{waiting = [From | Waiting], replies = Count} = Data) ->
    {[{reply, From, {answer, Count}}], Data#data{waiting = Waiting, replies = Count + 1}};
action({insert, Type, Content}, Data) -> {[{next_event, Type, Content}], Data};
action({set, Timer, Time, Content}, Data) -> {[{Timer, time(Time), Content}], Data};
action({set_at, Timer, Time, Content}, Data) ->
    {[{Timer, erlang:monotonic_time(millisecond) + time(Time), Content, [{abs, true}]}], Data};
action({bare, Time}, Data) -> {[time(Time)], Data};
action(Action, Data) -> {[Action], Data}.

time(soon) -> 1;
time(never) -> 3600000;
time(Time) -> Time.
