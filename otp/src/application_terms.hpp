// Specifications of applications as OTP writes them, in `.app` files and in calls.
#pragma once

#include <ergo/otp/application_spec.hpp>

#include <filesystem>
#include <optional>
#include <span>

namespace ergo::inline v0::otp::detail {

/// Reads `{application, Name, [{Key, Value}]}`. Its code is that of the one of `known` with the module that it names,
/// if there is one. The context of an error is OTP's term, such as `{invalid_name, Name}`.
[[nodiscard]] ergo::result<application_spec> read_application(const term& written,
                                                              std::span<const application_spec> known);

/// Finds the application `name` among `known`, or in a file `Name.app` in one of `paths`. The context of an error is
/// OTP's term, such as `{"no such file or directory", "shop.app"}`.
[[nodiscard]] ergo::result<application_spec> find_application(atom name, std::span<const application_spec> known,
                                                              std::span<const std::filesystem::path> paths);

/// What `application:get_key/2` tells; empty for an unknown key.
[[nodiscard]] std::optional<term> key_of(const application_spec& spec, atom key, const environment& parameters);
/// What `application:get_all_key/1` tells.
[[nodiscard]] term keys_of(const application_spec& spec, const environment& parameters);

/// `{Name, Description, Version}`
[[nodiscard]] term shown(const application_spec& spec);
/// `[{Key, Value}]`
[[nodiscard]] term as_term(const environment& parameters);
[[nodiscard]] term as_term(const configuration& all);

}  // namespace ergo::inline v0::otp::detail
