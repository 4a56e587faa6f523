%% Types a session into this node: evaluates each `N> Expressions.` of a file, and matches the value with the pattern that
%% stands below it. Variables keep their values, as in a shell.
-module(session).
-export([main/1, until/1]).

-define(patience, 60000).

main([File]) ->
    io:setopts([{encoding, unicode}]),
    spawn(fun() -> receive after 2 * ?patience -> io:format("the session takes too long~n"), halt(2) end end),
    {ok, Bytes} = file:read_file(File),
    Lines = string:lexemes(unicode:characters_to_list(Bytes), "\n"),
    lists:foldl(fun take/2, erl_eval:new_bindings(), steps(Lines)),
    halt(0).

%% Evaluates Condition until it is true; what it throws counts as false.
until(Condition) -> until(Condition, erlang:monotonic_time(millisecond) + ?patience).

until(Condition, End) ->
    case {catch Condition(), erlang:monotonic_time(millisecond) < End} of
        {true, _} -> true;
        {Other, false} -> Other;
        _ -> receive after 20 -> until(Condition, End) end
    end.

%% [{Expressions, Pattern}], each as one string.
steps([]) -> [];
steps([Prompt | Lines]) ->
    {match, [Start]} = re:run(Prompt, "^[0-9]+> (.*)$", [{capture, all_but_first, list}, unicode]),
    {More, Rest} = lists:splitwith(fun(Line) -> re:run(Line, "^[0-9]+> ") =:= nomatch end, Lines),
    {Expressions, Pattern} = until_dot([Start | More]),
    [{Expressions, Pattern} | steps(Rest)].

until_dot([Line | Lines]) ->
    case lists:last(Line) of
        $. -> {Line, lists:append(lists:join("\n", Lines))};
        _ -> {More, Pattern} = until_dot(Lines), {Line ++ "\n" ++ More, Pattern}
    end.

take({Expressions, Pattern}, Bindings) ->
    io:format("> ~ts~n", [Expressions]),
    {Value, Now} = evaluate(Expressions, Bindings),
    io:format("~0tp~n", [Value]),
    try evaluate(Pattern ++ " = Value__.", erl_eval:add_binding('Value__', Value, Now)) of
        _ -> Now
    catch
        _:_ -> io:format("expected ~ts~n", [Pattern]), halt(1)
    end.

evaluate(Text, Bindings) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, Parsed} = erl_parse:parse_exprs(Tokens),
    {value, Value, After} = erl_eval:exprs(Parsed, Bindings),
    {Value, After}.
