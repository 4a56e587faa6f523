#!/usr/bin/env escript
%%! -noinput
%% Candidates for the seeds of the fuzzers, from what the installed Erlang/OTP writes:
%%   ./make_seeds.escript FOLDER
%% makes FOLDER/<harness>/… of the vectors in tests/data, the literals of OTP's own modules, and what a node says to a
%% port mapper and to another node. `cmake/run fuzz-seeds` runs it and keeps what reaches code that nothing else does.
-mode(compile).

main([Out]) ->
    Data = filename:dirname(filename:dirname(filename:absname(escript:script_name()))),
    vectors(Out, Data),
    texts(Out, Data),
    formats(Out, Data),
    packets(Out, Data),
    literals(Out),
    configurations(Out),
    Asked = registration(Out),
    with_port_mapper(fun(Port) -> port_mapper(Out, Port, Asked), handshakes(Out, Port) end).

keep(Out, Harness, Bytes) ->
    Name = filename:join([Out, Harness, binary_to_list(binary:encode_hex(crypto:hash(sha, Bytes)))]),
    ok = filelib:ensure_dir(Name),
    ok = file:write_file(Name, Bytes).

lines(File) ->
    {ok, All} = file:read_file(File),
    [Line || Line <- binary:split(All, <<"\n">>, [global]), Line =/= <<>>].

%% ----- terms

vectors(Out, Data) ->
    [keep(Out, "etf_decode", binary:decode_hex(hd(binary:split(Line, <<"\t">>))))
     || <<First, _/binary>> = Line <- lines(filename:join(Data, "etf/vectors.txt")), First =/= $#].

texts(Out, Data) ->
    [[keep(Out, "etf_text", Text) || Text <- tl(binary:split(Line, <<"\t">>, [global]))]
     || <<First, _/binary>> = Line <- lines(filename:join(Data, "etf/text_vectors.txt")), First =/= $#].

formats(Out, Data) ->
    Cases = [Case || <<"{", _/binary>> = Line <- lines(filename:join(Data, "otp/io_format.txt")), {ok, Case} <- [read(Line)]],
    [begin
         Text = io_lib:format("~ts~n~0tw", [Format, Arguments]),
         keep(Out, "io_format", unicode:characters_to_binary(Text)),
         keep(Out, "io_format", strip(term_to_binary({Format, Arguments})))
     end || Case <- Cases, [Format, Arguments] <- [lists:sublist(tuple_to_list(Case), 2)], is_list(Format)].

read(Line) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Line) ++ "."),
    erl_parse:parse_term(Tokens).

strip(<<131, Bare/binary>>) -> Bare.

%% The constants of modules: all kinds of terms as compilers, parsers and tables need them.
literals(Out) ->
    Modules = [erl_parse, erl_lint, io_lib_pretty, unicode_util, httpd_util, calendar, ssl_cipher, asn1ct_gen, 'OTP-PUB-KEY',
               supervisor, epp, sys_core_fold, xmerl_scan, file, gen_tcp, net_kernel],
    [[begin
          keep(Out, "etf_decode", Bytes),
          keep(Out, "etf_text", unicode:characters_to_binary(io_lib:format("~tp", [binary_to_term(Bytes)])))
      end || Bytes <- literals_of(Module), byte_size(Bytes) =< 2048] || Module <- Modules].

literals_of(Module) ->
    case code:which(Module) of
        File when is_list(File) ->
            case beam_lib:chunks(File, ["LitT"], [allow_missing_chunks]) of
                {ok, {_, [{"LitT", <<0:32, Plain/binary>>}]}} -> terms_of(Plain);
                {ok, {_, [{"LitT", <<_:32, Deflated/binary>>}]}} -> terms_of(zlib:uncompress(Deflated));
                _ -> []
            end;
        _ -> []
    end.

terms_of(<<_Count:32, Rest/binary>>) -> [Term || <<Size:32, Term:Size/binary>> <= Rest].

configurations(Out) ->
    Files = filelib:wildcard(filename:join(code:root_dir(), "lib/*/ebin/*.app")),
    [begin {ok, Text} = file:read_file(File), keep(Out, "etf_text", Text) end || File <- Files, filelib:file_size(File) < 2048],
    [keep(Out, "configuration", list_to_binary(Text)) || Text <-
        ["[{kernel,[{inet_dist_listen_min,9100},{inet_dist_listen_max,9105}]},{stdlib,[]}].\n",
         "%% which one\n[\"sys\",{a,[{b,\"c\"}]}].", "[{k,v}].", "[{k,[{a,1},{a,2}]}].", "[{k,[]},{k,[]}].", "[{k,[a]}].",
         "[{\"k\",[]}].", "[{k,[{\"a\",1}]}].", "[{k,[]}|t].", "[{k,[]}]", "[{k,[{a,#{b => <<1,2:4>>}}]}].\n",
         "QWERTYUIOPASDFGHJKLZ", "  QWERTY \t\r\n", "QWE\0RTY"]].

%% ----- packets

packets(Out, Data) ->
    Expand = fun(Line) -> binary:decode_hex(iolist_to_binary(expand(Line))) end,
    Step = fun(<<"packet ", Hex/binary>>, {Flags, Taken}) ->
                   Packet = Expand(Hex),
                   keep_packet(Out, Packet),
                   {Flags, [Packet | Taken]};
              (<<"flags ", Flags/binary>>, {Before, Taken}) ->
                   keep_stream(Out, Before, lists:reverse(Taken)),
                   {Flags, []};
              (_, State) -> State
           end,
    {Flags, Taken} = lists:foldl(Step, {<<"0">>, []}, lines(filename:join(Data, "dist/packets.txt"))),
    keep_stream(Out, Flags, lists:reverse(Taken)).

%% (hh*count) stands for a byte that comes often in a row.
expand(Text) ->
    case binary:split(Text, <<"(">>) of
        [Plain] -> [Plain];
        [Plain, Rest] ->
            [Run, Behind] = binary:split(Rest, <<")">>),
            [Byte, Count] = binary:split(Run, <<"*">>),
            [Plain, lists:duplicate(min(binary_to_integer(Count), 300), Byte), expand(Behind)]
    end.

keep_packet(Out, <<112, 131, Terms/binary>> = Packet) when byte_size(Packet) < 2048 ->
    keep(Out, "dist_frames", <<0, 1:64, 1, 1, (byte_size(Packet)):32, Packet/binary>>),
    keep(Out, "signal_scan", <<9, Terms/binary>>);
keep_packet(_, _) -> ok.

%% Packets of less than 256 bytes behind their length, in the form that was negotiated.
keep_stream(Out, Flags, Packets) ->
    Bits = binary_to_integer(hd(binary:split(Flags, <<" ">>)), 16),
    Form = (case Bits band 16#2000 of 0 -> 0; _ -> 1 end) bor (case Bits band 16#800000 of 0 -> 0; _ -> 2 end),
    Short = [Packet || Packet <- Packets, byte_size(Packet) < 256],
    keep(Out, "dist_packets", iolist_to_binary([Form, [[byte_size(Packet), Packet] || Packet <- Short]])),
    keep(Out, "node_signals", iolist_to_binary([Form, 0, [[16, byte_size(Packet), Packet] || Packet <- Short]])).

%% ----- what a node says

%% What a node asks of its port mapper: to register it.
registration(Out) ->
    {ok, Listening} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listening),
    Erl = start("seeds", [{"ERL_EPMD_PORT", integer_to_list(Port)}, {"ERL_EPMD_ADDRESS", "127.0.0.1"}]),
    {ok, Socket} = gen_tcp:accept(Listening, 10000),
    {ok, Asked} = gen_tcp:recv(Socket, 0, 5000),
    stop(Erl),
    [gen_tcp:close(One) || One <- [Socket, Listening]],
    keep(Out, "epmd_server", <<0, (byte_size(Asked) - 1), Asked/binary>>),
    Asked.

%% A port mapper of our own, on a port of its own.
with_port_mapper(Do) ->
    {ok, Probe} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Probe),
    gen_tcp:close(Probe),
    os:putenv("ERL_EPMD_PORT", integer_to_list(Port)),
    Epmd = open_port({spawn_executable, os:find_executable("epmd")}, [{args, ["-port", integer_to_list(Port), "-d", "-d"]}, binary, stderr_to_stdout]),
    await(Epmd, <<"entering the main select() loop">>, <<>>),
    try Do(Port) after stop(Epmd) end.

%% Until a program has said that it is ready.
await(Program, Text, Before) ->
    receive
        {Program, {data, More}} ->
            Said = <<Before/binary, More/binary>>,
            binary:match(Said, Text) =/= nomatch orelse await(Program, Text, Said)
    after 10000 -> exit({not_ready, Before})
    end.

%% What it is asked and what it answers.
port_mapper(Out, Port, Asked) ->
    Requests = [<<1:16, $n>>, <<6:16, $z, "seeds">>, <<1:16, $d>>, <<1:16, $k>>, <<6:16, $s, "seeds">>],
    [keep(Out, "epmd_server", <<0, (byte_size(One) - 1), One/binary>>) || One <- Requests],
    keep(Out, "epmd_server", << <<0, (byte_size(One) - 1), One/binary>> || One <- [Asked | lists:sublist(Requests, 4)] >>),
    [keep(Out, "epmd_client", Body) || <<_:16, Body/binary>> <- [Asked | Requests]],
    Real = connect(Port),
    ok = gen_tcp:send(Real, Asked),
    {ok, Registered} = gen_tcp:recv(Real, 0, 5000),
    [keep(Out, "epmd_client", Answer) || Answer <- [Registered | [ask(Port, One) || One <- lists:sublist(Requests, 3)]]],
    gen_tcp:close(Real).

connect(Port) ->
    {ok, Socket} = gen_tcp:connect("localhost", Port, [binary, {active, false}]),
    Socket.

ask(Port, Request) ->
    Socket = connect(Port),
    ok = gen_tcp:send(Socket, Request),
    all_of(Socket, <<>>).

all_of(Socket, Before) ->
    case gen_tcp:recv(Socket, 0, 2000) of
        {ok, More} -> all_of(Socket, <<Before/binary, More/binary>>);
        {error, _} -> Before
    end.

start(Name, Environment) ->
    open_port({spawn_executable, os:find_executable("erl")},
              [{args, ["-noinput", "-sname", Name, "-setcookie", "seeds", "-eval", "io:put_chars(\"ready\")"]}, {env, Environment}, binary, stderr_to_stdout]).

%% Both sides of a handshake with a real node, as far as it goes with a cookie that is wrong.
handshakes(Out, Mapper) ->
    Name = "seedshake" ++ os:getpid(),
    Erl = start(Name, []),
    await(Erl, <<"ready">>, <<>>),
    Port = port_of(Mapper, Name),
    [shake(Out, Port, Hello) || Hello <- [<<"N", 16#D07DF7FBD:64, 7:32, 9:16, "peer@host">>, <<"n", 5:16, 16#DF7FBD:32, "peer@host">>,
                                          <<"N", 16#4D07DF7FBD:64, 0:32, 4:16, "host">>]],
    stop(Erl).

shake(Out, Port, Hello) ->
    {ok, Socket} = gen_tcp:connect("localhost", Port, [binary, {active, false}]),
    ok = gen_tcp:send(Socket, <<(byte_size(Hello)):16, Hello/binary>>),
    Said = all_of(Socket, <<>>),
    gen_tcp:close(Socket),
    %% As the harness takes them: to an acceptor, and to a connector that has written its name (6: what it wrote is sent).
    Greeting = <<(byte_size(Hello)):16, Hello/binary>>,
    keep(Out, "handshake", <<0, 4, (byte_size(Greeting)), Greeting/binary, 6, 6, 6, 6>>),
    keep(Out, "handshake", <<16#40, 6, 4, (byte_size(Said)), Said/binary, 6, 6, 6>>).

port_of(Mapper, Name) ->
    <<$w, 0, Port:16, _/binary>> = ask(Mapper, <<(length(Name) + 1):16, $z, (list_to_binary(Name))/binary>>),
    Port.

stop(Program) ->
    {os_pid, Pid} = erlang:port_info(Program, os_pid),
    os:cmd("kill " ++ integer_to_list(Pid)).
