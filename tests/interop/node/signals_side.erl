%% What only some releases say, and only when asked: signals with a sequence-trace token, to aliases, with priority.
-module(signals_side).
-export([traced/1, answer_traced/1, sends_to_alias/2, hears_alias/1, hears_priority/1, sends_priority/2, sends_mixed/2, watches_with_priority/1, led_from/1]).

token() -> seq_trace:set_token(label, 17), seq_trace:set_token(send, true).

%% In a process of its own, so that no token is left behind.
here(Do) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({result, Do()}) end),
    receive {'DOWN', Ref, process, Pid, {result, Result}} -> Result;
            {'DOWN', Ref, process, Pid, Failed} -> exit(Failed)
    after 30000 -> exit(timeout)
    end.

%% A message, a call, a cast, an exit signal, the end of a linked process and a spawn, each with a token.
traced(Node) ->
    here(fun() ->
        Recorder = gen_server:call({control, Node}, {whereis, recorder}),
        Victim = gen_server:call({control, Node}, {start_sleeper, none}),
        Linked = gen_server:call({control, Node}, {start_sleeper, none}),
        [Ref, Ref2] = [monitor(process, P) || P <- [Victim, Linked]],
        token(), Recorder ! 1,
        token(), {recorder, Node} ! 2,
        token(), gen_server:cast({recorder, Node}, 3),
        token(), pong = gen_server:call({control, Node}, ping),
        token(), exit(Victim, hurt),
        Hurt = receive {'DOWN', Ref, process, Victim, R} -> R after 10000 -> no_down end,
        spawn(fun() ->
            link(Linked),
            pong = gen_server:call({control, Node}, ping),
            token(),
            exit(boom)
        end),
        Boom = receive {'DOWN', Ref2, process, Linked, R2} -> R2 after 10000 -> no_down end,
        token(),
        {Pid, Ref3} = spawn_monitor(Node, erlang, node, []),
        Normal = receive {'DOWN', Ref3, process, Pid, R3} -> R3 after 10000 -> no_down end,
        {Hurt, Boom, Normal, gen_server:call({recorder, Node}, take)}
    end).

%% Answers a call with a token.
answer_traced(Node) ->
    Pid = spawn(fun() ->
        receive {'$gen_call', From, Request} -> token(), gen_server:reply(From, {traced, Request}) end
    end),
    gen_server:call({control, Node}, ping),
    Pid.

alias_of(Partner, Heeded) ->
    Partner ! {make_alias, self(), Heeded},
    receive {alias, A} -> A after 10000 -> exit(no_alias) end.

%% The partner makes an alias, gets a message over it, drops it, and must not get another one.
sends_to_alias(Partner, How) ->
    Alias = alias_of(Partner, ordinary),
    send(Alias, first, How),
    Partner ! {drop_alias, self()},
    receive dropped -> ok after 10000 -> exit(not_dropped) end,
    send(Alias, lost, How),
    Partner ! last,
    report(Partner).

send(Alias, What, plain) -> Alias ! What;
send(Alias, What, priority) -> erlang:send(Alias, What, [priority]).

report(Partner) ->
    Partner ! {report, self()},
    receive {report, Kept} -> Kept after 10000 -> no_report end.

%% The same with an alias of ours: what the partner sends over it, and nothing after it is gone.
hears_alias(Partner) ->
    here(fun() ->
        Alias = erlang:alias(),
        Partner ! {send_over, Alias, first, ordinary},
        receive first -> ok after 10000 -> exit(nothing_came) end,
        true = erlang:unalias(Alias),
        Partner ! {send_over, Alias, lost, ordinary},
        Partner ! {tell, self(), last},
        receive last -> ok after 10000 -> exit(nothing_came) end,
        messages()
    end).

%% What came with priority is in front, in its own order.
hears_priority(Partner) ->
    here(fun() ->
        process_flag(trap_exit, true),
        Alias = erlang:alias([priority]),
        Plain = erlang:alias(),
        Partner ! {tell, self(), one},
        Partner ! {send_over, Plain, two, priority},
        Partner ! {send_over, Alias, three, ordinary},
        Partner ! {send_over, Alias, four, priority},
        Partner ! {exit_over, Alias, five, priority},
        Partner ! {exit_over, Alias, six, ordinary},
        Partner ! {tell, self(), last},
        until(7, erlang:monotonic_time(millisecond) + 10000),
        [case M of {'EXIT', Partner, Reason} -> {exit, Reason}; _ -> M end || M <- messages()]
    end).

until(Count, Deadline) ->
    {message_queue_len, Now} = process_info(self(), message_queue_len),
    case Now >= Count orelse erlang:monotonic_time(millisecond) > Deadline of
        true -> ok;
        false -> erlang:yield(), until(Count, Deadline)
    end.

messages() -> element(2, process_info(self(), messages)).

%% An exit signal with priority to an alias of the partner, which traps exits, and one to its pid.
sends_priority(Partner, Reason) ->
    Alias = alias_of(Partner, ordinary),
    erlang:exit(Alias, {over_alias, Reason}, [priority]),
    erlang:exit(Partner, {to_pid, Reason}, [priority]),
    report(Partner).

%% With and without priority, to an alias that heeds it or not, while the partner reads nothing: in which order it reads.
sends_mixed(Partner, Heeded) ->
    Alias = alias_of(Partner, Heeded),
    Partner ! hold,
    Partner ! one,
    Alias ! two,
    erlang:send(Alias, three, [priority]),
    erlang:exit(Alias, four, [priority]),
    erlang:exit(Alias, five),
    erlang:send(Alias, six, [priority]),
    Partner ! seven,
    Partner ! release,
    report(Partner).

%% The end of a process, heard with priority over a link and a monitor: both are in front of what came earlier.
watches_with_priority(Pid) ->
    here(fun() ->
        process_flag(trap_exit, true),
        erlang:link(Pid, [priority]),
        Ref = erlang:monitor(process, Pid, [priority]),
        self() ! earlier,
        Pid ! {exit, boom},
        until(3, erlang:monotonic_time(millisecond) + 10000),
        [case M of {'EXIT', Pid, R} -> {exit, R}; {'DOWN', Ref, process, Pid, R} -> {down, R}; _ -> M end || M <- messages()]
    end).

%% The group leader that the partner gives to a new process of ours.
led_from(Partner) ->
    Led = spawn(fun() -> receive {leader, From} -> From ! {leader, group_leader()} end end),
    Partner ! {lead, Led, self()},
    receive done -> ok after 10000 -> exit(nothing_came) end,
    Led ! {leader, self()},
    receive {leader, Leader} -> Leader =:= Partner after 10000 -> no_answer end.
