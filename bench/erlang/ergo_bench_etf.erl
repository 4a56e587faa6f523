%% The workloads of the external term format.
-module(ergo_bench_etf).
-export([run/3]).
-import(ergo_bench, [in_process/2]).

run('etf-encode', Name, N) ->
    Message = sample(Name),
    Size = byte_size(term_to_binary(Message)),
    in_process(N, fun() -> encode(Message, Size, N) end);
run('etf-convert', write, N) -> run('etf-encode', parcel, N);
run('etf-convert', read, N) -> run('etf-decode', parcel, N);
run('etf-decode', Name, N) ->
    Message = sample(Name),
    %% Atoms in UTF-8, which is the default from OTP 26 on, and what we write.
    Bytes = term_to_binary(Message, [{minor_version, 2}]),
    in_process(N, fun() -> Message = decode(Bytes, N, none) end).

encode(_Message, _Size, 0) -> ok;
encode(Message, Size, N) -> Size = byte_size(term_to_binary(Message)), encode(Message, Size, N - 1).

%% The result goes into the next round, so that no round can be left out.
decode(_Bytes, 0, Last) -> Last;
decode(Bytes, N, _Last) -> decode(Bytes, N - 1, binary_to_term(Bytes)).

%% The messages of terms.cpp.
sample(parcel) ->
    Message = {parcel, 4711, <<"customer-1001">>, 25.5, [1001, -1, 5000000001], <<"leave it at the door">>, open},
    98 = byte_size(term_to_binary(Message, [{minor_version, 2}])),
    Message;
sample('small-tuple') ->
    {deposit, <<"customer-1001">>, 500};
sample('map-10') ->
    #{account => <<"customer-1001">>, balance => 1234567, currency => eur, frozen => false, id => 17, limit => 2.5,
      name => <<"Bob">>, opened => 20260101, owner => {person, 4711}, state => open};
sample('pids-200') ->
    [list_to_pid("<0." ++ integer_to_list(1000 + I) ++ ".0>") || I <- lists:seq(1, 200)];
sample('binary-1mb') ->
    binary:copy(<<"x">>, 1000000);
sample('tuples-10000') ->
    [{item, I, I / 2} || I <- lists:seq(1, 10000)];
sample('nested-maps') ->
    tree(4);
sample(orders) ->
    [{order, I, list_to_binary("customer-" ++ integer_to_list(1000 + I)), I * 1.5, #{state => open, tags => [new, paid]},
      [1000 + I, -I, 5000000000 + I]} || I <- lists:seq(1, 100)].

tree(0) -> #{id => 0};
tree(Depth) -> #{id => Depth, left => tree(Depth - 1), name => <<"fork">>, right => tree(Depth - 1)}.
