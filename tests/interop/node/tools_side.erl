%% What Erlang's tools ask of a node, and how its own answers look: each function gives what is missing or different.
-module(tools_side).
-export([memory/1, process_items/2, statistics/1, system_info/1, sys_info/1, etop/1, processes/1, old_spawn/1]).

memory(Node) -> keys(erlang:memory()) -- keys(ask(Node, memory, [])).

%% Items whose values are not asked for here, because they are as large as the process, or ours cannot tell them.
process_items(Node, Name) ->
    Pid = ask(Node, whereis, [Name]),
    Items = [async_dist, binary, catchlevel, current_function, current_location, current_stacktrace, dictionary,
             error_handler, garbage_collection, garbage_collection_info, group_leader, heap_size, initial_call, label,
             last_calls, links, memory, message_queue_data, message_queue_len, min_bin_vheap_size, min_heap_size,
             monitored_by, monitors, parent, priority, priority_messages, reductions, registered_name,
             sequential_trace_token, stack_size, status, suspending, total_heap_size, trace, trap_exit],
    Own = [I || I <- Items, is_known(I)],
    [I || I <- Own, not is_told(ask(Node, process_info, [Pid, I]), I)] ++
        case ask(Node, process_info, [Pid, Own]) of
            All when length(All) =:= length(Own) -> [];
            Other -> [{list, Other}]
        end.

is_known(Item) ->
    try process_info(whereis(init), Item) of _ -> true catch error:badarg -> false end.
is_told({Item, _}, Item) -> true;
is_told(_, _) -> false.

statistics(Node) ->
    erlang:system_flag(scheduler_wall_time, true),
    different(Node, statistics, [context_switches, exact_reductions, garbage_collection, io, reductions, run_queue,
                                 run_queue_lengths, runtime, scheduler_wall_time, total_run_queue_lengths, wall_clock]).

system_info(Node) ->
    different(Node, system_info, [alloc_util_allocators, atom_count, atom_limit, creation, dist_buf_busy_limit, ets_count,
                                  ets_limit, kernel_poll, machine, multi_scheduling, otp_release, port_count, port_limit,
                                  process_count, process_limit, schedulers, schedulers_online, smp_support,
                                  system_architecture, system_version, thread_pool_size, threads, version, wordsize,
                                  {wordsize, internal}, {wordsize, external}]).

different(Node, Function, Kinds) ->
    [{K, Theirs} || K <- Kinds, Theirs <- [ask(Node, Function, [K])], shape(Theirs) =/= shape(erlang:Function(K))].

sys_info(Node) -> keys(observer_backend:sys_info()) -- keys(rpc:call(Node, observer_backend, sys_info, [])).

%% The records that etop and observer take apart.
etop(Node) ->
    Own = collected(node()),
    Theirs = collected(Node),
    [different_records || record(Own) =/= record(Theirs)] ++
        [different_processes || record(hd(processes_in(Own))) =/= record(hd(processes_in(Theirs)))] ++
        [no_net_kernel || not lists:member(net_kernel, [element(5, P) || P <- processes_in(Theirs)])].

collected(Node) ->
    Pid = spawn_link(Node, observer_backend, etop_collect, [self()]),
    receive {Pid, Info} -> Info after 20000 -> nothing end.

processes_in(Info) -> element(tuple_size(Info), Info).
record(Tuple) -> {element(1, Tuple), tuple_size(Tuple)}.

%% OTP 25 and later.
processes(Node) ->
    Pid = spawn_link(Node, observer_backend, procs_info, [self()]),
    receive {procs_info, Pid, [First | _]} -> record(First) after 20000 -> nothing end.

%% How releases without spawn requests started processes elsewhere.
old_spawn(Node) ->
    Asked = gen_server:call({net_kernel, Node}, {spawn, erlang, node, [], group_leader()}, 20000),
    Legacy = try gen_server:call({auth, Node}, get_cookie, 20000) catch exit:{Why, _} -> Why end,
    {Asked, Legacy}.

ask(Node, Function, Arguments) -> rpc:call(Node, erlang, Function, Arguments).

keys(Facts) -> lists:usort([element(1, F) || F <- Facts]).

shape(X) when is_integer(X) -> integer;
shape(X) when is_list(X) -> list;
shape(X) when is_tuple(X) -> [shape(E) || E <- tuple_to_list(X)];
shape(X) when is_atom(X) -> atom.
