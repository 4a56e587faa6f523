#!/usr/bin/env escript
%%! -hidden
%% Records what a node of the installed Erlang/OTP sends to one that has negotiated headers, fragments, both or neither:
%%   ./make_packets.escript >packets.txt
%% It starts a node, connects to it as a foreign one by the distribution protocol, and has it send the messages below.
%%
%% A line is one of
%%   flags HEX         a new connection; what both ends offered
%%   term N BYTES      term_to_binary of what message {N, Term} carries
%%   packet BYTES      a packet as it arrived, without its length
%% BYTES is hexadecimal, with (hh*count) for a byte that comes often in a row.
-mode(compile).

-define(BASE, 16#6D075F5FBC).
-define(CACHE, 16#2000).
-define(FRAGMENTS, 16#800000).

main([]) ->
    io:setopts([{encoding, latin1}]),
    Cookie = "recorded",
    Name = "recorded_" ++ os:getpid(),
    Node = open_port({spawn_executable, os:find_executable("erl")},
                     [{args, ["-noinput", "-sname", Name, "-setcookie", Cookie, "-eval", source()]}, binary,
                      stderr_to_stdout]),
    Port = port_of(Name, 200),
    io:format("# Packets of OTP ~s (erts ~s), recorded by make_packets.escript.~n",
              [erlang:system_info(otp_release), erlang:system_info(version)]),
    [io:format("term ~b ~s~n", [N, bytes(term_to_binary(Term))]) || {N, Term} <- messages()],
    [record(Port, Cookie, ?BASE bor Extra) || Extra <- [0, ?CACHE, ?FRAGMENTS, ?CACHE bor ?FRAGMENTS]],
    port_close(Node).

%% What the node runs: `source` sends the messages of {go, To, Messages} to a name at the other end; a list in place of a
%% message is one process each.
source() ->
    "register(source, self()),"
    "Loop = fun Next() ->"
    "  receive {go, To, All} -> [To ! M || {_, _} = M <- All],"
    "    Many = [spawn_monitor(fun() -> receive now -> To ! M end end) || Each <- All, is_list(Each), M <- Each],"
    "    [P ! now || {P, _} <- Many], [receive {'DOWN', R, _, _, _} -> ok end || {_, R} <- Many],"
    "    To ! done end,"
    "  Next() end, Loop().".

messages() -> lists:flatten(script()).

script() ->
    Atom = fun(N) -> list_to_atom("recorded_atom_" ++ integer_to_list(N)) end,
    Lambdas = list_to_atom(lists:duplicate(255, 16#3BB)),
    Many = [Atom(N) || N <- lists:seq(1, 300)],
    [{1, {hello, world}}, {2, {hello, world}}, {3, ''}, {4, Lambdas}, {5, {Lambdas, one_more}},
     {6, {Lambdas, known_now, yet_another}}, {7, lists:sublist(Many, 254)}, {8, Many}, {9, lists:reverse(Many)},
     {10, #{hello => [Lambdas | tail], 1 => 2.5}}, {11, fun lists:map/2}, {12, <<0:(65 * 8 * 1024)>>},
     {13, {hello, <<1:(200 * 8 * 1024)>>, Lambdas}}, {14, lists:duplicate(70000, [])},
     [{15, {hello, <<0:(3 * 8 * 1048576)>>, first}}, {16, {hello, <<0:(3 * 8 * 1048576)>>, second}},
      {17, {hello, <<0:(3 * 8 * 1048576)>>, third}}], {18, last}].

record(Port, Cookie, Flags) ->
    {ok, Socket} = gen_tcp:connect("localhost", Port, [binary, {active, false}, {packet, 2}]),
    Name = lists:flatten(io_lib:format("recorder_~.16b@localhost", [Flags])),  % the node forgets the last one in its time
    ok = gen_tcp:send(Socket, <<"N", Flags:64, 7:32, (length(Name)):16, (list_to_binary(Name))/binary>>),
    {ok, <<"sok">>} = gen_tcp:recv(Socket, 0, 5000),
    {ok, <<"N", Theirs:64, Challenge:32, _Creation:32, _/binary>>} = gen_tcp:recv(Socket, 0, 5000),
    Digest = erlang:md5(Cookie ++ integer_to_list(Challenge)),
    ok = gen_tcp:send(Socket, <<"r", 1:32, Digest/binary>>),
    {ok, <<"a", _:16/binary>>} = gen_tcp:recv(Socket, 0, 5000),
    ok = inet:setopts(Socket, [{packet, 4}]),
    io:format("flags ~.16b~n", [Flags band Theirs]),
    Head = case Flags band (?CACHE bor ?FRAGMENTS) of
               0 -> {<<112, 131>>, <<131>>};
               _ -> {<<131, 68, 0>>, <<>>}
           end,
    go(Socket, Name, Head),
    packets(Socket),
    gen_tcp:close(Socket).

%% REG_SEND {go, {sink, Name}, Script} to `source`; the pid is one of ours that nobody needs.
go(Socket, Name, {Front, Between}) ->
    <<131, Go/binary>> = term_to_binary({go, {sink, list_to_atom(Name)}, script()}),
    Self = <<88, 119, (length(Name)), (list_to_binary(Name))/binary, 1:32, 0:32, 7:32>>,
    Control = <<104, 4, 97, 6, Self/binary, 119, 0, 119, 6, "source">>,
    ok = gen_tcp:send(Socket, [Front, Control, Between, Go]).

packets(Socket) ->
    {ok, Packet} = gen_tcp:recv(Socket, 0, 10000),
    case Packet of
        <<>> -> packets(Socket);
        _ ->
            io:format("packet ~s~n", [bytes(Packet)]),
            case binary:match(Packet, <<"done">>) of
                nomatch -> packets(Socket);
                _ -> ok  % the last one; its atom is new, and is spelled out in every form
            end
    end.

port_of(Name, Tries) ->
    case erl_epmd:port_please(Name, "localhost") of
        {port, Port, _} -> Port;
        _ when Tries > 0 -> timer:sleep(50), port_of(Name, Tries - 1)
    end.

bytes(Binary) -> iolist_to_binary(runs(Binary)).

runs(<<>>) -> [];
runs(<<Byte, _/binary>> = All) ->
    Count = run(All, Byte, 0),
    <<_:Count/binary, Rest/binary>> = All,
    Hex = io_lib:format("~2.16.0b", [Byte]),
    [case Count >= 8 of
         true -> ["(", Hex, "*", integer_to_list(Count), ")"];
         false -> lists:duplicate(Count, Hex)
     end | runs(Rest)].

run(<<Byte, Rest/binary>>, Byte, Count) -> run(Rest, Byte, Count + 1);
run(_, _, Count) -> Count.
