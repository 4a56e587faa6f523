%% Servers that count what they got, and senders: for peers that stand still and connections that are reset.
-module(flood_side).
-export([sink/0, send_large/2, collector/1]).

%% Receives {Number, Binary} and tells whoever asks how many came in order, and their bytes.
sink() -> spawn(fun() -> sink(0, 0) end).
sink(Next, Bytes) ->
    receive
        {Next, Binary} -> sink(Next + 1, Bytes + byte_size(Binary));
        {'$gen_call', From, count} -> gen_server:reply(From, {Next, Bytes}), sink(Next, Bytes);
        stop -> ok
    end.

send_large(Dest, Size) -> Dest ! {large, binary:copy(<<$x>>, Size)}, ok.

%% Counts large messages that came whole, and everything else.
collector(Size) ->
    Whole = {large, binary:copy(<<$x>>, Size)},
    Pid = spawn(fun() -> collect(Whole, 0, 0) end),
    register(collector, Pid),
    Pid.
collect(Whole, Count, Other) ->
    receive
        Whole -> collect(Whole, Count + 1, Other);
        {'$gen_call', From, take} -> gen_server:reply(From, {Count, Other}), collect(Whole, 0, 0);
        _ -> collect(Whole, Count, Other + 1)
    end.
