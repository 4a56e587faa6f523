%% Runs the same script against a gen_server of Erlang and its twin in a C++ node, and compares what the callers see:
%% answers, exit reasons, ends, and what `sys` tells. Loaded into the Erlang node of the tests.
%%
%% A script is {Init, [Step]}. Init is what `init` does: ok | ignore | {stop, R} | {exit, R} | {timeout, Ms} |
%% {continue, [Note]}. A step is what a client does: {call, What} | {call, What, Ms} | {cast, What} | {send, What} |
%% {stop, R} | {request, What} | {sys, Function, [Argument]} | {exit, R}; What tells the server what to do (see act/3).
-module(twins).
-behaviour(gen_server).
-export([compare/2, compare_text/2, status/2, traces/1, described/1, seen/3, tried/1, shape/1, device/1, printed/3, init/1, handle_call/3, handle_cast/2, handle_info/2, handle_continue/2,
         terminate/2, code_change/3]).

compare({Init, Steps}, Node) ->
    Here = run(fun(Args) -> gen_server:start({local, twin}, ?MODULE, Args, []) end, {twin, node()}, Init, Steps),
    There = run(fun(Args) -> gen_server:call({twins, Node}, {start, Args}) end, {twin, Node}, Init, Steps),
    case {Here, There} of
        {[{failed, _}], _} -> {failed, Here};
        {Same, Same} -> {same, length(Here)};
        _ -> {different, difference(Here, There)}
    end.

%% The same for a script with funs in it.
compare_text(Text, Node) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Script, _} = erl_eval:exprs(Expressions, []),
    compare(Script, Node).

difference([Same | Here], [Same | There]) -> difference(Here, There);
difference(Here, There) -> {lists:sublist(Here, 2), lists:sublist(There, 2)}.

run(Start, Name, Init, Steps) ->
    Me = self(),
    {Pid, Ref} = spawn_monitor(fun() -> Me ! {self(), trace(Start, Name, Init, Steps)} end),
    receive
        {Pid, Trace} -> demonitor(Ref, [flush]), Trace;
        {'DOWN', Ref, process, Pid, Reason} -> [{failed, Reason}]
    after 60000 -> exit(Pid, kill), [timeout]
    end.

%% The script's own process tells the server whom to write its diary for, so that nothing of other scripts gets in.
trace(Start, Name, Init, Steps) ->
    case Start({self(), Init}) of
        {ok, Pid} ->
            Watch = monitor(process, Pid),
            Seen = [{Step, seen(do(Step, Name, Pid), Name, Pid)} || Step <- Steps],
            {LastState, End} = finish(Name, Pid, Watch),
            [started | Seen] ++ [{state, seen(LastState, Name, Pid)}, {ended, seen(End, Name, Pid)}, {diary, diary()}];
        Other -> [Other, {diary, diary()}]
    end.

finish(Name, Pid, Watch) ->
    State = try sys:get_state(Name, 5000) catch exit:{Reason, _} -> {no_state, Reason} end,
    catch gen_server:stop(Pid, normal, 5000),
    receive {'DOWN', Watch, process, Pid, End} -> {State, End} after 5000 -> {State, not_ended} end.

diary() -> receive {diary, Line} -> [Line | diary()] after 0 -> [] end.

%% The next step finds what this one has left behind, not what is still on its way.
do(Step, Name, Pid) ->
    Outcome = done(Step, Name, Pid),
    settled(Pid),
    Outcome.

done({call, What}, Name, _) -> tried(fun() -> gen_server:call(Name, What) end);
done({call, What, Ms}, Name, _) -> tried(fun() -> gen_server:call(Name, What, Ms) end);
done({call_pid, What}, _, Pid) -> tried(fun() -> gen_server:call(Pid, What) end);
done({cast, What}, Name, _) -> gen_server:cast(Name, What);
done({send, What}, _, Pid) -> Pid ! What;
done({stop, Reason}, Name, _) -> tried(fun() -> gen_server:stop(Name, Reason, 5000) end);
done({request, What}, Name, _) ->
    Id = gen_server:send_request(Name, What),
    try gen_server:receive_response(Id, 5000) catch error:undef -> gen_server:wait_response(Id, 5000) end;
done({multi, What}, {Short, Node}, _) ->
    {Replies, Bad} = gen_server:multi_call([Node], Short, What, 5000),
    {[Reply || {_, Reply} <- Replies], length(Bad)};
done({abcast, What}, {Short, Node}, _) -> gen_server:abcast([Node], Short, What);
done({sys, Function, Arguments}, Name, _) -> tried(fun() -> apply(sys, Function, [Name | Arguments]) end);
done({exit, Reason}, _, Pid) -> exit(Pid, Reason).

tried(Fun) ->
    try {value, Fun()} catch Class:Reason -> {Class, Reason} end.

%% What was sent before has been dealt with when this is answered, or nobody is there any more. A suspended server
%% answers it as well. Twice, because a server may send something to itself.
settled(Pid) ->
    [try sys:get_state(Pid, 5000) catch exit:_ -> gone end || _ <- [1, 2]].

%% Without what cannot be the same: pids, nodes, times, and where something was thrown.
seen(Name, Name, _) -> server;
seen(Pid, _, Pid) -> server;
seen(Pid, _, _) when is_pid(Pid) -> pid;
seen(Ref, _, _) when is_reference(Ref) -> reference;
seen([alias | _], _, _) -> reference;
seen({start_time, _}, _, _) -> start_time;
seen({current_time, _}, _, _) -> current_time;
seen({reductions, _}, _, _) -> reductions;
seen(Tuple, Name, Pid) when is_tuple(Tuple) ->
    list_to_tuple([seen(Element, Name, Pid) || Element <- tuple_to_list(Tuple)]);
seen([Head | Tail], Name, Pid) -> [seen(Head, Name, Pid) | seen(Tail, Name, Pid)];
seen(Map, Name, Pid) when is_map(Map) -> maps:map(fun(_, Value) -> seen(Value, Name, Pid) end, Map);
seen(Fun, _, _) when is_function(Fun) -> function;
seen(Node, {_, Node}, _) -> node;
seen(Other, _, _) -> Other.

%% What sys:get_status/1 tells of both, in the parts that OTP's document names.
status(Debug, Node) ->
    Of = fun(Name, Pid) ->
        [sys:Function(Name, Flag) || {Function, Flag} <- Debug],
        gen_server:call(Name, {add, 1}),
        gen_server:cast(Name, {add, 1}),
        sys:suspend(Name),
        {status, Pid, {module, Module}, [Dictionary, State, Parent, Options, Shown]} = sys:get_status(Name),
        sys:resume(Name),
        Keys = lists:sort([Key || {Key, _} <- Dictionary]),
        [Module, Keys, State, is_pid(Parent), [seen(sys:get_log(Options), Name, Pid) || Options =/= []],
         [seen(shape(Option), Name, Pid) || Option <- Options], seen(Shown, Name, Pid)]
    end,
    {ok, Here} = gen_server:start({local, twin}, ?MODULE, {self(), ok}, []),
    First = Of({twin, node()}, Here),
    gen_server:stop(Here),
    {ok, There} = gen_server:call({twins, Node}, {start, {self(), ok}}),
    Second = Of({twin, Node}, There),
    gen_server:stop(There),
    diary(),
    case First =:= Second of
        true -> same;
        false -> {different, difference(First, Second)}
    end.

%% How a log is kept is known to sys alone.
shape({log, _} = Log) -> {log, length(sys:get_log([Log]))};
shape({statistics, {_, {reductions, _}, In, Out}}) -> {statistics, In, Out};
shape(Option) -> Option.

%% What a trace prints at the group leader of the server.
traces(Node) ->
    Here = traced({twin, node()}, fun(Device, Args) ->
        group_leader(Device, self()),
        gen_server:start({local, twin}, ?MODULE, Args, [])
    end),
    There = traced({twin, Node}, fun(Device, Args) -> gen_server:call({twins, Node}, {start, Args, Device}) end),
    case Here =:= There of
        true -> {same, length(Here)};
        false -> {different, Here, There}
    end.

traced(Name, Start) ->
    Me = self(),
    Device = spawn(fun() -> device([]) end),
    spawn(fun() ->
        {ok, _} = Start(Device, {Me, ok}),
        ok = sys:trace(Name, true),
        3 = gen_server:call(Name, {add, 3}),
        gen_server:cast(Name, {add, 5}),
        whereabouts(Name) ! {add, 1},
        ok = sys:log(Name, true),
        9 = gen_server:call(Name, {add, 0}),
        ok = sys:log(Name, print),
        ok = sys:trace(Name, false),
        gen_server:call(Name, {add, 7}),
        gen_server:stop(Name)
    end),
    printed(Device, 11, 250).

whereabouts({Short, Node}) when Node =:= node() -> whereis(Short);
whereabouts(Name) -> Name.

%% The lines come when the device has taken them.
printed(Device, Count, Tries) ->
    Device ! {tell, self()},
    Text = receive {text, Told} -> Told after 5000 -> "nothing" end,
    case string:split(Text, "*DBG*", all) of
        Lines when length(Lines) < Count, Tries > 0 -> receive after 20 -> printed(Device, Count, Tries - 1) end;
        _ -> exit(Device, kill), without_identity(Text)
    end.

%% Pids differ, and maps are printed in another order by every release.
without_identity(Text) ->
    States = re:replace(Text, "#{[^}]*}", "STATE", [global, {return, list}]),
    re:replace(States, "<[^<>]*>", "PID", [global, {return, list}]).

device(Text) ->
    receive
        {io_request, From, As, Request} ->
            From ! {io_reply, As, ok},
            device(Text ++ output(Request));
        {tell, Whom} -> Whom ! {text, Text}, device(Text)
    end.

output({put_chars, unicode, Chars}) -> unicode:characters_to_list(Chars);
output({put_chars, unicode, Module, Function, Arguments}) ->
    unicode:characters_to_list(apply(Module, Function, Arguments)).

%% What proc_lib and process_info tell of a process of the other node.
described(Node) ->
    {ok, Pid} = gen_server:call({twins, Node}, {start, {self(), ok}}),
    {dictionary, Dictionary} = rpc:call(Node, erlang, process_info, [Pid, dictionary]),
    Initial = {proc_lib:translate_initial_call(Pid), proc_lib:initial_call(Pid)},
    gen_server:stop(Pid),
    diary(),
    {'$ancestors', [Parent | _]} = lists:keyfind('$ancestors', 1, Dictionary),
    {Initial, lists:sort([Key || {Key, _} <- Dictionary]), Parent}.

%% ----- the server; its twin is in twins.cpp

note(#{diary := Diary}, Line) -> Diary ! {diary, Line}.

init({Diary, Init}) ->
    State = #{count => 0, diary => Diary, last => none},
    case Init of
        ok -> {ok, State};
        ignore -> ignore;
        {stop, Reason} -> {stop, Reason};
        {exit, Reason} -> exit(Reason);
        {timeout, Ms} -> {ok, State, Ms};
        {continue, What} -> {ok, State, {continue, What}}
    end.

handle_call(What, From, State) -> act(What, From, State).
handle_cast(What, State) -> act(What, none, State).
handle_info(timeout, State) -> note(State, timeout), {noreply, State};
handle_info(What, State) -> act(What, none, State).
handle_continue({more, Rest}, State) -> note(State, {continued, more}), {noreply, State, {continue, Rest}};
handle_continue({then_stop, Reason}, State) -> {stop, Reason, State};
handle_continue(What, State) -> note(State, {continued, What}), {noreply, State}.

act({add, N}, none, #{count := Count} = State) -> {noreply, State#{count := Count + N}};
act({add, N}, _, #{count := Count} = State) -> {reply, Count + N, State#{count := Count + N}};
act({stop, Reason}, _, State) -> {stop, Reason, State};
act({stop, Reason, Reply}, From, State) when From =/= none -> {stop, Reason, Reply, State};
act({exit, Reason}, _, _) -> exit(Reason);
act({silent}, _, State) -> {noreply, State};
act({late, Reply}, From, State) when From =/= none -> self() ! {answer, From, Reply}, {noreply, State};
act({answer, From, Reply}, _, State) -> gen_server:reply(From, Reply), {noreply, State};
act({ignore}, _, _) -> ignore;
act({continue, What}, none, State) -> {noreply, State, {continue, What}};
act({continue, What}, _, State) -> {reply, continuing, State, {continue, What}};
act({timeout, Ms}, none, State) -> {noreply, State, Ms};
act({timeout, Ms}, _, State) -> {reply, waiting, State, Ms};
act({rest}, none, State) -> {noreply, State, hibernate};
act({rest}, _, State) -> {reply, resting, State, hibernate};
act({trap}, none, State) -> process_flag(trap_exit, true), {noreply, State};
act({trap}, _, State) -> process_flag(trap_exit, true), {reply, trapping, State};
act({last, What}, none, State) -> {noreply, State#{last := What}};
act({last, What}, _, State) -> {reply, noted, State#{last := What}};
act(_, none, State) -> {noreply, State};
act(_, _, State) -> {reply, unknown, State}.

terminate(Reason, #{last := Last} = State) ->
    note(State, {terminate, Reason}),
    case Last of
        {exit, Other} -> exit(Other);
        _ -> ok
    end.

code_change(Old, State, no) -> {error, {Old, State}};
code_change(Old, State, Extra) -> {ok, State#{last := {Old, Extra}}}.
