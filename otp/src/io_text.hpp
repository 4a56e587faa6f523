// Characters as clients of a device send and receive them.
#pragma once

#include <ergo/otp/io_device.hpp>

#include <expected>
#include <string>
#include <string_view>

namespace ergo::inline v0::otp::io::detail {

/// UTF-8 as the bytes that a terminal of encoding `as` prints.
[[nodiscard]] std::string printed(std::string utf8, encoding as);

/// What a prompt looks like, as UTF-8.
[[nodiscard]] std::string prompt_text(const term& prompt, encoding as);

/// How a client wants what it reads.
struct input_form {
  encoding wanted = encoding::unicode;
  bool binary = false;
};

/// Input of a terminal of encoding `given` as a client wants it, or the client's `{error, {no_translation, …}}`.
[[nodiscard]] std::expected<term, term> read_as(std::string_view bytes, encoding given, const input_form& form);

/// A way into some input: what has been passed, and how many characters are still to be passed.
struct input_progress {
  std::size_t bytes = 0;
  std::size_t missing = 0;
};
/// Goes on by characters that are there in full, as far as `input` and the missing ones reach.
[[nodiscard]] input_progress pass_characters(std::string_view input, input_progress from, encoding as);

}  // namespace ergo::inline v0::otp::io::detail
