%% Processes that end, processes that watch others end and count it, and processes that start others elsewhere.
-module(relations_side).
-export([mortals/1, end_all/2, end_large/2, watch/2, spawn_there/3]).

mortals(Count) -> [spawn(fun() -> receive {exit, Reason} -> exit(Reason) end end) || _ <- lists:seq(1, Count)].

%% Returns when all have ended.
end_all(Pids, Reason) ->
    Refs = [monitor(process, Pid) || Pid <- Pids],
    [case Reason of kill -> exit(Pid, kill); _ -> Pid ! {exit, Reason} end || Pid <- Pids],
    [receive {'DOWN', Ref, _, _, _} -> ok after 20000 -> exit(does_not_end) end || Ref <- Refs],
    ok.
end_large(Pids, Bytes) -> end_all(Pids, {large, content(Bytes)}).

%% As content_of() in relations.cpp.
content(Bytes) ->
    Pattern = list_to_binary(lists:seq(0, 250)),
    binary:part(binary:copy(Pattern, Bytes div 251 + 1), 0, Bytes).

%% Monitors Pids, links to them and to Unlinked. `counts` answers {DOWNs, EXITs, most of one kind about one process,
%% reasons}; `unlink` takes the links to Unlinked back. The last watcher has the name `watcher`.
watch(Pids, Unlinked) ->
    Self = self(),
    Watcher = spawn(fun() ->
        process_flag(trap_exit, true),
        [begin monitor(process, Pid), link(Pid) end || Pid <- Pids],
        [link(Pid) || Pid <- Unlinked],
        [pong = gen_server:call({control, Node}, ping) || Node <- lists:usort([node(Pid) || Pid <- Pids])],
        Self ! {armed, self()},
        watching(Unlinked, #{}, #{}, #{})
    end),
    whereis(watcher) =:= undefined orelse unregister(watcher),
    register(watcher, Watcher),
    receive {armed, Watcher} -> Watcher after 20000 -> exit(not_armed) end.

watching(Unlinked, Downs, Exits, Reasons) ->
    receive
        {'DOWN', _, process, Pid, Reason} -> watching(Unlinked, more(Pid, Downs), Exits, more(short(Reason), Reasons));
        {'EXIT', Pid, Reason} -> watching(Unlinked, Downs, more(Pid, Exits), more(short(Reason), Reasons));
        unlink ->
            [unlink(Pid) || Pid <- Unlinked],
            watching(Unlinked, Downs, Exits, Reasons);
        {'$gen_call', From, counts} ->
            Most = lists:max([0 | maps:values(Downs) ++ maps:values(Exits)]),
            Sum = fun(Of) -> lists:sum(maps:values(Of)) end,
            gen_server:reply(From, {Sum(Downs), Sum(Exits), Most, lists:sort(maps:keys(Reasons))}),
            watching(Unlinked, Downs, Exits, Reasons);
        stop -> ok
    end.

more(Key, Map) -> maps:update_with(Key, fun(N) -> N + 1 end, 1, Map).

short({large, Binary}) -> {large, byte_size(Binary), Binary =:= content(byte_size(Binary))};
short(Reason) -> Reason.

%% Count processes that each start one at Node; returns one that tells how many have been started there.
spawn_there(Node, {M, F}, Count) ->
    Counter = spawn(fun() -> counting(0) end),
    [spawn(fun() -> true = node(spawn(Node, M, F, [])) =:= Node, Counter ! spawned end) || _ <- lists:seq(1, Count)],
    Counter.
counting(Count) ->
    receive
        spawned -> counting(Count + 1);
        {'$gen_call', From, count} -> gen_server:reply(From, Count), counting(Count)
    end.
