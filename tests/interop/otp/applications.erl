%% Runs the same script of orders and ends with the application controller of this node and with that of a C++ node, and
%% compares answers, what the applications' code was asked in which order, and what runs and is loaded after each step.
%% Loaded into the Erlang node of the tests; it is also the code of the applications here.
%%
%% A script is {Specifications, [Step]}. A step is {Function, Arguments} of the module application, {die, Name, Reason}
%% for the root of an application, or {raw, Request} to the controller. The argument of a start is {Name, How}, where How
%% is ok | {error, R} | {exit, R} | ignore.
-module(applications).
-behaviour(application).
-export([compare/2, start/2, start_phase/3, prep_stop/1, stop/1, root/1]).

compare({Specs, All}, Node) ->
    Steps = lists:filter(fun known/1, All),
    Here = run(fun here/2, node(), Specs, Steps),
    There = run(fun(F, A) -> rpc:call(Node, application, F, A) end, Node, Specs, Steps),
    case There of
        Here -> {same, length(Here)};
        _ -> {different, difference(Here, There)}
    end.

%% Whether this release knows a request; the controller of OTP 23 ends of others.
known({raw, {is_running, _}}) -> erlang:function_exported(application_controller, is_running, 1);
known({F, A}) when is_list(A) -> erlang:function_exported(application, F, length(A));
known(_) -> true.

here(F, A) ->
    try apply(application, F, A) catch error:Reason -> {badrpc, {'EXIT', {Reason, []}}} end.

difference([Same | Here], [Same | There]) -> difference(Here, There);
difference(Here, There) -> {lists:sublist(Here, 1), lists:sublist(There, 1)}.

run(Call, Node, Specs, Steps) ->
    Me = self(),
    {Pid, Ref} = spawn_monitor(fun() ->
        register(app_log, self()),
        Me ! {self(), trace(Call, Node, Specs, Steps)}
    end),
    receive
        {Pid, Trace} ->
            receive {'DOWN', Ref, process, Pid, _} -> Trace end;
        {'DOWN', Ref, process, Pid, Reason} -> [{failed, Node, Reason}]
    after 60000 -> exit(Pid, kill), [{timeout, Node}]
    end.

trace(Call, Node, Specs, Steps) ->
    Names = [Name || {application, Name, Opts} <- Specs, is_atom(Name), is_list(Opts)],
    Loaded = [shape(load, Call(load, [Spec])) || Spec <- Specs],
    Seen = [{Step, do(Step, Call, Node), logged(), snapshot(Call, Names)} || Step <- Steps],
    Ends = [{Name, Call(stop, [Name]), logged(), Call(unload, [Name])} || Name <- lists:reverse(Names)],
    [Loaded | Seen] ++ Ends.

do({die, Name, Reason}, Call, Node) ->
    case {is_running(Call, Name), Call(get_key, [Name, mod])} of
        {true, {ok, {_, _}}} ->
            {root_name(Name), Node} ! {die, Reason},
            gone(Call, Name, 5000);
        _ -> nobody
    end;
do({raw, Request}, _, Node) ->
    shape(raw, try gen_server:call({application_controller, Node}, Request) catch exit:_ -> exit end);
do({F, A}, Call, _) -> shape(F, Call(F, A)).

gone(_, _, 0) -> still_running;
gone(Call, Name, Tries) ->
    case is_running(Call, Name) of
        false -> gone;
        true -> receive after 1 -> gone(Call, Name, Tries - 1) end
    end.

is_running(Call, Name) -> lists:keymember(Name, 1, Call(which_applications, [])).

snapshot(Call, Names) ->
    Own = fun(List) -> [App || {Name, _, _} = App <- List, lists:member(Name, Names)] end,
    {[Name || {Name, _, _} <- Own(Call(which_applications, []))], lists:sort(Own(Call(loaded_applications, [])))}.

logged() -> receive {log, Line} -> [Line | logged()] after 0 -> [] end.

%% Without stacks, and sorted where there is no order. OTP 23 knows no optional applications.
shape(get_all_env, List) when is_list(List) -> lists:sort(List);
shape(_, {ok, [{description, _} | _] = Keys}) ->
    {ok, [case Key of {env, List} -> {env, lists:sort(List)}; _ -> Key end
          || Key <- Keys, element(1, Key) =/= optional_applications]};
shape(get_key, {ok, [{_, _} | _] = List}) -> {ok, lists:sort(List)};
shape(raw, [{loaded, _} | _] = Info) -> [Key || {Key, _} <- Info];
shape(get_supervisor, {ok, Pid}) when is_pid(Pid) -> {ok, pid};
shape(which_applications, List) -> shape(raw, List);
shape(raw, List) when is_list(List) -> [App || {Name, _, _} = App <- List, Name =/= kernel, Name =/= stdlib];
shape(_, {badrpc, {'EXIT', {Reason, _}}}) -> {failed, Reason};
shape(_, {error, {bad_return, {Call, {'EXIT', {undef, _}}}}}) -> {error, {bad_return, {Call, undef}}};
shape(_, {error, {Name, {bad_return, {Call, {'EXIT', {undef, _}}}}}}) -> {error, {Name, {bad_return, {Call, undef}}}};
shape(_, Other) -> Other.

%% ----- the applications here

say(Line) -> app_log ! {log, Line}.
root_name(Name) -> list_to_atom(atom_to_list(Name) ++ "_root").

start(Type, {Name, How}) ->
    say({start, Name, Type, How}),
    case How of
        ok -> {ok, proc_lib:spawn_link(?MODULE, root, [Name]), {state, Name}};
        {error, _} -> How;
        {exit, Reason} -> exit(Reason);
        ignore -> ignore
    end.

start_phase(Phase, Type, Arguments) -> say({phase, Phase, Type, Arguments}), ok.
prep_stop({state, Name}) -> say({prep_stop, Name}), {state, Name}.
stop({state, Name}) -> say({stop, Name}).

root(Name) ->
    process_flag(trap_exit, true),
    register(root_name(Name), self()),
    serve(Name).

serve(Name) ->
    receive
        {die, Reason} -> say({root, Name, Reason}), exit(Reason);
        {'EXIT', _, Reason} -> say({root, Name, Reason}), exit(Reason)
    end.
