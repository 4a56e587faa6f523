// Devices of our own: what prints to and reads from us. A device is a process that speaks OTP's I/O protocol in front
// of a C++ object, the terminal; it serves as a group leader, for processes of any node.
#pragma once

#include <ergo/etf/characters.hpp>
#include <ergo/local_node.hpp>
#include <ergo/otp/supervisor.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ergo::inline v0::otp::io {

/// How characters are bytes at a terminal. In Latin-1 those that it does not have are printed as `\x{263A}`.
using encoding = etf::text_encoding;

/// What is done with input before it is read.
enum class input_kind : std::uint8_t {
  plain,   ///< an interactive terminal shows it
  secret,  ///< it must not be shown: a password, or `echo` is off
};

/// The way of a terminal's input to its device: copyable, for any thread. It may outlive the device, and its runtime:
/// then it does nothing.
class input_port {
 public:
  /// Gives the device bytes in its encoding, with `\n` at the ends of lines. What nobody has read yet is kept.
  void feed(std::string_view bytes) const;
  /// Says that there is no more input. What is left is read, then every reader gets `eof`.
  void end() const;

  class mouth;  ///< the device's own end of it
  explicit input_port(std::shared_ptr<mouth> to) noexcept : to_{std::move(to)} {}

 private:
  std::shared_ptr<mouth> to_;
};

struct geometry {
  unsigned columns = 80;
  unsigned rows = 24;
};

/// The C++ side of a device. All its functions run in the device's process, one at a time.
class terminal {
 public:
  terminal() = default;
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;
  virtual ~terminal() = default;

  /// Prints `bytes`. May suspend: the client, and everybody behind it, waits until the task has ended, so that nobody
  /// prints faster than the terminal can. An error goes to the client, as `{error, Reason}`.
  virtual task<std::expected<void, term>> write(process& self, std::string bytes, encoding as) = 0;
  /// Somebody reads, and more input is needed than there is: feed some to `port`, now or later, from any thread. Asked
  /// once, and again when what was fed is not enough. A terminal without input need not override it.
  virtual void want(process& self, const input_port& port, input_kind kind);
  /// Whether it can keep `secret` input from view; else `io:get_password` fails with `enotsup`.
  [[nodiscard]] virtual bool keeps_secrets() const { return false; }
  /// Its size in characters, where it has one.
  [[nodiscard]] virtual std::optional<geometry> size() const { return std::nullopt; }
};

struct device_options {
  std::size_t characters = std::size_t{4} << 20;  ///< the longest text that is formatted here, for one request
  encoding starts_with = encoding::unicode;       ///< what `setopts` may change
  bool unicode = false;                           ///< `~p` shows characters above 255, as with `+pc unicode`
};

/// Makes a device in front of `screen`; spawn it, and make it the group leader of others.
///
/// It answers every request of the I/O protocol: text in each form, formatted here with `io_lib:format`, `fwrite`,
/// `write`, `print` and `nl`; lines and characters, as lists or binaries; lists of requests, up to the first error;
/// options `binary`, `list`, `encoding` and `echo`. What else it is asked it answers with an error: `{error, request}`
/// for what is no request, `{error, Function}` for functions that it does not have, `{error, enotsup}` for `get_until`,
/// which would call any Erlang function, and for options that it does not know.
/// Those who read wait in the order in which they came; others may print meanwhile, after which the prompt is shown
/// again. Source: OTP "The Erlang I/O Protocol", kernel `user.erl`, `group.erl`.
[[nodiscard]] std::unique_ptr<behaviour> make_device(std::shared_ptr<terminal> screen,
                                                     const device_options& options = {});

/// Starts a device from outside, which blocks; fails with `name_taken`, `system_limit` or `stopped`.
[[nodiscard]] ergo::result<pid> start_device(local_node& on, std::shared_ptr<terminal> screen,
                                             const start_options& how = {}, const device_options& options = {});

/// A device as the child of a supervisor, with `id` as its registered name.
[[nodiscard]] child_spec device_child(atom id, std::shared_ptr<terminal> screen, const device_options& options = {});

}  // namespace ergo::inline v0::otp::io
