// Why there is no connection to a node: which step failed, what is wrong, and how to cure it.
#pragma once

#include <ergo/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0 {

/// The step at which a connection to a node failed, in the order in which they are taken.
enum class connect_step : std::uint8_t {
  resolve,   ///< the host has no address, or nobody knows where the node listens
  epmd,      ///< the port mapper of the host does not answer, or does not know the node
  tcp,       ///< nobody answers where the node should listen
  tls,       ///< there is no private channel: a certificate is not believed, or only one side uses TLS
  protocol,  ///< who answers does not speak the distribution protocol, or breaks it
  allow,     ///< the node does not let us in (its allow list, or capabilities that it needs), or we it
  name,      ///< the two names do not go together: another node answered, long and short names, the same name
  flags,     ///< the node lacks capabilities that we need; `connect_failure::missing`
  cookie,    ///< the two secrets differ
  time,      ///< nobody answered in time, at whatever step
  given_up,  ///< another attempt with the node went on in its place, or this node is stopping
};

/// Why there is no connection to a node. Texts are for people; a program acts on `step`.
struct connect_failure {
  connect_step step = connect_step::resolve;
  std::string what;                    ///< what is wrong, as one sentence without a full stop
  std::string cure;                    ///< what to do about it; may be empty
  std::vector<std::string> missing{};  ///< with `connect_step::flags`: which ones, as Erlang's documentation names them
  friend bool operator==(const connect_failure&, const connect_failure&) = default;
};

/// The step as an atom spells it: `resolve`, `given_up`.
[[nodiscard]] std::string_view to_string(connect_step step) noexcept;

/// What is behind the `nodedown` of `node::connect` and `async_connect`, whose context is
/// `{Step, What, Cure, Missing}`; nothing for other errors.
[[nodiscard]] std::optional<connect_failure> connect_failure_of(const error& failed);

}  // namespace ergo::inline v0
