%% What this Erlang's io_lib:format/2 makes of formats and arguments. Loaded into the Erlang node of the tests.
-module(formats).
-export([answers/1]).

%% Takes a list of {Format, Arguments} and returns a list of UTF-8 binaries and `error`, both as hexadecimal digits of the external format:
%% the tests' lines hold ASCII only.
answers(Digits) ->
    Pairs = binary_to_term(bytes(Digits)),
    digits(term_to_binary([answer(Format, Arguments) || {Format, Arguments} <- Pairs])).

answer(Format, Arguments) ->
    try unicode:characters_to_binary(io_lib:format(Format, Arguments)) of
        Text when is_binary(Text) -> Text;
        _ -> error
    catch
        error:_ -> error
    end.

bytes(Digits) -> << <<(list_to_integer([A, B], 16))>> || [A, B] <- pairs(Digits) >>.
pairs([A, B | Rest]) -> [[A, B] | pairs(Rest)];
pairs([]) -> [].

digits(Bytes) -> lists:append([io_lib:format("~2.16.0b", [B]) || <<B>> <= Bytes]).
