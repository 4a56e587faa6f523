#include "server.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace ergo::inline v0::otp::global_detail {
namespace {

machine_options read(const global::options& chosen) {
  machine_options made;
  made.prevent_overlapping_partitions = chosen.prevent_overlapping_partitions;
  made.seed = chosen.seed;
  if (made.seed == 0) {
    std::random_device source;
    made.seed = (std::uint64_t{source()} << 32) | source();
  }
  return made;
}

// Its own process is nobody's holder, so whoever it is asked by does not matter.
task<> ask_for(process& self, pid server, destination to, term request, reference answered_as) {
  const auto given = co_await otp::call(self, to, request, forever);
  if (given) self.send(server, etf::tuple(answered_as, *given));
}

std::optional<caller> read_caller(const term& from) {
  if (!from.is_tuple(2)) return std::nullopt;
  const auto asker = from.elements()[0].as_pid();
  if (!asker) return std::nullopt;
  return caller{*asker, from.elements()[1]};
}

}  // namespace

name_server::name_server(process& self, global::options chosen, const std::shared_ptr<std::atomic<bool>>& begun)
    : options_{std::move(chosen)}, names_{self.node()}, brain_{self.id(), read(options_)} {
  const auto connected = self.monitor_nodes();
  const bool again = begun && begun->exchange(true, std::memory_order_relaxed);
  if (!again || !options_.disconnect) {
    for (const auto node : connected) brain_.node_up(node);
  } else {
    for (const auto node : connected) leaving_.insert(node);
    leave(self);
  }
  carry_out(self);
}

// ----- a start after another server
//
// The others take us for the server that was there before, or wait for an answer that it did not give. Nothing but the
// end of a connection tells them to begin anew. Each tells the others that it has lost us; whom such a report reaches
// when we are connected again parts with us once more, so that it is tried several times.

void name_server::leave(process& self) {
  for (const auto node : leaving_) options_.disconnect(node);
  if (!leaving_.empty()) self.send_after(options_.rejoin_window, self.id(), "rejoined"_atom);
}

// What is under way from a node that has yet to see the end of the connection was for our predecessor.
bool name_server::is_left(const message& received) const {
  if (leaving_.empty()) return false;
  const auto over = received.get()->name;
  return leaving_.contains(over == atom{} ? received.sender().node.name() : over);
}

void name_server::meet_again(process& self, atom node) {
  constexpr unsigned most_doublings = 5;
  const auto tried = std::min(returning_[node]++, most_doublings);
  self.send_after(options_.rejoin_pause * (1U << tried), self.id(), etf::tuple("meet"_atom, node));
}

void name_server::end_returning(process& self) {
  for (const auto& [node, tried] : std::exchange(returning_, {})) {
    if (!self.node().connected().contains(node) && brain_.who().potential(node)) brain_.unreachable(node);
  }
}

void name_server::dial(process& self, atom node) {
  if (self.node().connected().contains(node) || !dialled_.insert(node).second) return;
  self.monitor_node(node);
}

// ----- in

result name_server::handle_call(process& self, const message& asked, const from& asker) {
  if (is_left(asked)) return noreply();
  if (auto given = serve_follower(self, asked)) return reply(*std::move(given));
  brain_.call(asker, asked.payload());
  carry_out(self);
  return noreply();
}

void name_server::handle_cast(process& self, const message& received) {
  if (is_left(received)) return;
  brain_.cast(received.payload());
  carry_out(self);
}

void name_server::handle_info(process& self, const message& received) {
  using ergo::detail::signal_kind;
  if (const auto up = received.as<node_up>()) {
    came(self, up->node);
  } else if (const auto lost = received.as<node_down>()) {
    went(self, *lost);
  } else if (const auto gone = received.as<down>()) {
    ended(gone->ref);
  } else if (received.kind() == signal_kind::timer_message) {
    fired(self, received.payload());
  } else if (received.kind() == signal_kind::message && !is_left(received)) {
    plain(self, received.payload());
  }
  carry_out(self);
}

// A call by hand, as another name server makes it, is none to the runtime unless it has crossed a connection.
void name_server::plain(process& self, const term& content) {
  if (take_answer(self, content)) return;
  if (!etf::is_tagged(content, "$gen_call"_atom, 3)) return brain_.info(content);
  if (const auto asker = read_caller(content.elements()[1])) brain_.call(*asker, content.elements()[2]);
}

bool name_server::take_answer(process& self, const term& content) {
  if (!content.is_tuple(2)) return false;
  const auto ref = content.elements()[0].as_reference();
  const auto open = ref ? calls_.find(*ref) : calls_.end();
  if (open == calls_.end()) return false;
  const auto [token, monitor] = open->second;
  calls_.erase(open);
  monitors_.erase(monitor);
  self.demonitor({monitor});
  brain_.answered(token, &content.elements()[1]);
  return true;
}

void name_server::ended(const reference& monitor) {
  followers_.erase(monitor);
  const auto found = monitors_.find(monitor);
  if (found == monitors_.end()) return;
  const auto what = found->second;
  monitors_.erase(found);
  if (const auto* const watched = std::get_if<watch>(&what)) {
    watches_.erase(watched->number);
    brain_.down(watched->number);
  } else if (const auto* const asked = std::get_if<question>(&what)) {
    const auto token = calls_.at(asked->answered_as).token;
    calls_.erase(asked->answered_as);
    brain_.answered(token, nullptr);
  }
}

void name_server::came(process& self, atom node) {
  if (dialled_.erase(node) != 0) self.demonitor_node(node);
  brain_.node_up(node);
}

// What `connect_action` has asked for ends without news of a connection: the node cannot be reached.
void name_server::went(process& self, const node_down& news) {
  const auto node = news.node;
  if (news.connection != 0) {
    const bool left = leaving_.erase(node) != 0;
    if (!left) brain_.node_down(node);
    if (left || returning_.contains(node)) meet_again(self, node);
  } else if (dialled_.erase(node) != 0) {
    if (returning_.contains(node)) return meet_again(self, node);
    brain_.unreachable(node);
  }
}

// What the API asks for beyond what OTP's server answers; for processes of this node alone, which a call that has come
// over a connection may claim to be from.
std::optional<term> name_server::serve_follower(process& self, const message& asked) {
  const auto from = asked.sender();
  const auto& request = asked.payload();
  if (asked.get()->name != atom{} || from.node != self.node().identity()) return std::nullopt;
  if (request.is("follow_names"_atom)) {
    const auto made = self.monitor(from).ref;
    followers_.emplace(made, from);
    std::vector<term> all;
    for (const auto& [name, process] : names_->all()) all.push_back(etf::tuple(name, process));
    return etf::tuple(made, etf::make_list(all));
  }
  if (!etf::is_tagged(request, "unfollow_names"_atom, 2)) return std::nullopt;
  const auto ref = request.elements()[1].as_reference();
  const bool there = ref && followers_.erase(*ref) != 0;
  if (there) self.demonitor({*ref}, demonitor_mode::flush);
  return term{there};
}

// ----- out

void name_server::carry_out(process& self) {
  for (const auto& command : brain_.take()) std::visit([&](const auto& one) { on(self, one); }, command);
}

// A lock belongs to the process that asks for it, so that other name servers must be asked by this one itself.
void name_server::on(process& self, const call_action& wanted) {
  const destination to{wanted.name, wanted.node};
  if (wanted.name == server_name()) {
    const auto ref = self.monitor(to).ref;
    monitors_.emplace(ref, question{ref});
    calls_.emplace(ref, open_call{wanted.token, ref});
    self.send(to, etf::tuple("$gen_call"_atom, etf::tuple(self.id(), ref), wanted.request));
    return;
  }
  const auto answered_as = self.make_ref();
  const auto [child, watch] = self.spawn_monitor(ask_for, self.id(), to, wanted.request, answered_as);
  monitors_.emplace(watch.ref, question{answered_as});
  calls_.emplace(answered_as, open_call{wanted.token, watch.ref});
}

void name_server::on(process& self, const cast_action& wanted) {
  self.send_cast({server_name(), wanted.node}, wanted.content);
}

void name_server::on(process& self, const info_action& wanted) {
  if (self.node().connected().contains(wanted.node)) self.send({server_name(), wanted.node}, wanted.content);
}

void name_server::on(process& self, const send_action& wanted) { self.send(wanted.to, wanted.content); }

// Whoever called by hand gets its answer as a message, in this program too.
void name_server::on(process& self, const reply_action& wanted) {
  const auto ref = wanted.to.tag.as_reference();
  if (!ref || local_node::is_call(*ref)) return self.reply(wanted.to, wanted.answer);
  self.send(wanted.to.process, etf::tuple(wanted.to.tag, wanted.answer));
}

void name_server::on(process& self, const watch_action& wanted) {
  const auto made = self.monitor(wanted.process).ref;
  monitors_.emplace(made, watch{wanted.watch});
  watches_.emplace(wanted.watch, made);
}

// News of the end that has come already is nobody's by then: to look for it among a hundred thousand others, for each
// of them, would take minutes.
void name_server::on(process& self, const unwatch_action& wanted) {
  const auto found = watches_.find(wanted.watch);
  if (found == watches_.end()) return;
  const auto monitor = found->second;
  watches_.erase(found);
  monitors_.erase(monitor);
  self.demonitor({monitor});
}

void name_server::on(process& self, const kill_action& wanted) {
  if (options_.spares && options_.spares(wanted.process, wanted.peer)) return;
  self.exit(wanted.process, "kill"_atom);
}

void name_server::on(process& self, const connect_action& wanted) { dial(self, wanted.node); }

void name_server::on(process& /*self*/, const disconnect_action& wanted) {
  if (options_.disconnect) options_.disconnect(wanted.node);
}

void name_server::on(process& self, const timer_action& wanted) {
  timers_.emplace(wanted.token, self.send_after(wanted.delay, self.id(), term{wanted.token}));
}

void name_server::on(process& self, const untimer_action& wanted) {
  const auto found = timers_.find(wanted.token);
  if (found == timers_.end()) return;
  (void)self.cancel_timer(found->second);
  timers_.erase(found);
}

void name_server::fired(process& self, const term& token) {
  if (token.is("rejoined"_atom)) return end_returning(self);
  if (etf::is_tagged(token, "meet"_atom, 2)) return dial(self, token.elements()[1].as_atom().value_or(atom{}));
  const auto number = static_cast<std::uint64_t>(token.as_integer().value_or(0));
  timers_.erase(number);
  brain_.fired(number);
}

void name_server::on(process& self, const name_action& wanted) {
  const auto before = names_->change(wanted.name, wanted.process);
  if (!before && !wanted.process) return;
  const auto change = wanted.process ? "registered"_atom : "lost"_atom;
  const auto process = wanted.process ? *wanted.process : *before;
  for (const auto& [ref, follower] : followers_) self.send(follower, etf::tuple(ref, change, wanted.name, process));
}

void name_server::on(process& self, const warn_action& wanted) { self.log(log_level::warning, wanted.text); }

term name_server::state() const { return brain_.names().exchanged(); }

}  // namespace ergo::inline v0::otp::global_detail
