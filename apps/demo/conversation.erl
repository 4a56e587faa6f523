%% What `cmake/run demo` does with the demo node: ping it, call every server, be called by it, and print each line of the conversation.
-module(conversation).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2]).

init([]) -> {ok, []}.
handle_call(Request, {From, _}, State) ->
    say("     <- ~p (a process of ~p) asks: ~p", [From, node(From), Request]),
    {reply, {answered_by, node(), Request}, State}.
handle_cast(_, State) -> {noreply, State}.

main([Name]) ->
    io:setopts([{encoding, unicode}]),
    Cpp = list_to_atom(Name),
    say("~s ~s, erts ~s, node ~p", ["Erlang/OTP", erlang:system_info(otp_release), erlang:system_info(version), node()]),
    {ok, _} = gen_server:start_link({local, erlang_server}, ?MODULE, [], []),
    step("net_adm:ping(~p)", [Cpp], fun() -> net_adm:ping(Cpp) end, pong),
    Terms = [42, -1.5, {a, "list", <<"binary">>}, #{key => [1, 2 | 3]}, self(), make_ref(), 1 bsl 100, 'åäö'],
    step("gen_server:call({echo, ~p}, ~0tp)", [Cpp, Terms], fun() -> gen_server:call({echo, Cpp}, Terms) end, Terms),
    step("rpc:call(~p, demo, add, [2, 3])", [Cpp], fun() -> rpc:call(Cpp, demo, add, [2, 3]) end, 5),
    step("gen_server:call({counter, ~p}, {add, 5})", [Cpp], fun() -> gen_server:call({counter, Cpp}, {add, 5}) end, 5),
    step("gen_server:cast({counter, ~p}, {add, 2})", [Cpp], fun() -> gen_server:cast({counter, Cpp}, {add, 2}) end, ok),
    step("gen_server:call({counter, ~p}, get)", [Cpp], fun() -> gen_server:call({counter, Cpp}, get) end, 7),
    Ref = monitor(process, {counter, Cpp}),
    {'EXIT', _} = (catch gen_server:call({counter, Cpp}, crash)),
    receive {'DOWN', Ref, process, Object, Reason} -> say("  ~p is down: ~0tp", [Object, Reason]) end,
    step("gen_server:call({counter, ~p}, get), restarted by its supervisor", [Cpp], fun() -> again(Cpp, 100) end, 0),
    [gen_server:cast({recorder, Cpp}, N) || N <- lists:seq(1, 20000)],
    step("20,000 casts to recorder, then take: all there, in order", [], fun() ->
        gen_server:call({recorder, Cpp}, take) =:= lists:seq(1, 20000) end, true),
    step("gen_server:call({pong_server, ~p}, {start, 3}), then a call to each", [Cpp], fun() ->
        [gen_server:call(Pid, ping) || Pid <- gen_server:call({pong_server, Cpp}, {start, 3})] end, [ok, ok, ok]),
    step("gen_server:call({caller, ~p}, {call, ~p}): the C++ node calls this one", [Cpp, node()], fun() ->
        gen_server:call({caller, Cpp}, {call, node(), {hello, from, erlang}}) end, {answered_by, node(), {hello, from, erlang}}),
    say("conversation ended well", []),
    halt(0).

again(Cpp, 0) -> gen_server:call({counter, Cpp}, get);
again(Cpp, Tries) ->
    try gen_server:call({counter, Cpp}, get)
    catch exit:{noproc, _} -> timer:sleep(10), again(Cpp, Tries - 1)
    end.

step(Format, Arguments, Do, Expected) ->
    case catch Do() of
        Expected -> say("  " ++ Format ++ " -> ~0tp", Arguments ++ [Expected]);
        Other -> say("  " ++ Format ++ " -> ~0tp, expected ~0tp", Arguments ++ [Other, Expected]), halt(1)
    end.

say(Format, Arguments) -> io:format(Format ++ "~n", Arguments).
