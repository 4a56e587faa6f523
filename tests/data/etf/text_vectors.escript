#!/usr/bin/env escript
%%! +pc unicode
%% -*- coding: utf-8 -*-
%% Writes text_vectors.txt: how this release of Erlang/OTP prints terms. Run it in this folder:
%%   escript text_vectors.escript > text_vectors.txt
%% Each line is: the external format in base64, what ~0tp prints, what ~tw prints; separated by tabs, in UTF-8.
%% The terms are the same in each run (fixed seed). Maps stay below 33 keys and have no two atoms as keys, because their
%% order of printing depends on the release.

-mode(compile).

main(_) ->
    io:setopts([{encoding, utf8}]),
    rand:seed(exsss, {20, 25, 2}),
    io:format("# Erlang/OTP ~s, printable range ~p~n",
              [erlang:system_info(otp_release), io:printable_range()]),
    lists:foreach(fun line/1, fixed() ++ floats() ++ random_terms(1200)).

line(Term) ->
    io:format("~s\t~ts\t~ts~n", [base64:encode(term_to_binary(Term)),
                                 io_lib:format("~0tp", [Term]), io_lib:format("~tw", [Term])]).

fixed() ->
    [0, 1, -1, 255, 256, -256, 1 bsl 31, 1 bsl 62, 1 bsl 63, -(1 bsl 63), (1 bsl 63) - 1, 1 bsl 64, -(1 bsl 200), 1 bsl 900,
     '', a, ok, 'Ok', '_a', 'a b', 'a.b', a@b, a_b1, 'a-b', '\'', '"', '\\', 'å', 'ß', 'ÿ', '÷', 'a÷', 'aÅ×', 'Å', 'λ', 'aλ', '日本',
     'a\nb\tc\d\e\x{85}\0', '1a', '@', nonode@nohost, 'a@b.c', 'fun', 'end', 'receive', 'let', 'cond', 'not', true, false, undefined]
    ++ [list_to_atom([C]) || C <- lists:seq(0, 260)]
    ++ [[], [[]], [[], []], "a", "abc", "a\"b\\c'd", "\b\t\n\v\f\r\e\s\d", "tab\there", [127], [0], "a\0", "åäö", "λ", "日本語", [16#10FFFF],
        [16#110000], [16#D7FF], [16#D800], [16#DFFF], [16#E000], [16#FFFD], [16#FFFE], [16#FFFF], [16#10000], [128], [159], [160], [-1],
        [97, 1.0], [97, a], [97 | b], [a | b], [a, b | {c}], ["ab" | "cd"], ["ab" | cd], [1, 2, 3], [[[[a]]]], [[1 | 2] | 3]]
    ++ [<<>>, <<"abc">>, <<"å"/utf8>>, <<"å">>, <<"λ"/utf8>>, <<"日本語"/utf8>>, <<0>>, <<255>>, <<255, 254>>, <<"a\n\e">>, <<"a\d">>, <<127>>,
        <<160>>, <<159>>, <<"é">>, <<"é", "é"/utf8>>, <<194, 133>>, <<194, 160>>, <<"q\"\\'">>, <<239, 191, 190>>, <<239, 191, 189>>,
        <<237, 160, 128>>, <<240, 144, 128, 128>>, <<244, 143, 191, 191>>, <<244, 144, 128, 128>>, <<192, 128>>, <<97, 206>>, <<206, 187, 206>>,
        <<5:3>>, <<0:1>>, <<1:1>>, <<127:7>>, <<"ab", 5:3>>, <<1, 2, 5:3>>, <<16#AA, 1:2>>]
    ++ [{}, {a}, {a, b}, {1, {2, {3}}}, {"a", <<"b">>}, #{}, #{a => 1}, #{1 => a, 1.0 => b, "k" => <<"v">>}, #{#{} => #{a => #{}}},
        #{{a, b} => [1, 2]}, fun lists:map/2, fun 'Elixir.Enum':'map?'/2, fun 'a b':'C'/0, fun erlang:'+'/255].

floats() ->
    Powers = [math:pow(10, N) || N <- lists:seq(-30, 30)],
    Sums = [F || N <- lists:seq(0, 24), F <- [1.2 * math:pow(10, N), 1.23456 * math:pow(10, -N), 123.0 * math:pow(10, N)]],
    Edges = [0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 1.5, 100.0, 1000.0, 123456789.0, 5.0e-324, 2.2250738585072014e-308, 2.225073858507201e-308,
             1.7976931348623157e308, 9007199254740991.0, 9007199254740992.0, 9007199254740994.0, 4503599627370496.5, 1.0e23, 9.999999999999999e22,
             3.141592653589793, 0.1 + 0.2, 1/3, 2/3, 1.0e21, 1.0e22, 123456789012345678.0],
    Random = [random_float() || _ <- lists:seq(1, 400)],
    Edges ++ Powers ++ Sums ++ [-F || F <- Powers] ++ Random.

random_float() ->
    case <<(rand:uniform(1 bsl 64) - 1):64>> of
        <<F:64/float>> -> F;
        _ -> random_float()
    end.

random_terms(N) -> [random_term(4) || _ <- lists:seq(1, N)].

random_term(0) -> leaf(rand:uniform(9));
random_term(Depth) ->
    case rand:uniform(16) of
        1 -> list_to_tuple(children(Depth));
        2 -> children(Depth);
        3 -> [random_term(Depth - 1) | children(Depth)] ++ leaf(3);
        4 -> maps:from_list([{map_key(), V} || V <- children(Depth)]);
        5 -> {leaf(3), children(Depth), random_term(Depth - 1)};
        _ -> leaf(rand:uniform(9))
    end.

children(Depth) -> [random_term(Depth - 1) || _ <- lists:seq(1, rand:uniform(5) - 1)].

map_key() -> leaf(lists:nth(rand:uniform(4), [1, 2, 5, 7])).

leaf(1) -> rand:uniform(1000) - 500;
leaf(2) -> (rand:uniform(1 bsl 80) - 1) - (1 bsl 79);
leaf(3) -> list_to_atom(characters(rand:uniform(8)));
leaf(4) -> random_float();
leaf(5) -> characters(rand:uniform(20) - 1);
leaf(6) -> unicode:characters_to_binary(characters(rand:uniform(20) - 1));
leaf(7) -> list_to_binary([C band 255 || C <- characters(rand:uniform(12) - 1)]);
leaf(8) -> << <<(rand:uniform(256) - 1)>> || _ <- lists:seq(1, rand:uniform(8)) >>;
leaf(9) -> <<(rand:uniform(1 bsl 30)):(rand:uniform(30))>>.

%% Mostly one kind of characters, so that strings and plain atoms come up often.
characters(N) ->
    Kind = rand:uniform(5),
    case [character(Kind) || _ <- lists:seq(1, N)] of
        "maybe" -> "m";
        "else" -> "e";
        Text -> Text
    end.

character(1) -> $a + rand:uniform(26) - 1;
character(2) -> $\s + rand:uniform(95) - 1;
character(3) -> 160 + rand:uniform(96) - 1;
character(4) -> 913 + rand:uniform(60);
character(5) -> lists:nth(rand:uniform(8), [rand:uniform(127), 16#4E00 + rand:uniform(500), $_, $@, $A, $z, 16#1F600, rand:uniform(255)]).
