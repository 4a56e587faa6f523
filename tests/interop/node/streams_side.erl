%% The traffic of tests/support/include/ergo_test/mixed_traffic.hpp: four pairs, small messages and now and then a large one.
-module(streams_side).
-export([send_all/2, stop_all/1, check_all/0, tallies/0, text/0, content/3]).

size_of(Pair, Number) ->
    Mixed = (Number * 2654435761 + Pair * 40503) band 16#FFFFFFFF,
    Limit = case Mixed rem 100 of
        Of when Of < 95 -> 256;
        Of when Of < 99 -> 8192;
        _ -> 204800
    end,
    Mixed div 100 rem (Limit + 1).

text() -> binary:copy(list_to_binary(lists:seq(0, 250)), 205318 div 251).
content(Text, Pair, Number) -> binary:part(Text, Number rem 251, size_of(Pair, Number)).

name(Pair) -> list_to_atom("mixed_" ++ integer_to_list(Pair)).

%% Sends Count messages for each pair, or messages until it is told to stop.
send_all(Node, Count) -> [spawn(fun() -> send({name(Pair), Node}, text(), Pair, 1, Count) end) || Pair <- [1, 2, 3, 4]].
stop_all(Senders) -> [Sender ! stop || Sender <- Senders], ok.

send(Dest, _, _, Number, Count) when is_integer(Count), Number > Count -> Dest ! done;
send(Dest, Text, Pair, Number, Count) ->
    Dest ! {Number, content(Text, Pair, Number)},
    case Count =:= for_ever andalso Number rem 100 =:= 0 andalso receive stop -> stop after 1 -> on end of
        stop -> ok;
        _ -> send(Dest, Text, Pair, Number + 1, Count)
    end.

check_all() -> [register(name(Pair), spawn(fun() -> check(text(), Pair, 0, {0, 0, 0, 0, 0}) end)) || Pair <- [1, 2, 3, 4]], ok.

%% Of each pair: 1 when it has come to its end, messages, those out of order or twice, those that are not what was sent, gaps.
tallies() -> [begin name(Pair) ! {tally, self()}, receive {tally, Pair, Tally} -> Tally end end || Pair <- [1, 2, 3, 4]].

check(Text, Pair, Last, {Ended, Received, Disordered, Damaged, Gaps} = Tally) ->
    receive
        {tally, Whom} -> Whom ! {tally, Pair, Tally}, check(Text, Pair, Last, Tally);
        done -> check(Text, Pair, Last, {Ended + 1, Received, Disordered, Damaged, Gaps});
        {Number, Binary} ->
            case Binary =:= content(Text, Pair, Number) of
                false -> check(Text, Pair, Last, {Ended, Received, Disordered, Damaged + 1, Gaps});
                true when Number =< Last -> check(Text, Pair, Last, {Ended, Received, Disordered + 1, Damaged, Gaps});
                true when Number =:= Last + 1 -> check(Text, Pair, Number, {Ended, Received + 1, Disordered, Damaged, Gaps});
                true -> check(Text, Pair, Number, {Ended, Received + 1, Disordered, Damaged, Gaps + 1})
            end
    end.
