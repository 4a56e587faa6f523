%% Observer towards a node of ours: what it asks without its windows, on every release, and with them where there is a
%% display. Each function gives a list of what is missing or wrong.
-module(observer_side).
-export([data/1, ports/1, load/1, applications/2, windows/3, reports/0]).
-export([log/2]).

-define(wait, 20000).

%% Pages without a process of their own.
data(Node) ->
    Allocators = [A || {A, _} <- proplists:get_value(alloc_info, ask(Node, sys_info, []))],
    Zero = [K || K <- [process_limit, port_limit, atom_limit, ets_limit],
                 not (proplists:get_value(K, ask(Node, sys_info, [])) > 0)],
    [no_allocators || Allocators =:= []] ++ Zero ++
        [{tables, T} || T <- [ask(Node, get_table_list, [ets, [{unread_hidden, true}]])], T =/= []] ++
        [{mnesia, M} || M <- [ask(Node, get_table_list, [mnesia, []])], element(1, M) =/= error] ++
        [{sockets, S} || S <- [ask(Node, get_socket_list, [])], S =/= []] ++
        [{messages, M} || M <- [rpc:call(Node, erlang, process_info, [rpc:call(Node, erlang, whereis, [net_kernel]), messages])],
                          M =/= {messages, []}].

%% The socket to this node is a port there, with the addresses that it has here.
ports(Node) ->
    Wanted = [port_id, name, links, id, connected, input, output, os_pid, monitors, monitored_by, parallelism, locking,
              queue_size, memory, inet],
    Ports = ask(Node, get_port_list, []),
    Inet = [proplists:get_value(inet, P) || P <- Ports],
    Sent = [proplists:get_value(output, P) || P <- Ports],
    Id = proplists:get_value(port_id, hd(Ports)),
    [{missing, K} || P <- Ports, K <- Wanted, not proplists:is_defined(K, P)] ++
        [{not_counted, Sent} || lists:max(Sent) =:= 0] ++
        [{no_address, Inet} || not lists:any(fun(I) -> is_integer(proplists:get_value(remote_port, I)) end, Inet)] ++
        [{port_info, I} || I <- [rpc:call(Node, erlang, port_info, [Id, name])], I =/= {name, "tcp_inet"}] ++
        [{ports, P} || P <- [rpc:call(Node, erlang, ports, [])], not lists:member(Id, P)] ++
        [{text, T} || T <- [erlang:port_to_list(Id)], hd(T) =/= $#].

%% Two samples of the load charts.
load(Node) ->
    Pid = spawn_link(Node, observer_backend, fetch_stats, [self(), 100]),
    Samples = [receive {stats, 1, _, _, _} = S -> S after ?wait -> nothing end || _ <- [1, 2]],
    unlink(Pid),
    exit(Pid, kill),
    [{sample, S} || S <- Samples, not is_sample(S)].

is_sample({stats, 1, [{1, Busy, Whole} | _], {{input, In}, {output, _}}, Memory}) ->
    Busy =< Whole andalso is_integer(In) andalso is_integer(proplists:get_value(total, Memory));
is_sample(_) -> false.

%% Its page of applications, of which Name is one whose tree has the process Inside.
applications(Node, {Name, Inside}) ->
    process_flag(trap_exit, true),
    {ok, Pid} = appmon_info:start_link(Node, self(), []),
    appmon_info:app_ctrl(Pid, Node, true, []),
    Running = receive {delivery, Pid, app_ctrl, Node, A} -> A after ?wait -> nothing end,
    appmon_info:app(Pid, Name, true, []),
    Tree = receive {delivery, Pid, app, Name, T} -> T after ?wait -> nothing end,
    Watch = monitor(process, Pid),
    exit(Pid, normal),
    Ended = receive {'DOWN', Watch, _, _, R} -> R after ?wait -> nothing end,
    receive {'EXIT', Pid, _} -> ok after 0 -> ok end,
    [{running, Running} || not is_running(Name, Running)] ++
        [{tree, Tree} || not is_tree(Tree, Inside)] ++
        [{ended, Ended} || Ended =/= normal].

is_running(Name, Running) -> [N || {P, N, {N, _, _}} <- Running, is_pid(P), N =:= Name] =/= [].
is_tree({Root, Processes, Lines, _}, Inside) ->
    lists:keymember(Root, 2, Processes) andalso lists:member({Root, Inside}, Lines);
is_tree(_, _) -> false.

ask(Node, Function, Arguments) -> rpc:call(Node, observer_backend, Function, Arguments).

%% ----- the program with its windows --------------------------------------------------------------------------------

%% Opens observer, looks at Node on every page, keeps a copy of Screen, the file with what the display shows, of each in Folder, and
%% tells of every error that was logged meanwhile.
windows(Node, Screen, Folder) ->
    case code:which(observer) of
        non_existing -> no_observer;
        _ -> opened(Node, Screen, Folder)
    end.

opened(Node, Screen, Folder) ->
    Reports = spawn(?MODULE, reports, []),
    logger:set_primary_config(level, error),
    ok = logger:add_handler(observer_side, ?MODULE, #{config => Reports, level => error}),
    ok = observer:start(),
    try
        ok = until(fun() -> whereis(observer) =/= undefined end),
        observer ! {get_debug_info, self()},
        {Env, Book} = receive {observer_debug, E, B, _} -> {E, B} after ?wait -> exit(no_window) end,
        wx:set_env(Env),
        choose(Node),
        Pages = [page(Book, Index, Screen, Folder) || Index <- lists:seq(0, apply(wxNotebook, getPageCount, [Book]) - 1)],
        look_into(Node),
        Reports ! {tell, self()},
        Errors = receive {errors, Said} -> Said after ?wait -> no_answer end,
        {Pages, Errors, is_pid(whereis(observer))}
    after
        logger:remove_handler(observer_side),
        logger:set_primary_config(level, none)
    end.

%% As if the node had been chosen in the menu.
choose(Node) ->
    Nodes = fun() -> [N || L <- tuple_to_list(window_state(observer)), is_list(L), lists:member(Node, L), N <- [L]] end,
    ok = until(fun() -> Nodes() =/= [] end),
    [Known | _] = Nodes(),
    {Before, _} = lists:splitwith(fun(N) -> N =/= Node end, Known),
    observer ! {wx, 1001 + length(Before), {wx_ref, 0, wxMenu, []}, [],
                {wxCommand, command_menu_selected, [], -1, 0}},
    ok = until(fun() -> observer_wx:get_active_node() =:= Node end).

%% Some pages fill by themselves, some time after they were opened. A page is there when the picture has changed.
page(Book, Index, Screen, Folder) ->
    Name = apply(wxNotebook, getPageText, [Book, Index]),
    Before = active_panel(),
    apply(wxNotebook, setSelection, [Book, Index]),
    ok = until(fun() -> Index =:= 0 orelse active_panel() =/= Before end),
    State = window_state(active_panel()),
    case lists:member(Name, ["Load Charts", "Memory Allocators", "Applications"]) of
        true -> ok = until(fun() -> window_state(active_panel()) =/= State end);
        false -> ok
    end,
    File = fun(I) -> filename:join(Folder, "observer-" ++ integer_to_list(I) ++ ".xwd") end,
    ok = until(fun() -> file:read_file(Screen) =/= file:read_file(File(Index - 1)) end),
    {ok, _} = file:copy(Screen, File(Index)),
    Name.

active_panel() ->
    observer ! {get_debug_info, self()},
    receive {observer_debug, _, _, Panel} -> Panel after ?wait -> none end.

%% The windows of one process and of one port.
look_into(Node) ->
    observer ! {open_link, rpc:call(Node, erlang, whereis, [net_kernel])},
    Id = proplists:get_value(port_id, hd(ask(Node, get_port_list, []))),
    observer ! {open_link, erlang:port_to_list(Id)},
    observer_wx:get_active_node().

window_state(Who) ->
    case sys:get_state(Who, ?wait) of
        [_, State | _] -> State;
        {_, State} -> State
    end.

until(Condition) -> until(Condition, 200).
until(_, 0) -> too_late;
until(Condition, Left) ->
    case Condition() of
        true -> ok;
        false -> receive after 100 -> until(Condition, Left - 1) end
    end.

%% Collects what was logged.
reports() -> reports([]).
reports(Said) ->
    receive
        {tell, Who} -> Who ! {errors, lists:reverse(Said)};
        {log, Event} -> reports([Event | Said])
    end.

log(#{msg := Message}, #{config := To}) -> To ! {log, Message}.
