// From packets to signals of processes: each control message is checked, booked and handed to the process that it is
// for.
#pragma once

#include "functions.hpp"
#include "signal_writer.hpp"
#include "wire.hpp"

#include <ergo/dist/control_decode.hpp>
#include <ergo/dist/packet_reader.hpp>
#include <ergo/etf/codec.hpp>
#include <ergo/node_figures.hpp>

#include <expected>
#include <optional>
#include <string>

namespace ergo::inline v0::detail {

/// What a peer has done against the protocol: the reason that is counted, and the sentence with which the connection is
/// closed.
struct broken_rule {
  breach how = breach::control;
  std::string text;
  friend bool operator==(const broken_rule&, const broken_rule&) = default;
};

/// Reads the packets of one connection. Owned by the connection's slices.
class signal_reader {
 public:
  /// `limits` holds for control messages and payloads alike; answers go to `answers`.
  signal_reader(const wire& over, signal_writer& answers, std::shared_ptr<const function_table> functions,
                const etf::decode_limits& limits, const dist::packet_reader_options& packets = {});

  /// Acts on the message that one packet completes, if it does. `owner` keeps the packet's memory, or is null where its
  /// binaries are to be copied. A failure closes the connection; then nobody has received any part of the message.
  [[nodiscard]] std::expected<void, broken_rule> read(dist::bytes_view body, const std::shared_ptr<const void>* owner);

  /// Bytes that have come of messages of which fragments are missing.
  [[nodiscard]] std::size_t open_bytes() const noexcept { return packets_.open_bytes(); }

 private:
  using outcome = std::expected<void, broken_rule>;

  [[nodiscard]] outcome take(const dist::framed_message& message, std::size_t bytes);
  struct visitor;

  outcome on(const dist::control::send& signal);
  outcome on(const dist::control::reg_send& signal);
  outcome on(const dist::control::alias_send& signal);
  outcome on(const dist::control::link& signal);
  outcome on(const dist::control::unlink& signal);
  outcome on(const dist::control::unlink_ack& signal);
  outcome on(const dist::control::exit& signal);
  outcome on(const dist::control::exit2& signal);
  outcome on(const dist::control::monitor& signal);
  outcome on(const dist::control::demonitor& signal);
  outcome on(const dist::control::down& signal);
  outcome on(const dist::control::group_leader& signal);
  outcome on(const dist::control::spawn_request& signal);
  outcome on(const dist::control::spawn_reply& signal);

  /// The payload, or for the old forms the reason inside the control message.
  [[nodiscard]] std::expected<term, broken_rule> payload();
  [[nodiscard]] std::expected<term, broken_rule> next_part(dist::bytes_view& rest);
  [[nodiscard]] std::expected<signal*, broken_rule> unwrapped(const pid& from);
  [[nodiscard]] outcome deliver_message(const pid& from, const pid& to);
  void answer(const pid& from, const reference& call, term content) const;
  [[nodiscard]] bool take_answer(const pid& from, term& content) const;
  [[nodiscard]] bool ours(const pid& process) const noexcept { return process.node == identity_; }
  [[nodiscard]] bool shields(const pid& target) const {
    return functions_->shields(wire_.local, target, wire_.peer.name());
  }
  [[nodiscard]] bool may_say_all();
  [[nodiscard]] bool may_say(const pid& to, const term& content);
  void refuse(const pid& to, const term& content);
  [[nodiscard]] bool formerly_ours(const pid& process) const noexcept;
  [[nodiscard]] bool is_over(std::size_t held, std::size_t quota, std::string_view option) const;
  [[nodiscard]] std::variant<atom, pid> start(const dist::control::spawn_request& signal, const spawn_wish& wish,
                                              term arguments);
  void trace_in(const dist::received_control& seen, std::size_t bytes) const;

  const wire& wire_;
  signal_writer& answers_;
  std::shared_ptr<const function_table> functions_;
  dist::control_context context_;
  etf::decode_limits limits_;
  dist::packet_reader packets_;
  etf::node_id identity_;
  dist::received_control* current_ = nullptr;
  std::optional<right> held_;  // the peer's rights, which stay as they are while the connection is up
};

}  // namespace ergo::inline v0::detail
