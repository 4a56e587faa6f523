%% What Erlang does with functions that our node provides. Results are plain terms; a class and reason where something was raised.
-module(rpc_side).
-export([attempt/3, request/4, async/4, sent/3, started/5, refused/5, named/2, multicast/4, blocked/1]).

attempt(M, F, A) -> try {ok, apply(M, F, A)} catch Class:Reason -> {Class, Reason} end.

request(Node, M, F, A) ->
    Id = erpc:send_request(Node, M, F, A),
    attempt(erpc, receive_response, [Id, 10000]).

async(Node, M, F, A) -> rpc:yield(rpc:async_call(Node, M, F, A)).

%% Through rex, as C nodes do.
sent(Node, Request, Patience) ->
    {rex, Node} ! {self(), Request},
    receive
        {rex, Value} -> Value;
        {rex, Where, Value} -> {Where, Value};
        {features_reply, _, _} = Features -> Features
    after Patience -> silence
    end.

%% Starts a process there in some way, lets it end, and says what was heard of that.
started(plain, Node, M, F, A) ->
    Pid = spawn(Node, M, F, A),
    Ref = monitor(process, Pid),
    Pid ! done,
    {node(Pid), down(Ref, Pid)};
started(link, Node, M, F, A) ->
    Pid = spawn_link(Node, M, F, A),
    {node(Pid), exit_of(Pid)};
started(monitor, Node, M, F, A) ->
    {Pid, Ref} = spawn_monitor(Node, M, F, A),
    {node(Pid), down(Ref, Pid)};
started(both, Node, M, F, A) ->
    {Pid, Ref} = spawn_opt(Node, M, F, A, [link, monitor, {priority, high}]),
    {node(Pid), exit_of(Pid), down(Ref, Pid)};
started(request, Node, M, F, A) ->
    Id = spawn_request(Node, M, F, A, [monitor]),
    receive
        {spawn_reply, Id, ok, Pid} -> {node(Pid), down(Id, Pid)};
        {spawn_reply, Id, error, Reason} -> {error, Reason}
    after 10000 -> no_reply
    end.

refused(Node, M, F, A, Option) ->
    Id = spawn_request(Node, M, F, A, [Option]),
    receive {spawn_reply, Id, error, Reason} -> Reason after 10000 -> no_reply end.

%% A process with a name on the other node: whether it is found under it, and what becomes of a second one.
named(Node, Name) ->
    Id = spawn_request(Node, m, wait, [], [monitor, {name, Name}]),
    Pid = receive {spawn_reply, Id, ok, P} -> P; {spawn_reply, Id, error, R} -> exit(R) after 10000 -> exit(no_reply) end,
    Found = rpc:call(Node, erlang, whereis, [Name]),
    Second = refused(Node, m, wait, [], {name, Name}),
    {Name, Node} ! done,
    normal = down(Id, Pid),
    {Found =:= Pid, Second}.

down(Ref, Pid) -> receive {'DOWN', Ref, process, Pid, Reason} -> Reason after 10000 -> no_down end.
exit_of(Pid) -> receive {'EXIT', Pid, Reason} -> Reason after 10000 -> no_exit end.

%% erpc has it since its first release, 23.
multicast(Nodes, M, F, A) -> erpc:multicast(Nodes, M, F, A).

%% A block_call that lasts, and one that is asked for while it does: the order of their answers, and whether a call that
%% does not go through rex was answered meanwhile.
blocked(Node) ->
    First = ask_rex(Node, {block_call, m, hold, [self()], group_leader()}),
    Held = receive Pid when is_pid(Pid) -> Pid after 10000 -> exit(not_started) end,
    Second = ask_rex(Node, {block_call, m, add, [1, 2], group_leader()}),
    Node = rpc:call(Node, erlang, node, []),
    Early = receive {First, _} -> early; {Second, _} -> early after 0 -> ok end,
    Held ! go,
    Answers = [receive {First, A} -> A; {Second, A} -> A after 10000 -> none end || _ <- [1, 2]],
    {Answers, Early}.

ask_rex(Node, Request) ->
    Ref = make_ref(),
    {rex, Node} ! {'$gen_call', {self(), Ref}, Request},
    Ref.
