%% Plays the same random script of groups, monitors, names and ends with processes and a scope of Erlang's pg, and with
%% those of a C++ node, and compares what was answered and told. Loaded into the Erlang node of the tests.
%%
%% Steps: {join | leave, Group, [Index] | Index} | {members | local, Group} | groups | {monitor, Group} | monitor_scope |
%% {demonitor, Number} | {kill, Index} | {spawn, Index} | {register, Name, Index} | {unregister, Name} | {whereis, Name}.
-module(groups).
-export([compare/3, loop/0]).

-define(WORKERS, 4).

%% Seeds From to To; the number of steps that were the same, or the first difference.
compare(From, To, Node) -> compare(From, To, Node, 0).

compare(From, To, _, Count) when From > To -> {same, Count};
compare(Seed, To, Node, Count) ->
    Script = script(Seed),
    {Here, There} = {play(here, node(), Script), play(there, Node, Script)},
    case Here =:= There of
        true -> compare(Seed + 1, To, Node, Count + length(Here));
        false -> {different, Seed, difference(Here, There)}
    end.

difference([Same | Here], [Same | There]) -> difference(Here, There);
difference(Here, There) -> {lists:sublist(Here, 2), lists:sublist(There, 2)}.

%% ----- scripts

script(Seed) ->
    rand:seed(exsss, {Seed, Seed, Seed}),
    _ = code:ensure_loaded(pg),
    Told = erlang:function_exported(pg, monitor, 2),  % from OTP 25.1 on
    [step(rand:uniform(16), Told) || _ <- lists:seq(1, 25)].

step(N, _) when N =< 3 -> {join, group(), some()};
step(4, _) -> {join, group(), worker()};
step(N, _) when N =< 6 -> {leave, group(), [worker()]};  % of several OTP tells those too that were not in the group
step(7, _) -> {members, group()};
step(8, _) -> {local, group()};
step(9, _) -> groups;
step(10, _) -> {kill, worker()};
step(11, _) -> {spawn, worker()};
step(12, true) -> case rand:uniform(3) of 1 -> monitor_scope; _ -> {monitor, group()} end;
step(13, true) -> {demonitor, rand:uniform(4)};
step(14, _) -> {unregister, name()};
step(15, _) -> {whereis, name()};
step(_, _) -> {register, name(), worker()}.

group() -> lists:nth(rand:uniform(3), [red, {blue, 1}, "green"]).
name() -> lists:nth(rand:uniform(3), [alice, bob, undefined]).
worker() -> rand:uniform(?WORKERS).
some() -> [worker() || _ <- lists:seq(1, rand:uniform(3))].

%% ----- playing

%% A process of its own gets what monitors tell.
play(Where, Node, Script) ->
    Me = self(),
    {Pid, Ref} = spawn_monitor(fun() -> Me ! {self(), story(Where, Node, Script)} end),
    receive
        {Pid, Story} -> demonitor(Ref, [flush]), Story;
        {'DOWN', Ref, process, Pid, Reason} -> [{failed, Reason}]
    after 60000 -> exit(Pid, kill), [timeout]
    end.

story(Where, Node, Script) ->
    Stage = #{where => Where, node => Node, scope => {scope(Where), Node}, pids => #{}, dead => [], watches => []},
    {Told, Last} = lists:mapfoldl(fun told/2, lists:foldl(fun spawned/2, Stage, lists:seq(1, ?WORKERS)), Script),
    [gone(Worker, Last) || Worker <- maps:values(maps:get(pids, Last))],
    Told.

scope(here) -> erlang_groups;
scope(there) -> cpp_groups.

%% What monitors are told at one step has no order: of several groups, by several monitors.
told(Step, Stage) ->
    {Answer, Next} = done(Step, Stage),
    sync(Next),
    {{Step, seen(Answer, Next), lists:sort([seen(Event, Next) || Event <- events()])}, Next}.

%% The scope has told of all that came before when it answers.
sync(Stage) -> ask(Stage, which_groups).

events() ->
    receive
        {Ref, What, Group, Pids} when is_reference(Ref) -> [{Ref, What, Group, Pids} | events()]
    after 0 -> []
    end.

spawned(Index, #{node := Node, pids := Pids, dead := Dead} = Stage) ->
    Stage#{pids := Pids#{Index => spawn(Node, ?MODULE, loop, [])}, dead := Dead -- [Index]}.

loop() -> receive stop -> ok end.

done({join, Group, Who}, #{dead := Dead} = Stage) ->
    Answer = ask(Stage, {join_local, Group, pids(Who, Stage)}),
    [forgotten(pid(Index, Stage), Stage, 500) || Index <- Dead],  % one that has ended may join, and goes at once
    {Answer, Stage};
done({leave, Group, Who}, Stage) -> {ask(Stage, {leave_local, Group, pids(Who, Stage)}), Stage};
done({members, Group}, Stage) -> {ask(Stage, {get_members, Group}), Stage};
done({local, Group}, Stage) -> {ask(Stage, {get_local_members, Group}), Stage};
done(groups, Stage) -> {ask(Stage, which_groups), Stage};
done({monitor, Group}, #{watches := Watches} = Stage) ->
    {Ref, Pids} = ask(Stage, {monitor, Group}),
    {{watching, Pids}, Stage#{watches := Watches ++ [Ref]}};
done(monitor_scope, #{watches := Watches} = Stage) ->
    {Ref, Groups} = ask(Stage, monitor),
    {{watching, Groups}, Stage#{watches := Watches ++ [Ref]}};
done({demonitor, Number}, #{watches := Watches} = Stage) when Number =< length(Watches) ->
    {Before, [Ref | After]} = lists:split(Number - 1, Watches),
    case Ref of
        none -> {none, Stage};  % of one that is over releases say different things
        _ -> {ask(Stage, {demonitor, Ref}), Stage#{watches := Before ++ [none | After]}}
    end;
done({demonitor, _}, Stage) -> {none, Stage};
done({kill, Index}, #{dead := Dead} = Stage) ->
    gone(pid(Index, Stage), Stage),
    {killed, Stage#{dead := [Index | lists:delete(Index, Dead)]}};
done({spawn, Index}, Stage) ->
    gone(pid(Index, Stage), Stage),
    {spawned, spawned(Index, Stage)};
done({register, Name, Index}, Stage) -> {named(Stage, register, [Name, pid(Index, Stage)]), Stage};
done({unregister, Name}, Stage) -> {named(Stage, unregister, [Name]), Stage};
done({whereis, Name}, #{node := Node} = Stage) -> {rpc:call(Node, erlang, whereis, [Name]), Stage}.

%% What pg's own functions do for Erlang's scope, ours is asked for.
ask(#{where := here, scope := {Scope, _}}, Request) ->
    case Request of
        {join_local, Group, Who} -> pg:join(Scope, Group, Who);
        {leave_local, Group, Who} -> pg:leave(Scope, Group, Who);
        {get_members, Group} -> pg:get_members(Scope, Group);
        {get_local_members, Group} -> pg:get_local_members(Scope, Group);
        which_groups -> lists:sort(pg:which_groups(Scope));
        {monitor, Group} -> pg:monitor(Scope, Group);
        monitor -> pg:monitor_scope(Scope);
        {demonitor, Ref} -> pg:demonitor(Scope, Ref)
    end;
ask(#{where := there, scope := Scope}, which_groups) -> lists:sort(gen_server:call(Scope, which_groups));
ask(#{where := there, scope := Scope}, Request) -> gen_server:call(Scope, Request).

%% A bad argument is one, whatever it is called.
named(#{where := here}, Function, Arguments) ->
    try apply(erlang, Function, Arguments) catch error:badarg -> badarg end;
named(#{where := there, node := Node}, Function, Arguments) ->
    case rpc:call(Node, groups, Function, Arguments) of
        true -> true;
        {badrpc, _} -> badarg
    end.

%% Waits until the scope and the registry have seen the end.
gone(Pid, Stage) ->
    Ref = monitor(process, Pid),
    exit(Pid, kill),
    receive {'DOWN', Ref, process, Pid, _} -> forgotten(Pid, Stage, 500) end.

forgotten(Pid, Stage, Tries) ->
    Known = [Group || Group <- ask(Stage, which_groups), lists:member(Pid, ask(Stage, {get_members, Group}))],
    case Known of
        [] -> ok;
        _ when Tries > 0 -> receive after 5 -> forgotten(Pid, Stage, Tries - 1) end
    end.

pid(Index, #{pids := Pids}) -> maps:get(Index, Pids).
pids(Who, Stage) when is_list(Who) -> [pid(Index, Stage) || Index <- Who];
pids(Index, Stage) -> pid(Index, Stage).

%% ----- what was seen, without what cannot be the same

seen(Pid, #{pids := Pids}) when is_pid(Pid) ->
    case [Index || {Index, Each} <- maps:to_list(Pids), Each =:= Pid] of
        [Index] -> {worker, Index};
        [] -> another
    end;
seen(Ref, #{watches := Watches}) when is_reference(Ref) ->
    length(lists:takewhile(fun(Each) -> Each =/= Ref end, Watches));
seen(Tuple, Stage) when is_tuple(Tuple) -> list_to_tuple([seen(Part, Stage) || Part <- tuple_to_list(Tuple)]);
seen([Pid | _] = Pids, Stage) when is_pid(Pid) -> lists:sort([seen(Each, Stage) || Each <- Pids]);
seen(Map, Stage) when is_map(Map) -> lists:sort([{Key, seen(Value, Stage)} || {Key, Value} <- maps:to_list(Map)]);
seen(Other, _) -> Other.
