#!/usr/bin/env escript
%%! +pc latin1
%% -*- coding: utf-8 -*-
%% Writes io_format.txt: what io_lib:format/2 of this release of Erlang/OTP prints. Run it in this folder:
%%   escript io_format.escript > io_format.txt
%% Each line is a tuple of format, arguments, and the text as a binary of UTF-8 or `badarg`.
-mode(compile).

main(_) ->
    io:setopts([{encoding, utf8}]),
    io:format("% Erlang/OTP ~s~n", [erlang:system_info(otp_release)]),
    lists:foreach(fun({Format, Arguments}) -> io:format("~0tp~n", [{Format, Arguments, answer(Format, Arguments)}]) end, rows()).

answer(Format, Arguments) ->
    try unicode:characters_to_binary(io_lib:format(Format, Arguments)) of
        Text when is_binary(Text) -> Text;
        _ -> badarg
    catch
        error:_ -> badarg
    end.

rows() ->
    [
     {"~w and ~p", [{a,"b",<<"c">>,[1|2]},{a,"b",<<"c">>,[1|2]}]},
     {"~s ~ts", ["text",<<"größe"/utf8>>]},
     {"~s", [<<"é"/utf8>>]},
     {"~s", [[955]]},
     {"~ts", [[955]]},
     {"~ts", [<<255,97>>]},
     {"~s ~s", [atom,["deep",[<<"list">>|<<"!">>]]]},
     {"~10s|~-10s|~10.4s|~.4s|~-8.3.*s", [abc,"def","ghijkl","mnopqr",$.,"stu"]},
     {"~5s", ["too long"]},
     {"~4.8s", ["abc"]},
     {"~c~3c~5.2c~-5.2..c~*c", [97,98,99,100,2,101]},
     {"~c~tc", [955,955]},
     {"~tc", [55296]},
     {"~~~n~2n~3~", []},
     {"~-2n", []},
     {"~i~w", [ignored,shown]},
     {"~e ~.3e ~12.4e ~-12.3e| ~5.3e", [1.0,3.14159,-2.5,1.0e-9,12.0]},
     {"~.1e", [1.0]},
     {"~f ~.2f ~10.1f ~-10.1f| ~f", [1.0,2.675,-0.05,9.96,1.0e22]},
     {"~.0f", [1.0]},
     {"~f", [1]},
     {"~.1f ~.1f ~.2f ~.3f", [0.95,99.95,-0.0,0.0005]},
     {"~g ~g ~g ~g ~g ~.2g ~.1g ~g", [0.1,0.01,123.456,9999.0,10000.0,3.17,0.5,0.0]},
     {"~b ~B ~.16b ~.16B ~.2b ~.36B", [-5,255,255,255,-5,123456789012345678901234567890]},
     {"~10b|~-10b|~10.16.0b|~2b", [42,42,48879,1000]},
     {"~.37b", [1]},
     {"~x ~.16X ~.16x", [10,"0x",255,'0X',-255,["0",$x]]},
     {"~x", [10,<<"0x">>]},
     {"~# ~.16# ~+ ~.16+ ~10.2#", [10,255,-10,255,5]},
     {"~5w|~-5w|~5.3w|~2w|~.2w|~*w", [ab,ab,ab,abcd,abc,4,x]},
     {"~w ~tw", ['λ','λ']},
     {"~w", [['A b','it\'s','é','end','']]},
     {"~w", [#{b => 1,a => 2,1 => x}]},
     {"~w ~w ~w", [1.0e23,0.1,-0.0]},
     {"~W ~W ~W ~W", [{a,b,c,d},3,[1,2,3,4],3,[1|2],2,{a},1]},
     {"~W ~W ~W", [#{a => 1,b => 2},2,<<1,2,3,4>>,3,#{a => 1},1]},
     {"~W ~P", [#{a => 1,b => 2},3,#{a => 1,b => 2},3]},
     {"~P ~P ~P", [{a,b,c,d},3,"a string",2,<<"printable">>,3]},
     {"~P ~P ~P", [#{a => 1,b => 2},2,<<1,2,3,4>>,3,x,0]},
     {"~P", [<<"eight or more characters",0>>,4]},
     {"~p ~tp ~lp", ["é","é","é"]},
     {"~p ~tp", [[955],[955]]},
     {"~p ~tp ~tp", [<<"é"/utf8>>,<<"é"/utf8>>,<<233>>]},
     {"~p ~lp", [<<"abc">>,<<"abc">>]},
     {"~p", ["a\n\t\"\\\e\d"]},
     {"~p", [[127]]},
     {"~p", [<<5:3>>]},
     {"~p", [{}]},
     {"~p", [[]]},
     {"~10p", [[one,two,three,four]]},
     {"~20p", [{request,[{first,1},{second,2},{third,3}]}]},
     {"~0p", [{request,[{first,1},{second,2},{third,3},{fourth,[a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z]}]}]},
     {"~p", [{request,[{first,1},{second,2},{third,3},{fourth,[a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z]}]}]},
     {"indented: ~p", [[{first_of_all,"a string of some length"},{second_of_all,"another string"},{third,"x"}]]},
     {"~30p", [{a_tag_that_is_long,[one,two,three,four],"string of text"}]},
     {"~30p", [#{first => [1,2,3,4,5,6,7,8,9,10],second => "a longer string here",{third,key} => v}]},
     {"~p", [<<1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31>>]},
     {"~20p", [[1,2,3,4,5,6,7,8|improper_tail_of_this]]},
     {"~20.7p", [{tag,[1,2,3,4,5,6,7,8,9]}]},
     {"~12p", [{a,{b,{c,{d,{e,[f,g]}}}}}]},
     {"~-20p", [a]},
     {"~w", []},
     {"~w", [a,b]},
     {"~q", [a]},
     {"~", []},
     {"~-p", [a]},
     {"~*w", [a,b]},
     {"~s", [5]},
     {"~s", [{a}]},
     {"plain text, λ too", []}
    ].
