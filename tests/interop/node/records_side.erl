%% Native records, which OTP 29 has and earlier releases cannot even parse.
-module(records_side).
-export([terms/0, echoed/1]).
-export_record([vector]).
-record #vector{x = 1, y}.
-record #inner{value}.

terms() -> [#vector{y = 2}, #inner{value = #vector{x = [a], y = <<1>>}}, {in, [#inner{value = #{}}]}].

%% Whether a server gives all of them back as they are, one by one and together.
echoed(Dest) -> [T || T <- [terms() | terms()], gen_server:call(Dest, T) =/= T] =:= [].
