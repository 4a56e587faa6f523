%% What the tests of partitions ask an Erlang node: has anything crashed, and who is in a group.
-module(partition_side).
-export([start/0, crashes/0, join/0, members/0, log/2]).

%% Keeps reports of crashes from now on; a lost connection is reported too, and is none.
start() ->
    Me = self(),
    spawn(fun() -> ets:new(crashes, [named_table, public]), Me ! kept, receive stop -> ok end end),
    receive kept -> ok end,
    logger:set_primary_config(level, error),
    logger:remove_handler(default),
    logger:add_handler(crashes, ?MODULE, #{}),
    {ok, Scope} = pg:start(rooms),
    is_pid(Scope).

log(#{msg := {report, #{label := {_, terminate}} = Report}}, _) -> keep(Report);
log(#{msg := {report, #{label := {proc_lib, crash}} = Report}}, _) -> keep(Report);
log(#{meta := #{error_logger := #{emulator := true}}, msg := Message}, _) -> keep(Message);
log(_, _) -> ok.

keep(What) -> ets:insert(crashes, {make_ref(), What}).

crashes() -> [What || {_, What} <- ets:tab2list(crashes)].

join() -> pg:join(rooms, lobby, whereis(erl_server)).
members() -> lists:sort([node(Pid) || Pid <- pg:get_members(rooms, lobby)]).
