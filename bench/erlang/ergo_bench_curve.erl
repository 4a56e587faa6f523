%% How cost grows: the curves of growth*.cpp, with the same figures under the same names.
-module(ergo_bench_curve).
-export([run/3, nothing/0]).

run(Workload, Variant, N) ->
    Self = self(),
    spawn(fun() ->
        Start = erlang:monotonic_time(nanosecond),
        Figures = curve(Workload, Variant, N),
        Self ! {result, {erlang:monotonic_time(nanosecond) - Start, 1, Figures}}
    end),
    receive {result, Result} -> Result end.

curve(curve, processes, N) -> processes(decades(1, N), N, []);
curve(curve, mailbox, N) ->
    {ok, Echo} = gen_server:start(ergo_bench, [], []),
    Pest = spawn(fun pest/0),
    [mailbox(Size, Echo, Pest) || Size <- [0 | decades(min(1000, N), N)]],
    lists:append(lists:reverse(get(found)));
curve(curve, 'message-size', N) -> [message_size(Size, N) || Size <- [1, 100, 10000, 1000000, 64000000]];
curve(curve, cores, N) -> lists:append([cores(Cores, N) || Cores <- [1, 2, 4, 8, 16]]);
curve(curve, monitors, N) -> lists:append([monitors(Size, max(1, 10000 div Size), 0, 0, 0) || Size <- decades(1, N)]);
curve(curve, timers, N) -> lists:append([timers(Size) || Size <- decades(min(1000, N), N)]).

decades(First, Last) when First < Last -> [First | decades(First * 10, Last)];
decades(_, Last) -> [Last].

point(What, Size, Took, Operations) -> {io_lib:format("~s@~b", [What, Size]), Took / max(1, Operations), ns}.

time(Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    erlang:monotonic_time(nanosecond) - Start.

%% Processes. At most 1,000 messages wait at a time.

processes([], _, _) -> [];
processes([Size | Rest], N, Members) ->
    Self = self(),
    Before = length(Members),
    Start = erlang:monotonic_time(nanosecond),
    All = grow(Self, Before, Size, Members),
    Grown = erlang:monotonic_time(nanosecond) - Start,
    Visits = time(fun() ->
        [begin
            [spawn(fun() -> Self ! 0 end) || _ <- lists:seq(1, 1000)],
            heard(1000)
        end || _ <- lists:seq(1, 20)]
    end),
    Rounds = max(1, 20000 div Size),
    Greetings = time(fun() -> [greet(Self, All, 0) || _ <- lists:seq(1, Rounds)] end),
    [point(grow, Size, Grown, Size - Before) || Size >= 1000] ++
        [point(spawn, Size, Visits, 20000), point('message-and-answer', Size, Greetings, Rounds * Size)
         | processes(Rest, N, All)].

grow(_, Size, Size, Members) -> Members;
grow(Self, Have, Size, Members) ->
    Fresh = min(Size - Have, 1000),
    New = [spawn(fun() -> Self ! 0, inhabitant(Self) end) || _ <- lists:seq(1, Fresh)],
    heard(Fresh),
    grow(Self, Have + Fresh, Size, New ++ Members).

inhabitant(Owner) -> receive Number when is_integer(Number) -> Owner ! Number, inhabitant(Owner); _ -> ok end.

heard(0) -> ok;
heard(N) -> receive 0 -> heard(N - 1) end.

greet(_, [], _) -> ok;
greet(Self, Members, First) ->
    {Rest, Sent} = greet_some(Members, First, 0),
    Sum = (First + First + Sent - 1) * Sent div 2,
    Sum = sum(Sent, 0),
    greet(Self, Rest, First + Sent).

greet_some([Member | Rest], Number, Sent) when Sent < 1000 -> Member ! Number, greet_some(Rest, Number + 1, Sent + 1);
greet_some(Rest, _, Sent) -> {Rest, Sent}.

sum(0, Sum) -> Sum;
sum(N, Sum) -> receive Value -> sum(N - 1, Sum + Value) end.

%% Unread messages.

mailbox(Size, Echo, Pest) ->
    _ = let_send(Pest, max(0, Size - unread())),
    {Calls, CallTime} = for_a_while(fun(I) -> I = gen_server:call(Echo, I) end, 16),
    {Watches, WatchTime} = for_a_while(fun(_) ->
        {_, Ref} = spawn_monitor(?MODULE, nothing, []),
        receive {'DOWN', Ref, process, _, normal} -> ok end
    end, 1),
    Unread = unread(),
    Self = self(),
    {Searches, SearchTime} = for_a_while(fun(I) -> Self ! I, receive J when is_integer(J) -> J = I end end, 1),
    SendTime = let_send(Pest, 10000),
    [receive _ -> ok end || _ <- lists:seq(1, 10000)],
    Found = [point(call, Size, CallTime, Calls), point('spawn-and-down', Size, WatchTime, Watches),
             point(look, Size, SearchTime, Searches * (Unread + 1)), point(send, Size, SendTime, 10000)],
    put(found, [Found | case get(found) of undefined -> []; Before -> Before end]).

nothing() -> ok.

unread() -> {message_queue_len, N} = process_info(self(), message_queue_len), N.

pest() ->
    receive {From, Ref, N} -> From ! {Ref, time(fun() -> noise(From, N) end)} end,
    pest().

noise(_, 0) -> ok;
noise(To, N) -> To ! noise, noise(To, N - 1).

let_send(Pest, N) ->
    Ref = make_ref(),
    Pest ! {self(), Ref, N},
    receive {Ref, Took} -> Took end.

%% Turns until 30 ms are over, with so many between two looks at the clock.
for_a_while(Work, Turns) -> for_a_while(Work, Turns, 0, erlang:monotonic_time(nanosecond)).
for_a_while(Work, Turns, Done, Start) ->
    [Work(Done + I) || I <- lists:seq(1, Turns)],
    case erlang:monotonic_time(nanosecond) - Start of
        Took when Took >= 30000000 -> {Done + Turns, Took};
        _ -> for_a_while(Work, Turns, Done + Turns, Start)
    end.

%% Sizes of a message.

message_size(Size, N) ->
    Self = self(),
    Content = binary:copy(<<"x">>, Size),
    Took = time(fun() ->
        Sink = spawn(fun() -> sink(Size, N), Self ! done end),
        source(Sink, Content, N),
        receive done -> ok end
    end),
    point(send, Size, Took, N).

source(_, _, 0) -> ok;
source(To, Content, N) -> To ! Content, source(To, Content, N - 1).

sink(_, 0) -> ok;
sink(Size, N) -> receive Content when byte_size(Content) =:= Size -> sink(Size, N - 1) end.

%% Cores.

cores(Cores, N) ->
    _ = erlang:system_flag(schedulers_online, Cores),
    [begin
        {Took, Operations} = two(ergo_bench_local:run(Workload, none, N)),
        point(What, Cores, Took, Operations)
    end || {What, Workload} <- [{send, 'send-1-1'}, {storm, 'storm-20-2000'}, {'call-120', 'call-120'}, {ring, 'ring-1000'}]].

two({Took, Operations, _}) -> {Took, Operations};
two(Both) -> Both.

%% Monitors of one process, by one process.

monitors(Size, 0, Monitoring, Demonitoring, Ending) ->
    Rounds = max(1, 10000 div Size),
    [point(monitor, Size, Monitoring, 2 * Rounds * Size), point(demonitor, Size, Demonitoring, Rounds * Size),
     point(down, Size, Ending, Rounds * Size)];
monitors(Size, Left, Monitoring, Demonitoring, Ending) ->
    Target = spawn(fun() -> receive _ -> ok end end),
    Start = erlang:monotonic_time(nanosecond),
    Refs = [monitor(process, Target) || _ <- lists:seq(1, Size)],
    Monitored = erlang:monotonic_time(nanosecond),
    [true = demonitor(Ref) || Ref <- Refs],
    Demonitored = erlang:monotonic_time(nanosecond),
    Again = [monitor(process, Target) || _ <- lists:seq(1, Size)],
    Asked = erlang:monotonic_time(nanosecond),
    Target ! stop,
    downs(Size, maps:from_keys(Again, [])),
    Ended = erlang:monotonic_time(nanosecond),
    monitors(Size, Left - 1, Monitoring + Monitored - Start + Asked - Demonitored, Demonitoring + Demonitored - Monitored,
             Ending + Ended - Asked).

downs(0, Left) -> 0 = map_size(Left);
downs(N, Left) -> receive {'DOWN', Ref, process, _, normal} -> downs(N - 1, maps:remove(Ref, Left)) end.

%% Timers.

timers(Size) ->
    Self = self(),
    Start = erlang:monotonic_time(nanosecond),
    Timers = [erlang:send_after(3600000 + Number * 7919 rem 100000, Self, 0) || Number <- lists:seq(0, Size - 1)],
    Started = erlang:monotonic_time(nanosecond),
    [true = is_integer(erlang:cancel_timer(Timer)) || Timer <- Timers],
    Cancelled = erlang:monotonic_time(nanosecond),
    [point(start, Size, Started - Start, Size), point(cancel, Size, Cancelled - Started, Size), fire(Size)].

fire(Size) ->
    Planned = erlang:monotonic_time(nanosecond) + 5000000 + Size * 1000,
    set(self(), Size - 1, Planned div 1000000 + 1),
    Due = max((Planned div 1000000 + 1) * 1000000, erlang:monotonic_time(nanosecond)),
    Sum = Size * (Size - 1) div 2,
    Sum = sum(Size, 0),
    point(fire, Size, erlang:monotonic_time(nanosecond) - Due, Size).

set(_, -1, _) -> ok;
set(To, Number, Due) -> erlang:send_after(Due, To, Number, [{abs, true}]), set(To, Number - 1, Due).
