%% How much memory things take, as memory.cpp measures it.
-module(ergo_bench_memory).
-export([run/3]).

run(memory, _, N) ->
    Self = self(),
    spawn(fun() ->
        Start = erlang:monotonic_time(nanosecond),
        Figures = inventory(N),
        Self ! {result, {erlang:monotonic_time(nanosecond) - Start, 1, Figures}}
    end),
    receive {result, Result} -> Result end.

inventory(N) ->
    Self = self(),
    put(before, ergo_bench:resident()),
    Members = [spawn(fun() -> idle(Self) end) || _ <- lists:seq(1, N)],
    heard(N),
    Process = note(process, N),
    [begin Member ! 0, receive 0 -> ok end end || Member <- Members],
    Link = note(link, N),
    [{ok, _} = gen_server:start(ergo_bench, [], []) || _ <- lists:seq(1, N)],
    Server = note(gen_server, N),
    Reader = spawn(fun() -> Self ! 0, receive never -> ok end end),
    receive 0 -> ok end,
    fill(Reader, 10 * N),
    timer:sleep(20),
    Message = note('queued-message', 10 * N),
    _ = [list_to_atom("bench_atom_number_" ++ integer_to_list(I)) || I <- lists:seq(1, N)],
    Atom = note(atom, N),
    [erlang:send_after(3600000, Self, 0) || _ <- lists:seq(1, N)],
    Timer = note(timer, N),
    [monitor(process, Member) || Member <- Members],
    timer:sleep(20),
    Monitor = note(monitor, N),
    [Process, Link, Server, Message, Atom, Timer, Monitor].

note(What, N) ->
    Now = ergo_bench:resident(),
    {What, (Now - put(before, Now)) / N, bytes}.

idle(Owner) ->
    Owner ! 0,
    receive _ -> ok end,
    link(Owner),
    Owner ! 0,
    receive _ -> ok end.

heard(0) -> ok;
heard(N) -> receive 0 -> heard(N - 1) end.

fill(_, 0) -> ok;
fill(To, N) -> To ! N, fill(To, N - 1).
