// Envelopes as Erlang terms and as the C++ types of the receive API; destinations.
#include "kernel.hpp"

#include <ergo/message.hpp>

namespace ergo::inline v0 {

using detail::signal_kind;

namespace {

// What the watcher named: the pid, or {Name, Node} where the monitor was by name.
term monitored_object(const detail::signal& envelope) {
  if (envelope.name == atom{}) return term{envelope.from};
  return etf::tuple(envelope.name, envelope.from.node.name());
}

bool is_hidden(const term& info) { return info.find(term{"node_type"_atom})->is("hidden"_atom); }

std::uint64_t connection_of(const term& info) {
  return static_cast<std::uint64_t>(info.find(term{"connection_id"_atom})->as_integer().value_or(0));
}

}  // namespace

namespace detail {

term message_term(const signal& received) {
  switch (received.kind) {
    case signal_kind::call: {
      const ergo::caller asker{received.from, received.tag};
      return etf::tuple("$gen_call"_atom, asker.to_term(), received.payload);
    }
    case signal_kind::cast: return etf::tuple("$gen_cast"_atom, received.payload);
    case signal_kind::exit_message: return etf::tuple("EXIT"_atom, received.from, received.payload);
    case signal_kind::down:
      return etf::tuple("DOWN"_atom, received.tag, "process"_atom, monitored_object(received), received.payload);
    case signal_kind::node_down: return etf::tuple("nodedown"_atom, received.payload);
    default: return received.payload;
  }
}

}  // namespace detail

term message::to_term() const { return detail::message_term(*signal_); }

std::optional<down> message::as_down() const {
  if (signal_->kind != signal_kind::down) return std::nullopt;
  const auto ref = signal_->tag.as_reference();  // one of this runtime's, or there was no such monitor
  return down{ref ? detail::whole_reference(ref->node, detail::value_of(*ref)) : reference{},
              monitored_object(*signal_), exit_reason{signal_->payload}};
}

std::optional<exit_message> message::as_exit() const {
  if (signal_->kind != signal_kind::exit_message) return std::nullopt;
  return exit_message{signal_->from, exit_reason{signal_->payload}};
}

std::optional<node_up> message::as_node_up() const {
  const auto news = signal_->payload.elements();
  if (signal_->kind != signal_kind::node_news || !news[0].is("nodeup"_atom)) return std::nullopt;
  return node_up{*news[1].as_atom(), is_hidden(news[2]), connection_of(news[2])};
}

std::optional<node_down> message::as_node_down() const {
  if (signal_->kind == signal_kind::node_down) return node_down{signal_->payload.as_atom().value_or(atom{})};
  const auto news = signal_->payload.elements();
  if (signal_->kind != signal_kind::node_news || !news[0].is("nodedown"_atom)) return std::nullopt;
  return node_down{*news[1].as_atom(), is_hidden(news[2]), connection_of(news[2]),
                   *news[2].find(term{"nodedown_reason"_atom})};
}

result<destination> destination::from(const term& value) {
  if (const auto process = value.as_pid()) return destination{*process};
  if (const auto name = value.as_atom()) return destination{*name};
  if (value.is_tuple(2)) {
    const auto name = value.elements()[0].as_atom();
    const auto node = value.elements()[1].as_atom();
    if (name && node) return destination{*name, *node};
  }
  return fail(errc::badarg, value);
}

term destination::to_term() const {
  if (!by_name_) return term{pid_};
  if (node_ == atom{}) return term{name_};
  return etf::tuple(name_, node_);
}

}  // namespace ergo::inline v0
