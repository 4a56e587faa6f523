%% Calls by schedule, as latency.cpp makes them: the latency of a call is counted from its scheduled time.
-module(ergo_bench_latency).
-export([run/3]).

-define(WARM_UP, 50000).
-define(FINE, 32).

run(latency, Variant, Milliseconds) ->
    "call-seq-" ++ Percent = atom_to_list(Variant),
    Self = self(),
    spawn(fun() -> Self ! {result, measure(list_to_integer(Percent) / 100, Milliseconds)} end),
    receive {result, Result} -> Result end.

measure(Share, Milliseconds) ->
    {ok, Echo} = gen_server:start(ergo_bench, [], []),
    Counts = counters:new(60 * ?FINE, []),
    [Fastest | _] = [make_calls(Echo, ?WARM_UP, 0.0, Counts) || _ <- [warm, up, again]],
    Interval = Fastest / ?WARM_UP / Share,
    Calls = max(1, trunc(Milliseconds * 1.0e6 / Interval)),
    Fresh = counters:new(60 * ?FINE, []),
    make_calls(Echo, Calls, Interval, Fresh),
    P99 = quantile(Fresh, Calls, 0.99),
    {P99, 1, [{rate, 1.0e9 / Interval, 'calls/s'}, {p50, quantile(Fresh, Calls, 0.5) / 1000, us}, {p99, P99 / 1000, us},
              {'p99.9', quantile(Fresh, Calls, 0.999) / 1000, us}, {max, quantile(Fresh, Calls, 1.0) / 1000, us}]}.

make_calls(Echo, Calls, Interval, Counts) ->
    Begun = erlang:monotonic_time(nanosecond),
    calls(Echo, 0, Calls, Begun, Interval, Counts),
    erlang:monotonic_time(nanosecond) - Begun.

calls(_, Calls, Calls, _, _, _) -> ok;
calls(Echo, Number, Calls, Begun, Interval, Counts) ->
    Due = case Interval == 0.0 of true -> Begun; false -> Begun + trunc(Number * Interval) end,
    wait(Due),
    Number = gen_server:call(Echo, Number),
    counters:add(Counts, class(max(0, erlang:monotonic_time(nanosecond) - Due)), 1),
    calls(Echo, Number + 1, Calls, Begun, Interval, Counts).

wait(Due) ->
    case erlang:monotonic_time(nanosecond) >= Due of
        true -> ok;
        false -> erlang:yield(), wait(Due)
    end.

%% Below 32 each value is a class; above, each power of two has 32.
class(Value) when Value < ?FINE -> Value + 1;
class(Value) ->
    Shift = width(Value, 0) - 6,
    (Shift + 1) * ?FINE + (Value bsr Shift) - ?FINE + 1.

width(0, Width) -> Width;
width(Value, Width) when Value >= 65536 -> width(Value bsr 16, Width + 16);
width(Value, Width) -> width(Value bsr 1, Width + 1).

quantile(Counts, Total, Share) -> quantile(Counts, ceil(Share * Total), 0, 0).
quantile(Counts, Wanted, Place, Seen) ->
    case Seen + counters:get(Counts, Place + 1) of
        Enough when Enough >= Wanted -> value(Place);
        Less -> quantile(Counts, Wanted, Place + 1, Less)
    end.

value(Place) when Place < ?FINE -> Place;
value(Place) -> ((Place rem ?FINE + ?FINE + 1) bsl (Place div ?FINE - 1)) - 1.
