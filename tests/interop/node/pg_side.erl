%% What the tests of pg ask an Erlang node.
-module(pg_side).
-export([start/1, members_at/3, pg2/0]).

%% Starts a scope that lives on when its starter ends.
start(Scope) -> {ok, Pid} = pg:start(Scope), Pid.

%% How many members of a group a node has, as this node sees it.
members_at(Scope, Group, Node) -> length([Pid || Pid <- pg:get_members(Scope, Group), node(Pid) =:= Node]).

%% pg2 among nodes of which one has none; OTP 23 only.
pg2() ->
    ok = pg2:create(old_group),
    ok = pg2:join(old_group, whereis(erl_server)),
    Members = pg2:get_members(old_group),
    ok = pg2:delete(old_group),
    length(Members).
