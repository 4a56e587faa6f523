#!/usr/bin/env escript
%% The Erlang half of the differential test of the external term format.
%%   generate CORPUS SEED      writes encoded terms: literals of the installed BEAM files, crafted ones, and damaged ones
%%   verify CORPUS RESULTS     compares what our side made of them with what this Erlang makes of them
%% A corpus is a row of <<Size:32, Bytes/binary>>. Results are, for each of them, <<Accepted:8, Used:32, Size:32, Encoded/binary>>
%% (Used is the number of an errc where nothing was accepted), and then a row of <<Left:32, Right:32, Order:8, Equal:8, Exact:8>> for pairs of accepted terms (order and exact: 0 less, 1 equal, 2 greater).
-mode(compile).
-define(NONE, '$refused by Erlang').

main(["generate", Corpus, Seed]) ->
    rand:seed(exsss, list_to_integer(Seed)),
    Literals = literals(),
    Chosen = sample(Literals, 60000),
    Crafted = crafted(),
    Related = lists:append([related(T) || T <- sample([binary_to_term(B) || B <- sample(Chosen, 4000)], 2000)]),
    %% Some damaged terms kill the emulator of OTP 23.
    Damaged = lists:append([damaged(B) || B <- sample(Chosen ++ Crafted, 20000), release() > 23]),
    All = Chosen ++ Crafted ++ Related ++ Damaged,
    ok = file:write_file(Corpus, [<<(byte_size(B)):32, B/binary>> || B <- All]),
    io:format("release ~s: ~b literals, ~b crafted, ~b related, ~b damaged~n",
              [erlang:system_info(otp_release), length(Chosen), length(Crafted), length(Related), length(Damaged)]);
main(["verify", Corpus, Results]) ->
    {ok, Inputs} = file:read_file(Corpus),
    {ok, Answers} = file:read_file(Results),
    {Terms, Pairs, Count} = check_terms(Inputs, Answers, 0, [], #{}),
    Count2 = check_pairs(Pairs, list_to_tuple(lists:reverse(Terms)), Count),
    Report = [io_lib:format("~s ~b", [K, V]) || {K, V} <- lists:sort(maps:to_list(Count2))],
    io:format("~s~n", [lists:join(", ", Report)]),
    case maps:get(wrong, Count2, 0) of
        0 -> ok;
        _ -> halt(1)
    end.

%% ----- corpus -----------------------------------------------------------------------------------------------------

literals() ->
    Folders = [code:lib_dir(), "/usr/lib/elixir/lib", "/usr/lib/erlang/lib"],
    Files = lists:usort(lists:append([filelib:wildcard(F ++ "/*/ebin/*.beam") || F <- Folders])),
    lists:usort(lists:append([literals_of(F) || F <- Files])).

literals_of(File) ->
    case beam_lib:chunks(File, ["LitT"], [allow_missing_chunks]) of
        {ok, {_, [{"LitT", <<0:32, Table/binary>>}]}} -> rows(Table);
        {ok, {_, [{"LitT", <<_:32, Deflated/binary>>}]}} -> rows(zlib:uncompress(Deflated));
        _ -> []
    end.

rows(<<_Count:32, Rows/binary>>) -> row(Rows).
row(<<Size:32, Bytes:Size/binary, Rest/binary>>) -> [binary:copy(Bytes) | row(Rest)];
row(<<>>) -> [].

sample(List, Most) when length(List) =< Most -> List;
sample(List, Most) ->
    {Chosen, _} = lists:split(Most, [X || {_, X} <- lists:sort([{rand:uniform(), X} || X <- List])]),
    Chosen.

%% Terms of all kinds, and the forms in which only other encoders write them.
crafted() ->
    [term_to_binary(T, O) || T <- terms(), O <- [[], [{minor_version, 2}], [{minor_version, 0}], [compressed]]] ++
        [<<131, B/binary>> || B <- raw()].

terms() ->
    Numbers = [0, 1, -1, 255, 256, -128, 16#7fffffff, -16#80000000, 16#80000000, -16#80000001, 1 bsl 53, (1 bsl 53) + 1, 1 bsl 59,
               -(1 bsl 59), -(1 bsl 59) - 1, 1 bsl 63, (1 bsl 63) - 1, -(1 bsl 63), -(1 bsl 63) - 1, 1 bsl 64, 1 bsl 200, -(1 bsl 200),
               (1 bsl 2040) - 1, 1 bsl 2040, 1 bsl 8000, 0.0, -0.0, 1.0, -1.5, 3.14, 1.0e300, -1.0e-300, 5.0e-324, 1.7976931348623157e308,
               9007199254740992.0, 9007199254740993.0, 9223372036854775807.0, 9.3e18, -9.3e18, 1.0e30, 1267650600228229401496703205376.0],
    Big = [(1 bsl B) + D || B <- [52, 53, 54, 60, 62, 63, 64, 65, 100, 128], D <- [-1, 0, 1]],
    Floats = [float(N) || N <- Big],
    Self = self(),
    Ref = make_ref(),
    Port = hd(erlang:ports()),
    Atoms = ['', a, 'hello world', ok, 'Ätsch', 'λόγος', list_to_atom(lists:duplicate(255, $x)), list_to_atom(lists:duplicate(255, 955))],
    Maps = [#{}, #{a => 1}, #{1 => a, 1.0 => b}, #{<<"k">> => #{x => y}}, maps:from_list([{I, I * I} || I <- lists:seq(1, 32)]),
            maps:from_list([{I, I} || I <- lists:seq(1, 33)]), maps:from_list([{{k, I}, [I]} || I <- lists:seq(1, 200)]),
            maps:from_list([{I, x} || I <- [1, 1.5, 2, 2.0, a, "a", <<"a">>, {1}, [], Self, #{}]])],
    Bits = [<<>>, <<1>>, <<1:1>>, <<0:1>>, <<5:3>>, <<255, 1:1>>, <<255, 3:2>>, <<1, 2, 3>>, <<1, 2, 3, 4:5>>, binary:copy(<<7>>, 5000)],
    Funs = [fun lists:map/2, fun erlang:self/0, fun nobody:nothing/255, fun() -> ok end, fun(X) -> {X, Self, Numbers} end,
            fun(X, Y) -> {X, Y, Ref} end],
    Lists = [[], [a], "abc", [256], [1 | 2], [[] | []], [a, b | c], lists:seq(1, 300), lists:duplicate(65535, 7), lists:duplicate(65536, 7),
             [1, 2, 3, 1000], [[[[]]]]],
    Tuples = [{}, {a}, {1, 2, 3}, list_to_tuple(lists:seq(1, 255)), list_to_tuple(lists:seq(1, 256)), {ok, {error, [1, {}]}}],
    Numbers ++ Big ++ Floats ++ Atoms ++ Maps ++ Bits ++ Funs ++ Lists ++ Tuples ++ [Self, Ref, Port, {Self, [Ref | Port]}].

raw() ->
    Node = <<119, 3, "x@y">>,
    Other = <<100, 0, 3, "x@z">>,
    Pids = [<<88, N/binary, Id:32, S:32, C:32>> || N <- [Node, Other], Id <- [0, 1, 16#7fff, 16#8000, 16#fffffff, 16#ffffffff],
                                                   S <- [0, 1, 8191, 16#ffffffff], C <- [0, 1, 7]] ++
        [<<103, Node/binary, Id:32, S:32, C>> || Id <- [1, 16#10000], S <- [0, 9], C <- [0, 3, 4, 255]],
    Ports = [<<89, Node/binary, Id:32, 5:32>> || Id <- [0, 16#fffffff, 16#10000000, 16#ffffffff]] ++
        [<<120, Node/binary, Id:64, 5:32>> || Id <- [0, 16#fffffff, 16#10000000, 16#ffffffffffffffff]] ++
        [<<102, Node/binary, Id:32, C>> || Id <- [1, 16#10000000], C <- [0, 3, 4]],
    Refs = [<<90, (length(W)):16, N/binary, C:32, (<< <<X:32>> || X <- W >>)/binary>>
            || N <- [Node, Other], C <- [0, 6],
               W <- [[], [1], [1, 2], [1, 2, 0], [1, 2, 3], [1, 2, 3, 0], [16#ffffffff, 2, 3], [16#10000000, 0, 0], [0, 0, 3, 4], [1, 2, 3, 4, 5],
                     [1, 2, 3, 4, 5, 6]]] ++
        [<<114, (length(W)):16, Node/binary, C, (<< <<X:32>> || X <- W >>)/binary>> || C <- [0, 3, 4], W <- [[], [1], [1, 2, 3], [1, 2, 3, 4]]] ++
        [<<101, Node/binary, Id:32, C>> || Id <- [0, 16#3ffff, 16#40000, 16#ffffffff], C <- [0, 3, 4]],
    Atoms = [<<100, 3:16, "abc">>, <<115, 3, "abc">>, <<100, 1:16, 229>>, <<115, 1, 229>>, <<118, 3:16, "abc">>, <<119, 2, 16#c3, 16#a5>>,
             <<119, 1, 16#c3>>, <<119, 3, 16#ed, 16#a0, 16#80>>, <<119, 2, 16#c0, 16#80>>, <<119, 4, 16#f4, 16#90, 16#80, 16#80>>,
             <<118, 256:16, (binary:copy(<<"a">>, 256))/binary>>, <<118, 510:16, (binary:copy(<<16#c3, 16#a5>>, 255))/binary>>,
             <<118, 1020:16, (binary:copy(<<240, 159, 152, 128>>, 255))/binary>>, <<118, 512:16, (binary:copy(<<16#c3, 16#a5>>, 256))/binary>>,
             <<100, 256:16, (binary:copy(<<"a">>, 256))/binary>>, <<100, 255:16, (binary:copy(<<229>>, 255))/binary>>, <<82, 0>>],
    Numbers = [<<98, 5:32>>, <<110, 0, 0>>, <<110, 0, 1>>, <<110, 1, 0, 5>>, <<110, 1, 9, 5>>, <<110, 3, 1, 0, 0, 0>>, <<110, 9, 0, 1, 0:64>>,
               <<110, 9, 1, 0:56, 128, 0>>, <<111, 3:32, 0, 1, 2, 3>>, <<111, 0:32, 0>>, <<111, 16:32, 1, 0:64, 1:64/little>>,
               <<110, 8, 0, 255:64/little>>, <<70, 16#7ff0000000000000:64>>, <<70, 16#fff8000000000000:64>>, <<70, 1:64>>] ++
        [<<99, (text31(T))/binary>> || T <- ["1.50000000000000000000e+00", "-1.5e10", "1.5E10", "+2.5", "1.5", "1", "1.", ".5", "1.e5", "1.5e", "inf",
                                             "nan", "1.5e400", "1.5e-400", "0x1.8p1", " 1.5", "1.5 ", "1.5e+0x", "", "-", "5.0e-324", "0.0e-0"]],
    Lists = [<<108, 0:32, 97, 5>>, <<108, 0:32, 106>>, <<107, 0:16>>, <<107, 2:16, 1, 2>>, <<108, 1:32, 97, 1, 107, 2:16, "ab">>,
             <<108, 1:32, 97, 1, 108, 1:32, 97, 2, 108, 2:32, 97, 3, 97, 4, 106>>, <<108, 1:32, 97, 1, 108, 0:32, 108, 0:32, 97, 9>>,
             <<108, 1:32, 97, 1, 107, 0:16>>, <<108, 1:32, 97, 1, 108, 1:32, 97, 2, 97, 3>>, <<108, 2:32, 97, 1, 97, 2, 116, 0:32>>,
             <<108, 16#ffffffff:32, 97, 1, 106>>, <<105, 0:32>>, <<105, 2:32, 97, 1, 97, 2>>, <<105, 16#ffffffff:32, 97, 1>>, <<104, 0>>],
    Maps = [<<116, 2:32, 97, 1, 97, 2, 97, 1, 97, 3>>, <<116, 2:32, 97, 2, 97, 1, 97, 1, 97, 3>>, <<116, 2:32, 97, 1, 97, 2, 70, 1.0/float, 97, 3>>,
            <<116, 16#ffffffff:32, 97, 1>>, <<116, 0:32>>,
            <<116, 2:32, 107, 1:16, 5, 97, 1, 108, 1:32, 97, 5, 106, 97, 2>>,
            <<116, 40:32, (<< <<98, (40 - I):32, 97, I>> || I <- lists:seq(1, 40) >>)/binary>>,
            <<116, 40:32, (<< <<98, (I rem 39):32, 97, I>> || I <- lists:seq(1, 40) >>)/binary>>],
    Bits = [<<77, L:32, B, (binary:copy(<<255>>, L))/binary>> || L <- [0, 1, 3], B <- [0, 1, 3, 7, 8, 9, 255]] ++ [<<109, 3:32, "abc">>, <<109, 9:32, "abc">>],
    Funs = [<<113, 119, 1, "m", 119, 1, "f", A/binary>> || A <- [<<97, 0>>, <<97, 255>>, <<98, 3:32>>, <<98, -1:32>>, <<110, 1, 0, 7>>, <<119, 1, "a">>]] ++
        [<<113, 97, 1, 119, 1, "f", 97, 1>>, <<117, 0:32>>, <<121, 0:32, 106>>] ++
        [<<112, Size:32, Arity, 7:128, 3:32, (length(Free)):32, M/binary, Old/binary, Uniq/binary, Pid/binary, (iolist_to_binary(Free))/binary>>
         || Size <- [0, 99999], Arity <- [0, 255], M <- [<<119, 1, "m">>, <<97, 1>>], Old <- [<<97, 2>>, <<98, -5:32>>, <<106>>],
            Uniq <- [<<98, 99999:32>>, <<110, 8, 0, 255:64/little>>], Pid <- [<<88, Node/binary, 1:32, 2:32, 3:32>>, <<97, 1>>],
            Free <- [[], [<<97, 1>>, <<106>>]]],
    Zip = zlib:compress(<<97, 5>>),
    Packed = [<<80, 2:32, Zip/binary>>, <<80, 3:32, Zip/binary>>, <<80, 1:32, Zip/binary>>, <<80, 2:32, Zip/binary, "more">>, <<80, 2:32, "junk">>,
              <<104, 1, 80, 2:32, Zip/binary>>, <<80, 8:32, (zlib:compress(<<80, 2:32, "xx">>))/binary>>, <<80, 3:32, (zlib:compress(<<97, 5, 6>>))/binary>>,
              <<80, 3:32, (zlib:compress(<<131, 97, 5>>))/binary>>, <<80, 2:32, (binary:part(Zip, 0, byte_size(Zip) - 1))/binary>>],
    Rest = [<<>>, <<67>>, <<68>>, <<0>>, <<255>>, <<131, 97, 1>>, <<97>>, <<97, 1, 2, 3>>, <<106, 106>>],
    lists:append([Pids, Ports, Refs, Atoms, Numbers, Lists, Maps, Bits, Funs, Packed, Rest]).

text31(Text) -> iolist_to_binary([Text, lists:duplicate(31 - length(Text), 0)]).

%% Terms that are nearly the same as `T`, so that their order is decided late; and the same list as a chain of tails.
related(T) ->
    [term_to_binary(V) || V <- [T, vary(T), vary(T), {T, 1}, {T, 1.0}, [T | 1], [T, 1], #{T => 1}, #{T => 1.0}]] ++
        [<<131, (pieces(L))/binary>> || L <- chains(T)].

%% Proper lists, written as chains of tails.
chains(T) when length(T) > 0 -> [T, T ++ [1]];
chains(_) -> [].

pieces([]) -> <<106>>;
pieces(List) ->
    {Head, Tail} = lists:split(rand:uniform(min(3, length(List))), List),
    <<108, (length(Head)):32, (<< <<(bare(E))/binary>> || E <- Head >>)/binary, (pieces(Tail))/binary>>.

bare(T) ->
    <<131, Bytes/binary>> = term_to_binary(T),
    Bytes.

%% Changes one leaf.
vary(T) when is_tuple(T), tuple_size(T) > 0 ->
    N = rand:uniform(tuple_size(T)),
    setelement(N, T, vary(element(N, T)));
vary([H | T]) ->
    case rand:uniform(3) of
        1 -> [vary(H) | T];
        2 -> [H | vary(T)];
        3 -> [H | 0]
    end;
vary(M) when is_map(M), map_size(M) > 0 ->
    {K, V, _} = maps:next(maps:iterator(M)),
    case rand:uniform(2) of
        1 -> M#{K := vary(V)};
        2 -> (maps:remove(K, M))#{vary(K) => V}
    end;
vary(I) when is_integer(I), abs(I) < 1 bsl 1000 ->
    case rand:uniform(3) of
        1 -> float(I);
        2 -> I + 1;
        3 -> -I
    end;
vary(F) when is_float(F), F == trunc(F) -> trunc(F);
vary(F) when is_float(F) -> F * 2;
vary(B) when is_binary(B) -> <<B/binary, (rand:uniform(256) - 1)>>;
vary(B) when is_bitstring(B) -> <<B/bitstring, 1:1>>;
vary(_) -> [].

%% Each of these is one fault away from `Bytes`. Compressed terms get no other announced size: OTP allocates what is announced.
damaged(Bytes) ->
    Size = byte_size(Bytes),
    At = rand:uniform(Size) - 1,
    <<Head:At/binary, Byte, Tail/binary>> = Bytes,
    Faults = [binary:part(Bytes, 0, At), <<Head/binary, (rand:uniform(256) - 1), Tail/binary>>, <<Head/binary, (tag()), Tail/binary>>,
              <<Head/binary, (Byte bxor (1 bsl (rand:uniform(8) - 1))), Tail/binary>>, <<Head/binary, Tail/binary>>,
              <<Head/binary, Byte, (rand:uniform(256) - 1), Tail/binary>>],
    [F || F <- Faults, not is_compressed(F)].

is_compressed(<<131, 80, _/binary>>) -> true;
is_compressed(_) -> false.

tag() -> element(rand:uniform(24), {70, 77, 88, 89, 90, 97, 98, 99, 100, 101, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 116, 118, 119}).

%% ----- verification -----------------------------------------------------------------------------------------------

check_terms(<<>>, Pairs, _, Terms, Count) -> {Terms, Pairs, Count};
check_terms(<<Size:32, Input:Size/binary, Inputs/binary>>, <<Ours, Used:32, Length:32, Encoded:Length/binary, Answers/binary>>, N, Terms, Count) ->
    {Term, Outcome} =
        case read(Input, [used]) of
            refused when Ours =:= 0 -> {?NONE, refused};
            refused -> {?NONE, we_accepted(Input)};
            {T, _} when Ours =:= 0 -> {T, we_refused(Used, Input)};
            {T, Their} when Their =/= Used -> {T, {used, Used, Their, Input}};
            {T, _} -> {T, same_encoding(T, Encoded, Input)}
        end,
    check_terms(Inputs, Answers, N + 1, [Term | Terms], note(Outcome, Count)).

read(Bytes, Options) ->
    try binary_to_term(Bytes, Options)
    catch error:badarg -> refused
    end.

same_encoding(T, Encoded, Input) ->
    case term_to_binary(T, encoding_options()) of
        Encoded -> same;
        Their ->
            Same = read(Encoded, []) =:= T,
            Own = binary:match(Input, atom_to_binary(node(), utf8)) =/= nomatch,
            if
                Same, byte_size(Their) =:= byte_size(Encoded) -> same_but_order;
                Own -> own_identifier;  % it fills its own references up to three words
                Same -> other_form(Encoded, Their, Input);
                true -> {encoding, Encoded, Their, Input}
            end
    end.

encoding_options() -> [deterministic || release() > 23] ++ [{minor_version, 2}].

release() -> list_to_integer(erlang:system_info(otp_release)).

%% From OTP 26 on, ports are written with eight bytes even where four carry them, and funs name no process of another node.
other_form(Encoded, Their, Input) ->
    Contains = fun(Tag) -> binary:match(Encoded, <<Tag>>) =/= nomatch end,
    case release() >= 26 andalso (Contains(89) orelse Contains(112)) of
        true -> other_form;
        false -> {encoding, Encoded, Their, Input}
    end.

%% This node takes its own pids and ports with few bits only; OTP 23 everybody's (15 + 13 bits, and three words in a reference), as it
%% knows neither the tag for ports of 64 bits nor newer references. A bit string without bytes is no term for OTP 26 and later.
we_accepted(Input) ->
    Contains = fun(Bytes) -> binary:match(Input, Bytes) =/= nomatch end,
    Own = Contains(atom_to_binary(node(), utf8)),
    Identifier = release() =:= 23 andalso Contains([<<88>>, <<90>>, <<103>>, <<114>>, <<120>>]),
    Zero = one_zero(Input),
    Empty = release() >= 26 andalso Contains(<<77, 0:32, 0>>),
    if
        Own -> own_identifier;
        Identifier -> wider;
        Empty -> lenient;
        Zero -> signed_zero;
        true -> {we_accepted, Input}
    end.

%% Where we are stricter on purpose (etf/FORMAT.md): references without words and funs whose creator is no pid, which OTP 29 refuses;
%% external funs of arity 256 and above; and the emulator's own tags for atoms and binaries in memory, which OTP 25 takes from anybody.
we_refused(Code, Input) ->
    Contains = fun(Bytes) -> binary:match(Input, Bytes) =/= nomatch end,
    Internal = [<<73>>, <<74>>, <<75>>, <<76>>],
    Excused =
        case errc(Code) of
            bad_identifier -> Contains([<<90, 0, 0>>, <<114, 0, 0>>]) orelse Contains(Internal);
            bad_fun -> Contains([<<112>>, <<113>>]);
            unknown_tag -> Contains(Internal);
            _ -> false
        end,
    case Excused of
        true -> stricter;
        false -> {we_refused, errc(Code), Input}
    end.

errc(Code) ->
    lists:nth(Code + 1, [ok, truncated, trailing_bytes, bad_version, unknown_tag, bad_atom, atom_table_full, atom_budget_spent, unknown_atom,
                         bad_cache_reference, bad_float, bad_bit_count, bad_identifier, bad_fun, bad_record, duplicate_key, too_deep, too_big,
                         compressed_refused, bad_compression, node_table_full]).

note(Fault, Count) when is_tuple(Fault) ->
    Wrong = maps:get(wrong, Count, 0),
    Wrong < 30 andalso io:format("wrong: ~0P~n", [Fault, 160]),
    Count#{wrong => Wrong + 1};
note(Outcome, Count) -> maps:update_with(Outcome, fun(V) -> V + 1 end, 1, Count).

check_pairs(<<>>, _, Count) -> Count;
check_pairs(<<L:32, R:32, Order, Equal, Exact, Rest/binary>>, Terms, Count) ->
    A = element(L + 1, Terms),
    B = element(R + 1, Terms),
    Ours = {Order, Equal =:= 1, Exact},
    Count2 =
        case A =:= ?NONE orelse B =:= ?NONE orelse {order(A < B, A == B), A =:= B, exact_order(A, B)} of
            true -> Count;
            Ours -> note(pairs, Count);
            Theirs -> note(other_order(Ours, Theirs, A, B), Count)
        end,
    check_pairs(Rest, Terms, Count2).

%% Where releases differ among themselves, or from their own documentation.
other_order({Order, Equal, _} = Ours, {Order, Equal, _} = Theirs, A, B) ->
    internal_order(Ours, Theirs, A, B);
other_order(Ours, Theirs, A, B) when is_function(A), is_function(B) ->
    fun_order(Ours, Theirs, A, B);
other_order({_, Equal, _} = Ours, {_, Equal, _} = Theirs, A, B) when Equal =:= false ->
    case {one_zero(term_to_binary(A)) orelse one_zero(term_to_binary(B)), has_key_map(A) andalso has_key_map(B)} of
        {true, _} -> signed_zero;
        {_, true} -> internal_order(Ours, Theirs, A, B);
        _ -> unlike(Ours, Theirs, A, B)
    end;
other_order(Ours, Theirs, A, B) ->
    case one_zero(term_to_binary(A)) orelse one_zero(term_to_binary(B)) of
        true -> signed_zero;
        false -> unlike(Ours, Theirs, A, B)
    end.

%% Up to OTP 26, 0.0 and -0.0 are one value.
one_zero(Bytes) -> release() < 27 andalso binary:match(Bytes, <<70, 128, 0:56>>) =/= nomatch.

unlike(Ours, Theirs, A, B) -> {order, Ours, Theirs, term_to_binary(A), term_to_binary(B)}.

%% Whether a key of a map is or has a map: keys are compared by their internal order.
has_key_map(M) when is_map(M) ->
    lists:any(fun(K) -> has_map(K) end, maps:keys(M)) orelse lists:any(fun has_key_map/1, maps:values(M));
has_key_map(T) -> lists:any(fun has_key_map/1, parts(T)).

has_map(M) when is_map(M) -> true;
has_map(T) -> lists:any(fun has_map/1, parts(T)).

parts([H | T]) -> [H, T];
parts(T) when is_tuple(T) -> tuple_to_list(T);
parts(_) -> [].

%% From OTP 26 on, the order in which keys of maps are kept inside the emulator follows the numbers of atoms there.
internal_order(Ours, Theirs, A, B) ->
    Maps = [T || T <- [A, B], binary:match(term_to_binary(T), <<116>>) =/= nomatch],
    case release() >= 26 andalso length(Maps) =:= 2 of
        true -> internal_order;
        false -> unlike(Ours, Theirs, A, B)
    end.

%% Up to OTP 26, 32-bit fields of funs are subtracted, so that those which are 2^31 apart sort the wrong way round. Later releases
%% compare the MD5 of the module as well, and give it another rank.
fun_order(Ours, Theirs, A, B) ->
    Number = fun(F, Field) -> <<I:32/signed>> = <<(element(2, erlang:fun_info(F, Field))):32>>, I end,
    Far = [F || F <- [new_index, uniq], abs(Number(A, F) - Number(B, F)) > 16#7fffffff],
    case Far =/= [] orelse release() >= 27 of
        true -> fun_order;
        false -> unlike(Ours, Theirs, A, B)
    end.

order(true, _) -> 0;
order(false, true) -> 1;
order(false, false) -> 2.

exact_order(A, B) ->
    case erts_internal:cmp_term(A, B) of
        N when N < 0 -> 0;
        0 -> 1;
        _ -> 2
    end.
