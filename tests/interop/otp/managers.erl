%% Uses an event manager of a C++ node as gen_event's own clients do. Loaded into the Erlang node of the tests, where it
%% is also a handler, so that the same can be asked of a manager of Erlang.
-module(managers).
-behaviour(gen_event).
-export([story/1, erlang_story/0, init/1, handle_event/2, handle_call/2, terminate/2]).

%% The same steps with either manager; what came of each.
story(Manager) ->
    H = managers,
    Me = self(),
    [gen_event:which_handlers(Manager),
     gen_event:add_handler(Manager, H, [1]),
     gen_event:add_handler(Manager, {H, second}, [2]),
     gen_event:which_handlers(Manager),
     gen_event:notify(Manager, {keep, 3}),
     gen_event:sync_notify(Manager, {keep, 4}),
     gen_event:call(Manager, H, all),
     gen_event:call(Manager, {H, second}, all, 5000),
     gen_event:call(Manager, nobody, all),
     response(gen_event:send_request(Manager, H, all)),
     element(1, element(2, gen_event:add_handler(Manager, nobody, [5]))),
     gen_event:add_handler(Manager, {H, refused}, refuse),
     gen_event:delete_handler(Manager, H, enough),
     gen_event:delete_handler(Manager, H, enough),
     gen_event:swap_handler(Manager, {{H, second}, leaving}, {H, [6]}),
     gen_event:call(Manager, H, all),
     gen_event:delete_handler(Manager, H, done),
     gen_event:add_sup_handler(Manager, {H, mine}, [7]),
     gen_event:notify(Manager, fail),
     told(Me),
     gen_event:add_sup_handler(Manager, {H, mine}, [8]),
     gen_event:call(Manager, {H, mine}, go),
     told(Me),
     gen_event:add_sup_handler(Manager, {H, mine}, [9]),
     gen_event:swap_sup_handler(Manager, {{H, mine}, leaving}, {{H, other}, [10]}),
     told(Me),
     gen_event:call(Manager, {H, other}, all),
     supervised_by_another(Manager, H),
     gen_event:which_handlers(Manager),
     gen_event:call(Manager, {H, other}, all) | ended(Manager)].

erlang_story() ->
    {ok, Manager} = gen_event:start(),
    story(Manager).

response(Request) ->
    {reply, Answer} = gen_event:wait_response(Request, 5000),
    Answer.

%% Reasons of crashes are the languages' own.
told(Me) ->
    receive
        {gen_event_EXIT, Handler, {'EXIT', _}} -> {told, Handler, crashed};
        {gen_event_EXIT, Handler, {swapped, Other, Me}} -> {told, Handler, {swapped, Other, me}};
        {gen_event_EXIT, Handler, Reason} -> {told, Handler, Reason}
    after 5000 -> nothing
    end.

supervised_by_another(Manager, H) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({added, gen_event:add_sup_handler(Manager, {H, short}, [11])}) end),
    receive {'DOWN', Ref, process, Pid, Reason} -> Reason after 5000 -> still_there end.

%% The order of an old client; those of today stop it through sys.
ended(Manager) ->
    Ref = monitor(process, Manager),
    Stopped = gen_server:call(Manager, stop),
    Reason = receive {'DOWN', Ref, process, _, Why} -> Why after 5000 -> still_there end,
    [Stopped, Reason, told(self())].

%% ----- the handler in Erlang

init(refuse) -> {error, not_now};
init({Kept, Left}) -> {ok, Kept ++ [Left]};
init(Kept) -> {ok, Kept}.
handle_event({keep, Event}, Kept) -> {ok, Kept ++ [Event]};
handle_event(fail, _) -> error(failed).
handle_call(all, Kept) -> {ok, Kept, Kept};
handle_call(go, _) -> {remove_handler, gone}.
terminate(How, Kept) -> {left, How, Kept}.
