%% Calls by schedule, as punctual.cpp makes them: the latency of a call is counted from its scheduled time.
-module(ergo_bench_latency).
-export([run/3, run/4]).

-define(FINE, 32).

run(latency, Variant, Milliseconds) ->
    "call-seq-" ++ Percent = atom_to_list(Variant),
    {ok, Echo} = gen_server:start(ergo_bench, [], []),
    in_process(fun() -> measure(Echo, 50000, list_to_integer(Percent) / 100, Milliseconds, p99) end).

run('net-latency', Variant, Milliseconds, Peer) ->
    Percent = list_to_integer(atom_to_list(Variant)),
    in_process(fun() -> measure({ergo_bench:name(1), Peer}, 3000, Percent / 100, Milliseconds, p50) end).

in_process(Work) ->
    Self = self(),
    spawn(fun() -> Self ! {result, Work()} end),
    receive {result, Result} -> Result end.

%% The time of the row is the quantile that Row names.
measure(Echo, WarmUp, Share, Milliseconds, Row) ->
    Counts = counters:new(60 * ?FINE, []),
    [_, Fastest] = [make_calls(Echo, WarmUp, 0.0, Counts) || _ <- [warm, up]],
    Interval = Fastest / WarmUp / Share,
    Calls = max(1, trunc(Milliseconds * 1.0e6 / Interval)),
    Fresh = counters:new(60 * ?FINE, []),
    make_calls(Echo, Calls, Interval, Fresh),
    Times = [{Name, quantile(Fresh, Calls, At)} || {Name, At} <- [{p50, 0.5}, {p99, 0.99}, {'p99.9', 0.999}, {max, 1.0}]],
    {proplists:get_value(Row, Times), 1,
     [{rate, 1.0e9 / Interval, 'calls/s'} | [{Name, Time / 1000, us} || {Name, Time} <- Times]]}.

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
