// What can go wrong between a port mapper and its clients: one code for each cause that a caller may treat
// differently, used by the protocol, the directory, the server and the client alike.
#pragma once

#include <cstdint>
#include <string_view>
#include <system_error>

namespace ergo::inline v0::epmd {

/// Why a request was not answered, a name not registered, or an answer not obtained.
enum class errc : std::uint8_t {
  ok = 0,

  // A request that is no request: the server closes without an answer.
  bad_length,       ///< the announced length is 0 or above `max_request_body`
  trailing_bytes,   ///< more bytes came than were announced
  unknown_request,  ///< the operation code is not of this protocol
  truncated,        ///< the fields of a request or answer do not fit into its bytes
  empty_name,       ///< a request that needs a name has none
  nul_in_name,      ///< a name with a NUL byte

  // A registration that is refused (answered with result 1, which OTP reports as `duplicate_name`).
  bad_encoding,    ///< a name that is not UTF-8
  name_too_long,   ///< more than 255 characters or 1,020 bytes
  extra_too_long,  ///< more than 1,020 bytes of extra data
  name_taken,      ///< the name is registered and its connection lives: wait, or take another name

  // A request that this server does not grant; it closes without an answer.
  not_local,       ///< registration, dump, kill and stop are for peers on the same host
  not_allowed,     ///< stop without the relaxed command check
  too_many_names,  ///< the server keeps its last places for queries

  // Ends of a connection.
  closed_early,     ///< the peer closed before the exchange was complete
  not_silent,       ///< a registered or refused client sent something
  timed_out,        ///< the deadline of the whole exchange has passed
  displaced,        ///< the oldest idle client made room for a new one
  no_memory,        ///< the server has no memory for the request, or for its answer; its name is free again
  stopped,          ///< the server was stopped, or the operation's object is gone
  connection_lost,  ///< a registration's connection ended: the name is free again, register it anew

  // What a client or a starting server meets.
  cannot_resolve,   ///< the host has no address
  cannot_connect,   ///< nobody answers at the port; `error::cause` says why
  cannot_listen,    ///< an address cannot be listened on; `error::cause` says why
  address_in_use,   ///< somebody, most likely another port mapper, already listens there
  bad_answer,       ///< the answer is not of this protocol: something else listens at the port
  not_found,        ///< the name is not registered there
  cancelled,        ///< the caller cancelled the operation
  bad_environment,  ///< an ERL_EPMD_… variable cannot be understood
};

/// The category of `errc` for use as `std::error_code`; one object for the program.
[[nodiscard]] const std::error_category& category() noexcept;

/// Makes a `std::error_code` of `code`.
[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), category()};
}

/// The code's meaning as one English clause, without a full stop.
[[nodiscard]] std::string_view describe(errc code) noexcept;

/// A failed operation: what it means for the caller and, where the system was involved, what the system said.
struct error {
  errc code = errc::ok;
  std::error_code cause;  ///< the system's or resolver's code; empty when the fault is one of this protocol

  friend bool operator==(const error&, const error&) = default;
};

}  // namespace ergo::inline v0::epmd

template <>
struct std::is_error_code_enum<ergo::epmd::errc> : std::true_type {};
