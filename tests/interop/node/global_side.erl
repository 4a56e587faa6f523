%% What the tests of global ask an Erlang node.
-module(global_side).
-export([watch/1, cuts/0, register_at/3, sleeper/0, names/0, names_at/1, sync/0, start_referee/1, compete/4, verdict/1,
         serve/1, ask/2, prevents/0]).

%% Counts how often the connection to a node is lost, from now on.
watch(Node) ->
    Self = self(),
    case whereis(cut_watch) of undefined -> ok; Old -> exit(Old, kill), wait_until(fun() -> whereis(cut_watch) =:= undefined end) end,
    spawn(fun() ->
        register(cut_watch, self()),
        ok = net_kernel:monitor_nodes(true),
        Self ! watching,
        count(Node, 0)
    end),
    receive watching -> ok end.

count(Node, Lost) ->
    receive
        {nodedown, Node} -> count(Node, Lost + 1);
        {how_many, From} -> From ! {lost, Lost}, count(Node, Lost);
        _ -> count(Node, Lost)
    end.

cuts() ->
    cut_watch ! {how_many, self()},
    receive {lost, Lost} -> Lost end.

wait_until(Holds) ->
    case Holds() of true -> ok; false -> erlang:yield(), wait_until(Holds) end.

prevents() -> application:get_env(kernel, prevent_overlapping_partitions, none).

sleeper() -> spawn(fun() -> receive stop -> ok end end).

%% As global:register_name/2 called there.
register_at(Node, Name, Pid) when Node =:= node() -> global:register_name(Name, Pid);
register_at(Node, Name, Pid) ->
    gen_server:call({global_name_server, Node}, {registrar, {register, Name, Pid, fun global:random_exit_name/3}}, 30000).

%% The names with the nodes of their processes, as this node sees them, and as another one does.
names() -> lists:sort([{Name, place(global:whereis_name(Name))} || Name <- global:registered_names()]).
names_at(Node) ->
    Server = {global_name_server, Node},
    lists:sort([{Name, place(gen_server:call(Server, {whereis_name, Name}))} || Name <- gen_server:call(Server, registered_names)]).

place(Pid) when is_pid(Pid) -> node(Pid);
place(Other) -> Other.

%% global:sync/0 waits for ever where it fails.
sync() ->
    {_, Ref} = spawn_monitor(fun() -> exit({synced, global:sync()}) end),
    receive {'DOWN', Ref, _, _, {synced, Result}} -> Result after 20000 -> timeout end.

%% Is told who enters and leaves, and counts how often somebody entered while another was inside.
start_referee(Name) ->
    Self = self(),
    spawn(fun() -> register(Name, self()), Self ! ready, referee([], 0, 0) end),
    receive ready -> ok end.

referee(Inside, Rounds, Fouls) ->
    receive
        {'$gen_call', {From, _} = To, enter} ->
            gen_server:reply(To, ok),
            referee([From | Inside], Rounds + 1, case Inside of [] -> Fouls; _ -> Fouls + 1 end);
        {'$gen_call', {From, _} = To, leave} ->
            gen_server:reply(To, ok),
            referee(lists:delete(From, Inside), Rounds, Fouls);
        {'$gen_call', To, verdict} ->
            gen_server:reply(To, {Rounds, Fouls}),
            referee(Inside, Rounds, Fouls)
    end.

verdict(Referee) -> gen_server:call(Referee, verdict).

%% Some processes that each take the lock so many times.
compete(Referee, Processes, Times, Nodes) ->
    [spawn(fun() -> rounds(Referee, Times, Nodes) end) || _ <- lists:seq(1, Processes)],
    ok.

rounds(_, 0, _) -> ok;
rounds(Referee, Times, Nodes) ->
    global:trans({the_lock, self()}, fun() ->
        ok = gen_server:call(Referee, enter),
        ok = gen_server:call(Referee, leave)
    end, Nodes),
    rounds(Referee, Times - 1, Nodes).

%% A gen_server under a name of the cluster, and a call to one.
serve(Name) ->
    {ok, Pid} = gen_server:start({global, Name}, interop, [], []),
    Pid.
ask(Name, Request) -> gen_server:call({global, Name}, Request).
