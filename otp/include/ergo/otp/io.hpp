// Printing and reading through I/O devices, as Erlang's module `io` does: a device is a process, of this node or
// another, that speaks OTP's I/O protocol, such as a group leader, `user` or an open file.
//
// Where no device is named, the process's group leader is meant: so what a function prints that was called by another
// node appears there. A process without a group leader uses `user` of its node.
#pragma once

#include <ergo/process.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ergo::inline v0::otp::io {

/// The device that is used where none is named.
[[nodiscard]] destination default_device(const process& self);

/// Sends any request of the I/O protocol, such as `getopts`, and gives the device's reply as it is, `{error, Reason}`
/// included.
///
/// Suspends until the reply is there, however long that takes: a reader may wait for a key. The device is watched
/// meanwhile. Fails with `noproc`, `nodedown`, or `exited` and the reason when the device ends, and with
/// `calling_self`. The atom `standard_io` is the default device. Source: OTP "The Erlang I/O Protocol".
[[nodiscard]] task<ergo::result<term>> request(process& self, destination device, term what);

/// Prints `text` (UTF-8), and returns when the device has taken it: who prints faster than a device writes, waits.
///
/// Fails as `request`; with `badarg` and the device's reason where it refuses the text, such as `no_translation` for
/// characters that its encoding does not have; with `not_supported` where it knows no such request.
[[nodiscard]] task<ergo::result<void>> put_chars(process& self, destination device, std::string text);
[[nodiscard]] task<ergo::result<void>> put_chars(process& self, std::string text);

/// Prints `arguments`, a proper list, as `format` (UTF-8) says: see `io_format`.
///
/// The text is made here, so that devices which cannot format will do. Fails as `put_chars`; with `badarg` where format
/// and arguments do not fit each other; with `system_limit` above `io_format_options::characters`.
[[nodiscard]] task<ergo::result<void>> format(process& self, destination device, std::string_view format,
                                              const term& arguments = {});
[[nodiscard]] task<ergo::result<void>> format(process& self, std::string_view format, const term& arguments = {});

/// Reads a line, with the `\n` at its end (the last line of a file may have none), as UTF-8; nothing at the end of the
/// input. An interactive device shows `prompt` first. Fails as `put_chars`.
[[nodiscard]] task<ergo::result<std::optional<std::string>>> get_line(process& self, destination device,
                                                                      std::string prompt);
[[nodiscard]] task<ergo::result<std::optional<std::string>>> get_line(process& self, std::string prompt);

/// Reads `count` characters, or as many as there are before the end of the input; otherwise as `get_line`.
[[nodiscard]] task<ergo::result<std::optional<std::string>>> get_chars(process& self, destination device,
                                                                       std::string prompt, std::size_t count);
[[nodiscard]] task<ergo::result<std::optional<std::string>>> get_chars(process& self, std::string prompt,
                                                                       std::size_t count);

}  // namespace ergo::inline v0::otp::io
