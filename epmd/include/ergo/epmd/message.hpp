// The port mapper's protocol as bytes: every request and every answer, encoded and decoded, without sockets.
// Specification: Erlang's "Distribution Protocol", section EPMD; where it is silent, the C daemon decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ergo/epmd/error.hpp"

namespace ergo::inline v0::epmd {

/// The TCP port of a port mapper unless ERL_EPMD_PORT says otherwise.
inline constexpr std::uint16_t default_port = 4369;
/// The longest request body in bytes, without its two length bytes.
inline constexpr std::size_t max_request_body = 3057;
/// The longest name in characters …
inline constexpr std::size_t max_name_characters = 255;
/// … and in bytes, which is also the limit of a registration's extra data.
inline constexpr std::size_t max_name_bytes = 1020;

/// First byte of a request.
enum class opcode : std::uint8_t { dump = 'd', kill = 'k', names = 'n', stop = 's', alive2 = 'x', port_please2 = 'z' };

/// First byte of the answers that have one.
enum class answer_tag : std::uint8_t { alive2_x = 118, port2 = 119, alive2 = 121 };

/// The kind of a node in its registration. Nodes written in Erlang always say `normal`, hidden ones too; C nodes say
/// `hidden`. Nobody acts on it.
enum class node_type : std::uint8_t { hidden = 72, normal = 77 };

/// What a node tells the port mapper about itself, and the port mapper tells everybody who asks.
struct node_record {
  std::string name;                    ///< the part before the `@`, UTF-8
  std::uint16_t port = 0;              ///< where the node listens
  node_type type = node_type::normal;  ///< other values than the named ones are kept as they came
  std::uint8_t protocol = 0;           ///< 0 is TCP over IPv4, the only value in use
  std::uint16_t highest_version = 6;   ///< of the distribution protocol
  std::uint16_t lowest_version = 6;
  std::string extra;  ///< opaque, up to `max_name_bytes`

  friend bool operator==(const node_record&, const node_record&) = default;
};

/// Registers a node for as long as the connection stays open (ALIVE2_REQ, 120).
struct alive2_request {
  node_record node;
  friend bool operator==(const alive2_request&, const alive2_request&) = default;
};
/// Asks for one node (PORT_PLEASE2_REQ, 122).
struct port_please2_request {
  std::string name;
  friend bool operator==(const port_please2_request&, const port_please2_request&) = default;
};
/// Asks for all names (NAMES_REQ, 110).
struct names_request {
  friend bool operator==(const names_request&, const names_request&) = default;
};
/// Asks for all names, those of gone nodes included (DUMP_REQ, 100).
struct dump_request {
  friend bool operator==(const dump_request&, const dump_request&) = default;
};
/// Ends the port mapper (KILL_REQ, 107).
struct kill_request {
  friend bool operator==(const kill_request&, const kill_request&) = default;
};
/// Drops somebody else's registration (STOP_REQ, 115).
struct stop_request {
  std::string name;
  friend bool operator==(const stop_request&, const stop_request&) = default;
};

/// Any request.
using request =
    std::variant<alive2_request, port_please2_request, names_request, dump_request, kill_request, stop_request>;

/// The number of characters of a UTF-8 text; nothing when it is not UTF-8 (overlong forms, surrogates and values
/// above U+10FFFF are not).
[[nodiscard]] std::optional<std::size_t> count_characters(std::string_view text) noexcept;

/// Whether a name can be registered: UTF-8, 1 to 255 characters without NUL, at most 1,020 bytes.
/// Errors: empty_name, nul_in_name, bad_encoding, name_too_long.
[[nodiscard]] std::expected<void, errc> check_name(std::string_view name) noexcept;

/// The version two nodes use: the lower of their highest ones, if it lies in both ranges (`erl_epmd` decides so too).
[[nodiscard]] std::optional<std::uint16_t> agreed_version(const node_record& own, const node_record& peer) noexcept;

// ----- requests -----------------------------------------------------------------------------------------------------

/// The bytes of a request, length included.
/// Errors: those of `check_name`, and extra_too_long; the server would refuse or ignore the request.
[[nodiscard]] std::expected<std::string, errc> encode(const request& message);

/// Reads a request's body (without the length). As lenient as the C daemon: bytes behind the last field, and a NUL
/// behind the name of a look-up, are ignored. Whether a name may be registered is not checked here, because that
/// refusal has an answer.
/// Errors: unknown_request, truncated, empty_name, nul_in_name, bad_encoding and name_too_long (look-up only).
[[nodiscard]] std::expected<request, errc> parse_request(std::string_view body);

/// Collects one request from pieces of any size. Holds no memory until the first byte, then at most one request.
class request_reader {
 public:
  /// Takes the next bytes. True when the request is complete; the reader then takes no more.
  /// Errors: bad_length, trailing_bytes; the connection is then to be closed.
  [[nodiscard]] std::expected<bool, errc> feed(std::string_view bytes);

  /// The complete request without its length. Valid until the reader is changed.
  [[nodiscard]] std::string_view body() const noexcept;

  /// Bytes taken so far, length included.
  [[nodiscard]] std::size_t received() const noexcept { return bytes_.size(); }

 private:
  std::string bytes_;
};

// ----- answers ------------------------------------------------------------------------------------------------------

/// Answer to ALIVE2: result 0 and the creation, or any other result and a meaningless creation.
struct alive2_answer {
  std::uint8_t result = 0;
  std::uint32_t creation = 0;
  friend bool operator==(const alive2_answer&, const alive2_answer&) = default;
};

/// One line of a NAMES answer.
struct listed_name {
  std::string name;
  std::uint16_t port = 0;
  friend bool operator==(const listed_name&, const listed_name&) = default;
};

/// Answer to NAMES or DUMP.
struct listing {
  std::uint32_t epmd_port = 0;  ///< must be the port that was asked; `erl_epmd` reports `address` otherwise
  std::string text;             ///< as it came: lines, in a dump each followed by NUL
  friend bool operator==(const listing&, const listing&) = default;
};

/// What came of a KILL.
enum class kill_answer : std::uint8_t { killed, nodes_alive };
/// What came of a STOP.
enum class stop_answer : std::uint8_t { stopped, unknown_name };

/// ALIVE2_X (32 bits of creation) when the node's highest version is 6 or more, else ALIVE2 (16 bits).
[[nodiscard]] std::string encode_alive2_answer(const alive2_answer& answer, std::uint16_t highest_version);
/// PORT2 for a registered node.
[[nodiscard]] std::string encode_port2_answer(const node_record& node);
/// PORT2 for an unknown name.
[[nodiscard]] std::string encode_port2_not_found();
/// The four bytes before the lines of NAMES and DUMP.
[[nodiscard]] std::string encode_listing_head(std::uint32_t epmd_port);

/// Reads the answer to ALIVE2, after which the connection stays open: nothing when more bytes are needed.
/// Errors: bad_answer.
[[nodiscard]] std::expected<std::optional<alive2_answer>, errc> parse_alive2_answer(std::string_view bytes);
/// Reads the answer to PORT_PLEASE2, complete because the server has closed.
/// Errors: closed_early (no byte), truncated, bad_answer, not_found.
[[nodiscard]] std::expected<node_record, errc> parse_port2_answer(std::string_view bytes);
/// Reads the answer to NAMES or DUMP, complete because the server has closed. Errors: closed_early, truncated.
[[nodiscard]] std::expected<listing, errc> parse_listing(std::string_view bytes);
/// The lines of a NAMES answer; lines of another form (a name may hold a line feed) are skipped.
[[nodiscard]] std::vector<listed_name> names_in(const listing& answer);
/// Reads the answer to KILL. Errors: closed_early (the server does not obey us), bad_answer.
[[nodiscard]] std::expected<kill_answer, errc> parse_kill_answer(std::string_view bytes);
/// Reads the answer to STOP; an unknown name is answered NOEXIST and STOPPED at once. Errors: closed_early, bad_answer.
[[nodiscard]] std::expected<stop_answer, errc> parse_stop_answer(std::string_view bytes);

}  // namespace ergo::inline v0::epmd
