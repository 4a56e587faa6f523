// What a device answers to whom, and in which order: requests and input in, text and replies out.
#pragma once

#include "io_text.hpp"

#include <ergo/otp/io_format.hpp>

#include <deque>
#include <span>
#include <variant>
#include <vector>

namespace ergo::inline v0::otp::io::detail {

/// Text for the terminal; `written` is told what came of it before the next step is taken.
struct io_write {
  std::string bytes;
};
/// `{io_reply, As, Value}` for `to`.
struct io_reply {
  pid to;
  term as;
  term value;
};
/// More input is needed.
struct io_want {
  input_kind kind;
};
using io_step = std::variant<io_write, io_reply, io_want>;

/// What a terminal can do.
struct io_abilities {
  std::optional<geometry> size = std::nullopt;
  bool keeps_secrets = false;
};

/// One device. Give it a message, then take steps until there is none: a request is worked on one text at a time, so
/// that what is printed exists only when the terminal is ready for it.
class io_machine {
 public:
  explicit io_machine(const device_options& options) : options_{options}, encoding_{options.starts_with} {}

  /// A request; all steps of what came before have been taken.
  void ask(const pid& from, const term& as, const term& request, const io_abilities& able);
  void feed(std::string_view bytes);
  void end_input();

  [[nodiscard]] std::optional<io_step> next();
  /// What came of the last `io_write`.
  void written(const std::expected<void, term>& how);
  [[nodiscard]] encoding present_encoding() const noexcept { return encoding_; }

 private:
  // A request that reads.
  struct reading {
    std::optional<std::size_t> characters;  // a line where there is no number
    encoding wanted = encoding::unicode;
    term prompt;
    bool secret = false;
    bool prompted = false;
    input_progress seen{};  // of the input that is there: what need not be looked at again
  };
  // Requests that belong together and have one reply, the last one's.
  struct job {
    pid from;
    term as;
    std::vector<term> rest;  // of lists of requests, the innermost last
    term last = "ok"_atom;
    reading input{};
    bool has_read = false;
  };

  [[nodiscard]] std::optional<io_step> advance();
  [[nodiscard]] std::optional<io_step> serve_reader();
  [[nodiscard]] std::optional<io_step> perform(const term& request);
  [[nodiscard]] std::optional<io_step> print(const term& as, const term& characters);
  [[nodiscard]] std::optional<io_step> print_result(const term& as, std::span<const term> call);
  [[nodiscard]] std::optional<io_step> print_text(std::string utf8);
  void read(const term& as, const term& prompt, const term* count);
  void read_secret(const term& as);
  void wait_for_input(reading wanted);
  [[nodiscard]] std::optional<std::string> take_input(reading& wanted);
  [[nodiscard]] std::expected<std::string, io_format_error> formatted(const term& format, const term& arguments) const;
  [[nodiscard]] std::expected<std::string, term> result_of(std::span<const term> call) const;
  [[nodiscard]] term geometry_of(const term& which) const;
  [[nodiscard]] term options() const;
  [[nodiscard]] term set_options(const term& wanted);

  const device_options options_;
  encoding encoding_;
  bool binary_ = false;
  bool echo_ = true;
  io_abilities able_;
  std::optional<job> running_;
  std::deque<job> readers_;
  bool prompting_ = false;  // what is written is no answer to a request
  std::string input_;
  bool wanting_ = false;
  bool ended_ = false;
};

}  // namespace ergo::inline v0::otp::io::detail
