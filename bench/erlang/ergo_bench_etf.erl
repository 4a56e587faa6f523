%% The workloads of the external term format.
-module(ergo_bench_etf).
-export([run/3]).
-import(ergo_bench, [in_process/2]).

run('etf-encode', orders, N) ->
    Message = orders(),
    in_process(N, fun() -> encode(Message, N) end);
run('etf-decode', orders, N) ->
    Message = orders(),
    Bytes = to_bytes(Message),
    Message = binary_to_term(Bytes),
    in_process(N, fun() -> decode(Bytes, N) end).

%% The same message as orders() in terms.cpp.
orders() ->
    [{order, I, list_to_binary("customer-" ++ integer_to_list(1000 + I)), I * 1.5, #{state => open, tags => [new, paid]},
      [1000 + I, -I, 5000000000 + I]} || I <- lists:seq(1, 100)].

encode(_Message, 0) -> ok;
encode(Message, N) -> 10307 = byte_size(to_bytes(Message)), encode(Message, N - 1).

%% Atoms in UTF-8, which is the default from OTP 26 on.
to_bytes(Message) -> term_to_binary(Message, [{minor_version, 2}]).

decode(_Bytes, 0) -> ok;
decode(Bytes, N) -> 100 = length(binary_to_term(Bytes)), decode(Bytes, N - 1).
