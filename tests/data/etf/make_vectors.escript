#!/usr/bin/env escript
%%! +pc unicode
%% -*- coding: utf-8 -*-
%% Writes vectors.txt: what this release of Erlang/OTP makes of the external term format. Run it in this folder:
%%   escript make_vectors.escript > vectors.txt
%% Each line is: bytes in hexadecimal, and after a tab what they are written as again ("=": the same, "!": they are no term),
%% and after another tab the term as Erlang text ("-": it has none that can be read). "Written again" is
%% term_to_binary(T, [deterministic, {minor_version, 2}]). The terms are the same in each run (fixed seed).
%% Left out is what depends on the release or on the node that runs this: see FORMAT.md on where we are stricter.
-mode(compile).

main(_) ->
    io:setopts([{encoding, utf8}]),
    rand:seed(exsss, {25, 2, 3}),
    io:format("# Erlang/OTP ~s, erts ~s~n", [erlang:system_info(otp_release), erlang:system_info(version)]),
    lists:foreach(fun(T) -> both(T) end, numbers() ++ atoms() ++ bytes() ++ containers() ++ [random_term(3) || _ <- lists:seq(1, 1200)]),
    lists:foreach(fun raw/1, identifiers() ++ forms() ++ wrong()).

%% A term: as the newest minor version writes it, and as the oldest does.
both(T) ->
    Newest = term_to_binary(T, [deterministic, {minor_version, 2}]),
    line(Newest, Newest, T),
    case term_to_binary(T, [{minor_version, 0}]) of
        Newest -> ok;
        Oldest -> line(Oldest, Newest, T)
    end.

%% Bytes behind 131 that this program wrote.
raw(Bytes) ->
    Input = <<131, Bytes/binary>>,
    %% OTP may write into the text of a float, so it gets a copy.
    case catch binary_to_term(binary:copy(Input)) of
        {'EXIT', _} -> io:format("~s\t!\t-~n", [hex(Input)]);
        T -> line(Input, term_to_binary(T, [deterministic, {minor_version, 2}]), T)
    end.

line(Input, Output, T) ->
    Again = case Output of Input -> "="; _ -> hex(Output) end,
    Text = case readable(T) of true -> io_lib:format("~tw", [T]); false -> "-" end,
    io:format("~s\t~s\t~ts~n", [hex(Input), Again, Text]).

hex(Bytes) -> string:lowercase(binary:encode_hex(Bytes)).

readable(T) when is_pid(T); is_port(T); is_reference(T) -> false;
readable(T) when is_function(T) -> false;
readable([H | T]) -> readable(H) andalso readable(T);
readable(T) when is_tuple(T) -> readable(tuple_to_list(T));
readable(T) when is_map(T) -> readable(maps:to_list(T));
readable(_) -> true.

%% ----- terms ------------------------------------------------------------------------------------------------------

numbers() ->
    Edges = lists:append([[(1 bsl B) + D, -(1 bsl B) + D] || B <- lists:seq(0, 130), D <- [-1, 0, 1]]),
    Long = [(1 bsl B) + rand:uniform(1 bsl 100) || B <- [300, 1000, 2039, 2040, 2041, 2048]],
    Floats = [F || _ <- lists:seq(1, 150), F <- [random_float()]] ++ [0.0, -0.0, 1.0, -1.0, 0.1, 1.0e22, 5.0e-324, 2.2250738585072014e-308,
              1.7976931348623157e308, 9007199254740993.0, 4.35, 123456.789, 1.0e-7],
    lists:usort(Edges) ++ Long ++ [-L || L <- Long] ++ Floats.

random_float() ->
    <<F/float>> = <<(rand:uniform(2) - 1):1, (500 + rand:uniform(1000)):11, (rand:uniform(1 bsl 52) - 1):52>>,
    F.

atoms() ->
    [list_to_atom(lists:duplicate(N, C)) || N <- [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 64, 127, 128, 254, 255], C <- [$a, 229, 955, 16#1F600]] ++
        [list_to_atom([C]) || C <- lists:seq(0, 300)] ++ ['hello world', 'Ok', '\'', ok, 'x@y', 'λόγος', 'ÿÿ'].

bytes() ->
    [binary:copy(<<"q">>, N) || N <- lists:seq(0, 40) ++ [255, 256]] ++
        [<<(rand:uniform(1 bsl N) - 1):N>> || N <- lists:seq(1, 80)] ++ [<<255, 255:B>> || B <- lists:seq(1, 7)].

containers() ->
    [list_to_tuple(lists:seq(1, N)) || N <- lists:seq(0, 20) ++ [255, 256]] ++
        [lists:seq(1, N) || N <- lists:seq(0, 20) ++ [255, 256]] ++
        [lists:duplicate(N, a) || N <- [1, 2, 100]] ++ [[a | b], [1, 2 | 3], [[] | []], [[1 | 2], [3 | {4}]], [[[[[]]]]], {{{{{}}}}}] ++
        [maps:from_list([{key(K, I), I} || I <- lists:seq(1, N)]) || N <- lists:seq(0, 20) ++ [31, 32, 33, 50], K <- [integer, tuple, binary]] ++
        [#{1 => a, 1.0 => b, 2 => c, 1.5 => d, <<"x">> => e, [] => f, {} => g, #{} => h, "s" => i, 1 bsl 70 => j}].

key(integer, I) -> I * 7 rem 1009;
key(tuple, I) -> {I * 5 rem 1009, x};
key(binary, I) -> <<(I * 3 rem 1009):16>>.

random_term(0) -> leaf(rand:uniform(6));
random_term(Depth) ->
    N = rand:uniform(5) - 1,
    case rand:uniform(6) of
        1 -> list_to_tuple([random_term(Depth - 1) || _ <- lists:seq(1, N)]);
        2 -> [random_term(Depth - 1) || _ <- lists:seq(1, N)];
        3 -> [random_term(Depth - 1) | random_term(Depth - 1)];
        4 -> maps:from_list([{random_term(Depth - 1), random_term(Depth - 1)} || _ <- lists:seq(1, N)]);
        _ -> random_term(0)
    end.

leaf(1) -> rand:uniform(300) - 20;
leaf(2) -> (rand:uniform(1 bsl 40) - 1) * (1 bsl (rand:uniform(60) - 1));
leaf(3) -> rand:uniform(1000) / rand:uniform(16);
leaf(4) -> lists:nth(rand:uniform(8), [a, b, ok, true, 'Weird one', 'größe', '', undefined]);
leaf(5) -> binary:copy(<<(rand:uniform(256) - 1)>>, rand:uniform(6) - 1);
leaf(6) -> [rand:uniform(256) - 1 || _ <- lists:seq(1, rand:uniform(5) - 1)].

%% ----- bytes ------------------------------------------------------------------------------------------------------

identifiers() ->
    Nodes = [<<119, 3, "x@y">>, <<100, 0, 3, "x@y">>, <<115, 3, "x@y">>, <<118, 0, 3, "x@y">>, <<119, 5, 206, 187, "@hh">>],
    lists:append([
        [<<88, N/binary, Id:32, S:32, C:32>> || N <- Nodes, Id <- [0, 16#7fff, 16#fffffff, 16#ffffffff], S <- [0, 8191, 16#ffffffff], C <- [0, 1, 16#ffffffff]],
        [<<103, N/binary, Id:32, S:32, C>> || N <- Nodes, Id <- [0, 16#7fff], S <- [0, 8191], C <- [0, 1, 3, 4]],
        [<<89, N/binary, Id:32, C:32>> || N <- Nodes, Id <- [0, 16#fffffff], C <- [0, 5]],
        [<<120, N/binary, Id:64, C:32>> || N <- Nodes, Id <- [0, 16#fffffff, 16#10000000, 16#ffffffffffffffff], C <- [0, 5]],
        [<<102, N/binary, Id:32, C>> || N <- Nodes, Id <- [0, 16#fffffff], C <- [0, 3, 4]],
        [<<90, (length(W)):16, N/binary, C:32, (<< <<X:32>> || X <- W >>)/binary>>
         || N <- Nodes, C <- [0, 7], W <- [[1], [1, 2], [16#3ffff, 2, 3], [16#ffffffff, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6]]],
        [<<114, (length(W)):16, N/binary, C, (<< <<X:32>> || X <- W >>)/binary>> || N <- Nodes, C <- [0, 3, 4], W <- [[1], [1, 2], [16#3ffff, 2, 3]]],
        [<<101, N/binary, Id:32, C>> || N <- Nodes, Id <- [0, 16#3ffff, 16#40000], C <- [0, 3, 4]]]).

%% Forms that OTP reads and does not write.
forms() ->
    Pid = <<88, 119, 3, "x@y", 1:32, 2:32, 3:32>>,
    Zip = fun(B) -> <<80, (byte_size(B)):32, (zlib:compress(B))/binary>> end,
    [<<98, 5:32>>, <<98, 255:32>>, <<110, 0, 0>>, <<110, 0, 1>>, <<110, 1, 0, 5>>, <<110, 1, 9, 5>>, <<110, 3, 1, 0, 0, 0>>, <<110, 12, 0, 1, 0:88>>,
     <<110, 9, 1, 0:56, 128, 0>>, <<111, 3:32, 0, 1, 2, 3>>, <<111, 0:32, 0>>, <<111, 16:32, 1, 0:64, 1:64/little>>,
     <<105, 0:32>>, <<105, 2:32, 97, 1, 97, 2>>, <<104, 0>>, <<108, 0:32, 106>>, <<108, 0:32, 97, 5>>, <<107, 0:16>>, <<107, 2:16, 1, 2>>,
     <<108, 1:32, 97, 1, 107, 2:16, "ab">>, <<108, 1:32, 97, 1, 108, 1:32, 97, 2, 108, 2:32, 97, 3, 97, 4, 106>>,
     <<108, 1:32, 97, 1, 108, 0:32, 108, 0:32, 97, 9>>, <<108, 1:32, 97, 1, 107, 0:16>>, <<108, 1:32, 97, 1, 108, 1:32, 97, 2, 97, 3>>,
     <<108, 2:32, 97, 1, 97, 2, 116, 0:32>>, <<116, 2:32, 97, 2, 97, 1, 97, 1, 97, 3>>, <<116, 2:32, 97, 1, 97, 2, 70, 1.0/float, 97, 3>>,
     <<77, 0:32, 0>>, <<77, 1:32, 1, 255>>, <<77, 3:32, 5, 255, 255, 255>>, <<77, 2:32, 8, 1, 2>>,
     <<113, 119, 1, "m", 119, 1, "f", 97, 0>>, <<113, 100, 0, 1, "m", 115, 1, "f", 97, 255>>, <<113, 119, 1, "m", 119, 1, "f", 98, 3:32>>] ++
        [<<99, T/binary, 0:((31 - byte_size(T)) * 8)>> || T <- [<<"1.50000000000000000000e+00">>, <<"-1.5e10">>, <<"1.5E10">>, <<"+2.5">>, <<"1.5">>,
                                                                <<"1.5e-400">>, <<"5.0e-324">>, <<"0.0e-0">>, <<"1,5">>]] ++
        [<<112, (29 + 4 + byte_size(U) + byte_size(O) + byte_size(Pid) + 2 * length(Free)):32, A, 7:128, 3:32, (length(Free)):32, 119, 1, "m", O/binary, U/binary,
           Pid/binary, (iolist_to_binary(Free))/binary>>
         || A <- [0, 1, 255], O <- [<<97, 2>>], U <- [<<98, 99999:32>>, <<97, 9>>], Free <- [[], [<<97, 1>>], [<<97, 1>>, <<97, 2>>]]] ++
        [Zip(B) || B <- [<<97, 5>>, <<108, 3:32, 97, 1, 97, 2, 98, 300:32, 106>>, <<109, 1000:32, 0:8000>>]].

wrong() ->
    Zip = zlib:compress(<<97, 5>>),
    [<<>>, <<0>>, <<67>>, <<68>>, <<117, 0:32>>, <<121, 0:32, 106>>, <<255>>, <<97>>, <<131, 97, 1>>, <<82, 0>>,
     <<70, 16#7ff0000000000000:64>>, <<70, 16#fff0000000000000:64>>, <<70, 16#7ff8000000000000:64>>, <<70, 16#7ff0000000000001:64>>,
     <<119, 1, 195>>, <<119, 3, 237, 160, 128>>, <<119, 2, 192, 128>>, <<119, 4, 244, 144, 128, 128>>, <<119, 4, 240, 128, 128, 128>>, <<119, 2, 195, 40>>,
     <<118, 256:16, (binary:copy(<<"a">>, 256))/binary>>, <<118, 512:16, (binary:copy(<<195, 165>>, 256))/binary>>,
     <<118, 1024:16, (binary:copy(<<240, 159, 152, 128>>, 256))/binary>>, <<100, 256:16, (binary:copy(<<"a">>, 256))/binary>>,
     <<77, 1:32, 0, 1>>, <<77, 1:32, 9, 1>>, <<77, 0:32, 3>>, <<109, 4:32, "abc">>,
     <<116, 2:32, 97, 1, 97, 2, 97, 1, 97, 3>>, <<116, 2:32, 107, 1:16, 5, 97, 1, 108, 1:32, 97, 5, 106, 97, 2>>,
     <<116, 40:32, (<< <<98, (I rem 39):32, 97, I>> || I <- lists:seq(1, 40) >>)/binary>>, <<116, 16#ffffffff:32, 97, 1>>,
     <<108, 16#ffffffff:32, 97, 1, 106>>, <<108, 1:32, 97, 1>>, <<105, 16#ffffffff:32, 97, 1>>, <<105, 16#7fffffff:32, 97, 1>>, <<104, 2, 97, 1>>,
     <<110, 255, 0, 1>>, <<111, 16#ffffffff:32, 0, 1>>, <<113, 97, 1, 119, 1, "f", 97, 1>>, <<113, 119, 1, "m", 119, 1, "f", 119, 1, "a">>,
     <<113, 119, 1, "m", 119, 1, "f", 98, -1:32>>, <<80, 3:32, Zip/binary>>, <<80, 1:32, Zip/binary>>, <<80, 2:32, "junk">>,
     <<104, 1, 80, 2:32, Zip/binary>>, <<80, 2:32, (binary:part(Zip, 0, byte_size(Zip) - 1))/binary>>] ++
        [<<99, T/binary, 0:((31 - byte_size(T)) * 8)>> || T <- [<<"1">>, <<"1.">>, <<".5">>, <<"1.e5">>, <<"1.5e">>, <<"inf">>, <<"nan">>, <<"1.5e400">>, <<"0x1.8p1">>,
                                                                <<" 1.5">>, <<"1.5 ">>, <<"">>, <<"-">>]].
