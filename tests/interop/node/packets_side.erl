%% What Erlang does to the packets of a connection: sizes, atoms, many large messages at once.
-module(packets_side).
-export([sizes/2, atoms/2, long_atoms/1, at_once/4, burst_of/3, to_many/2, receiver/2, sink/0]).

echo(Dest, Term) -> gen_server:call(Dest, Term, 60000) =:= Term.

binary_of(Size) -> binary:copy(<<(Size rem 251)>>, Size).

sizes(Dest, Sizes) -> [Size || Size <- Sizes, not echo(Dest, binary_of(Size))].

%% Count atoms in messages of Each; then all of them again, in an order in which the slots of a cache are used again.
atoms(Dest, [Count, Each]) ->
    Atoms = [list_to_atom("interop_packet_" ++ integer_to_list(N)) || N <- lists:seq(1, Count)],
    Messages = split(Atoms, Each),
    [] = [M || M <- Messages, not echo(Dest, M)],
    [] = [M || M <- lists:reverse(Messages), not echo(Dest, M)],
    echo(Dest, Atoms).

split([], _) -> [];
split(List, Each) when length(List) =< Each -> [List];
split(List, Each) -> {Head, Tail} = lists:split(Each, List), [Head | split(Tail, Each)].

%% 255 characters of one to four bytes each.
long_atoms(Dest) ->
    Atoms = [list_to_atom(lists:duplicate(255, Char)) || Char <- [$a, 16#E9, 16#20AC, 16#1F600]],
    echo(Dest, {Atoms, Atoms}) andalso echo(Dest, Atoms) andalso [echo(Dest, A) || A <- Atoms].

%% Senders processes call at the same time, Rounds times each, with Bytes that are theirs alone.
at_once(Dest, Senders, Rounds, Bytes) ->
    Self = self(),
    Refs = [begin
        {_, Ref} = spawn_monitor(fun() ->
            [true = echo(Dest, {Self, N, Round, binary_of(Bytes + N)}) || Round <- lists:seq(1, Rounds)]
        end),
        Ref
    end || N <- lists:seq(1, Senders)],
    [Reason || Ref <- Refs, Reason <- [receive {'DOWN', Ref, _, _, R} -> R end], Reason =/= normal].

%% Small and large casts of one process in turn: they must not pass each other.
burst_of(Dest, Count, Bytes) ->
    [case N rem 10 of
        0 -> Dest ! {N, binary_of(Bytes)};
        _ -> Dest ! N
    end || N <- lists:seq(1, Count)],
    ok.

%% A process that keeps integers, alone or in front of something, until it has Count; then it tells Whom whether they were in order.
to_many(Whom, Count) -> spawn(?MODULE, receiver, [Whom, Count]).

receiver(Whom, Count) ->
    Got = [receive {N, _} -> N; N when is_integer(N) -> N after 60000 -> none end || _ <- lists:seq(1, Count)],
    Whom ! {in_order, Got =:= lists:seq(1, Count)}.

%% Takes {Producer, N, _} from many producers, checks that each one's N are 1, 2, …, and tells how many came of each.
sink() ->
    register(packet_sink, spawn(fun() -> sink(#{}) end)),
    ok.

sink(Seen) ->
    receive
        {totals, Whom} -> Whom ! {totals, lists:sum(maps:values(Seen)), maps:size(Seen)};
        {Producer, N, _} ->
            Last = maps:get(Producer, Seen, 0),
            N =:= Last + 1 orelse exit({out_of_order, Producer, Last, N}),
            sink(Seen#{Producer => N})
    end.
