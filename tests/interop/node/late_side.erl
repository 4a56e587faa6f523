%% Calls that are answered when nobody waits for the answer any more.
-module(late_side).
-export([slow/0, late_calls/2]).

%% Answers all calls that it has got when it is told `flush`.
slow() -> spawn(fun() -> slow([]) end).
slow(Waiting) ->
    receive
        {'$gen_call', From, ping} -> gen_server:reply(From, pong), slow(Waiting);
        {'$gen_call', From, _} -> slow([From | Waiting]);
        flush -> [gen_server:reply(From, late) || From <- Waiting], slow([])
    end.

%% Calls Dest so often with no time to answer, and tells it `flush` after each ten: how many have timed out, and how
%% many messages are in the caller's mailbox when every late answer has come.
late_calls(Dest, Count) ->
    Self = self(),
    spawn(fun() ->
        Out = [ok || N <- lists:seq(1, Count), begin
            Got = (catch gen_server:call(Dest, N, 0)),
            N rem 10 =:= 0 andalso (Dest ! flush),
            element(1, Got) =:= 'EXIT'
        end],
        pong = gen_server:call(Dest, ping, 60000),
        Self ! {late, {length(Out), element(2, process_info(self(), message_queue_len))}}
    end),
    receive {late, Result} -> Result after 120000 -> no_end end.
