%% What the tests of group leaders ask an Erlang node.
-module(io_side).
-export([start/0, take/0, silent/1, asked/1, call/6, begin_call/6, result/1, log_everything/0, logs/0]).

%% A group leader, registered as `leader`, that keeps what is printed, and types "typed\n" for everybody who reads.
start() -> true = register(leader, spawn(fun() -> leader([]) end)).

leader(Text) ->
    receive
        {io_request, From, As, Request} ->
            {Reply, More} = answer(Request),
            From ! {io_reply, As, Reply},
            leader([Text, More]);
        {take, From, Ref} ->
            From ! {Ref, unicode:characters_to_binary(Text)},
            leader([])
    end.

answer({put_chars, unicode, Text}) -> {ok, Text};
answer({put_chars, unicode, M, F, A}) -> {ok, apply(M, F, A)};
answer({get_line, unicode, Prompt}) -> {"typed\n", Prompt};
answer({requests, Requests}) -> {ok, [element(2, answer(R)) || R <- Requests]};
answer(_) -> {{error, request}, []}.

%% What was printed since the last time, as UTF-8.
take() -> ask(leader, take).

ask(Name, What) ->
    Ref = make_ref(),
    Name ! {What, self(), Ref},
    receive {Ref, Answer} -> Answer after 10000 -> timeout end.

%% A device that never answers, but tells how often it was asked.
silent(Name) -> true = register(Name, spawn(fun() -> silence(0) end)).

silence(Asked) ->
    receive
        {asked, From, Ref} -> From ! {Ref, Asked}, silence(Asked);
        {io_request, _, _, _} -> silence(Asked + 1)
    end.

asked(Name) -> ask(Name, asked).

%% Calls M:F(A) in a process with this group leader, a pid or a name: here, or on Node in one of the ways to get there.
call(Leader, How, Node, M, F, A) -> result(begin_call(Leader, How, Node, M, F, A)).

begin_call(Leader, How, Node, M, F, A) ->
    Parent = self(),
    Ref = make_ref(),
    spawn(fun() ->
        true = group_leader(if is_atom(Leader) -> whereis(Leader); true -> Leader end, self()),
        Parent ! {Ref, try run(How, Node, M, F, A) catch Class:Reason -> {Class, Reason} end}
    end),
    Ref.

result(Ref) -> receive {Ref, Result} -> Result after 20000 -> timeout end.

run(here, _, M, F, A) -> apply(M, F, A);
run(rpc, Node, M, F, A) -> rpc:call(Node, M, F, A);
run(erpc, Node, M, F, A) -> erpc:call(Node, M, F, A);
run(block, Node, M, F, A) -> rpc:block_call(Node, M, F, A);
run(spawn, Node, M, F, A) ->
    {_, Ref} = spawn_monitor(Node, M, F, A),
    receive {'DOWN', Ref, _, _, normal} -> ok; {'DOWN', Ref, _, _, Reason} -> {down, Reason} end.

%% Log events reach their group leader's node, and no output here.
log_everything() ->
    _ = logger:remove_handler(default),
    logger:set_primary_config(level, all).

logs() ->
    logger:error("~p fell: ~ts", [bob, "grün"], #{team => red}),
    logger:notice(#{what => started, id => 17}),
    logger:warning("a plain line"),
    error_logger:error_msg("old ~w~n", [style]),
    error_logger:info_report([{report, old}]),
    ok.
