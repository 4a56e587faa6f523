%% What the tests of cluster events ask an Erlang node: what net_kernel:monitor_nodes/2 has told of a node.
-module(events_side).
-export([watch/0, told/1]).

watch() ->
    Me = self(),
    spawn(fun() ->
        register(events_side, self()),
        ok = net_kernel:monitor_nodes(true, options()),
        Me ! watching,
        collect([])
    end),
    receive watching -> ok end.

%% Connections have ids since OTP 24.
options() ->
    [{node_type, all}, nodedown_reason] ++
        case list_to_integer(erlang:system_info(otp_release)) >= 24 of true -> [connection_id]; false -> [] end.

collect(Told) ->
    receive
        {nodeup, Node, Facts} -> collect([{Node, up, Facts} | Told]);
        {nodedown, Node, Facts} -> collect([{Node, down, Facts} | Told]);
        {told, From, Node} -> From ! {told, [Event || {Of, _, _} = Event <- lists:reverse(Told), Of =:= Node]}, collect(Told)
    end.

%% [{up, Type}, {down, Type, Reason}, …] of one node, or what is wrong with the ids: those of an up and its down are the
%% same, and every up has another.
told(Node) ->
    events_side ! {told, self(), Node},
    Events = receive {told, All} -> maps(All) end,
    Ids = [Id || {_, up, #{connection_id := Id}} <- Events],
    case {length(Ids) =:= length(lists:usort(Ids)), paired(Events)} of
        {true, true} -> [short(Event) || Event <- Events];
        Wrong -> {Wrong, Events}
    end.

%% Facts are a list, as the options were.
maps(Events) -> [{Node, What, if is_map(Facts) -> Facts; true -> maps:from_list(Facts) end} || {Node, What, Facts} <- Events].

paired([{_, up, #{connection_id := Id}}, {_, down, #{connection_id := Other}} | Rest]) -> Id =:= Other andalso paired(Rest);
paired([{_, up, _}, {_, down, _} | Rest]) -> paired(Rest);
paired([{_, up, _}]) -> true;
paired(Rest) -> Rest =:= [].

short({_, up, #{node_type := Type}}) -> {up, Type};
short({_, down, #{node_type := Type, nodedown_reason := Reason}}) -> {down, Type, Reason}.
