%% What an Erlang node does to the services of another one.
-module(services_side).
-export([attack/2, requests/1]).

%% Everything that ends a process which is not guarded; whether it has gone on.
attack(Node, Name) ->
    Pid = rpc:call(Node, erlang, whereis, [Name]),
    true = is_pid(Pid),
    exit(Pid, kill),
    exit(Pid, stop),
    {_, Ref} = spawn_monitor(fun() -> link(Pid), exit(crash) end),
    receive {'DOWN', Ref, process, _, crash} -> ok end,
    group_leader(self(), Pid),
    Stopped = sys:terminate({Name, Node}, stop, 10000),
    {Stopped, rpc:call(Node, erlang, whereis, [Name]) =:= Pid, rpc:call(Node, erlang, is_process_alive, [Pid])}.

%% What others are to ask of their own node only, and what everybody may.
requests(Node) ->
    Sup = {kernel_sup, Node},
    Names = {global_name_server, Node},
    {[supervisor:terminate_child(Sup, user), supervisor:delete_child(Sup, user), supervisor:restart_child(Sup, user),
      sys:suspend(Names), gen_server:call(Names, disconnect),
      gen_server:call(Names, {registrar, {unregister, name}})],
     proplists:get_value(active, supervisor:count_children(Sup)), gen_server:call(Names, {whereis_name, nobody})}.
