// The parameters of applications, and the files that they are read from: OTP's `sys.config`.
#pragma once

#include <ergo/error.hpp>

#include <filesystem>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp {

/// The parameters of one application, by name; no name twice.
using environment = std::vector<std::pair<atom, term>>;
/// The parameters of several applications; none twice.
using configuration = std::vector<std::pair<atom, environment>>;

/// Reads a file of Erlang terms, one list `[{Application, [{Key, Value}]}].`, as `erl -config` does.
///
/// A string among its elements names another such file, with or without `.config` at its end; it is looked for beside
/// this one, then where the program runs, and overrides what came before it. Blocks on the files; at most 16 levels of
/// them, and 16 MiB each. Errors: `badarg` with `{File, Line, Text}`, where the line is `none` if the file cannot be
/// read or the list is not what it should be.
[[nodiscard]] ergo::result<configuration> read_configuration(const std::filesystem::path& file);

/// The configuration that `[{Application, [{Key, Value}]}]` stands for; `badarg` with OTP's sentence, as a binary.
[[nodiscard]] ergo::result<configuration> check_configuration(const term& written);

/// The parameters of `base`, replaced and completed by those of `over`.
[[nodiscard]] environment merge(environment base, const environment& over);
[[nodiscard]] configuration merge(configuration base, const configuration& over);

}  // namespace ergo::inline v0::otp
