%% What the show of pg asks an Erlang node: members that join, leave and end at random, and who is in which group.
-module(show_side).
-export([start/0, meet/1, missing/0, churn/1, changes/0, entries/1]).

-define(groups, [0, 1, 2]).
-define(most, 12).

start() ->
    true = partition_side:start(),
    persistent_term:put(show_changes, counters:new(1, [])),
    Self = self(),
    spawn(fun() -> register(show_churn, self()), Self ! churning, churning(false, []) end),
    receive churning -> churning end.

%% Seeks connections to these nodes from now on.
meet(Nodes) ->
    persistent_term:put(show_peers, Nodes),
    [spawn(fun() -> seek(Node) end) || Node <- Nodes],
    ok.

seek(Node) ->
    net_kernel:connect_node(Node),
    receive after 200 -> seek(Node) end.

%% Who does not answer: an answer is behind everything that was sent before.
missing() -> length([Node || Node <- persistent_term:get(show_peers), net_adm:ping(Node) =/= pong]).

churn(Busy) ->
    show_churn ! {busy, Busy, self()},
    receive {busy, Busy} -> ok end.

changes() ->
    [] = partition_side:crashes(),
    counters:get(persistent_term:get(show_changes), 1).

churning(Busy, Joined) ->
    receive
        {busy, Now, From} -> From ! {busy, Now}, churning(Now, Joined)
    after 4 + rand:uniform(20) ->
        Busy andalso counters:add(persistent_term:get(show_changes), 1, 1),
        churning(Busy, case Busy of true -> change(rand:uniform(4), Joined); false -> Joined end)
    end.

change(What, Joined) when What =< 2, length(Joined) < ?most ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    Group = lists:nth(rand:uniform(length(?groups)), ?groups),
    ok = pg:join(rooms, Group, Pid),
    [{Group, Pid} | Joined];
change(_, []) -> [];
change(What, Joined) ->
    {Group, Pid} = One = lists:nth(rand:uniform(length(Joined)), Joined),
    ok = case What of 3 -> pg:leave(rooms, Group, Pid); _ -> ok end,
    exit(Pid, kill),
    Joined -- [One].

%% Members of this node, or all that it knows, as a text that is the same on every node.
entries(Which) ->
    Entries = [entry(Group, Pid) || Group <- ?groups, Pid <- members(Which, Group)],
    lists:flatten(lists:join(" ", lists:sort(Entries))).

members(local, Group) -> pg:get_local_members(rooms, Group);
members(all, Group) -> pg:get_members(rooms, Group).

entry(Group, Pid) ->
    Bytes = term_to_binary(Pid),
    Before = byte_size(Bytes) - 12,
    <<_:Before/binary, Id:32, Serial:32, Creation:32>> = Bytes,
    lists:flatten(io_lib:format("~b=~s/~b/~b/~b", [Group, node(Pid), Id, Serial, Creation])).
