// One function per control message (protocol §4.1), with the checks of §4.2.
#include "signal_reader.hpp"

#include "unwrap.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/runtime.hpp>

#include <utility>

namespace ergo::inline v0::detail {
namespace {

namespace control = dist::control;

std::unexpected<broken_rule> bad(broken_rule failed) { return std::unexpected{std::move(failed)}; }
std::unexpected<broken_rule> bad(std::string text) { return bad({breach::control, std::move(text)}); }

// Why a term was refused, where that is not the fault of its bytes: the limits that it has met, by the names of their
// options.
struct met_limit {
  breach how;
  std::string_view text;
};
std::optional<met_limit> limit_of(etf::errc code) noexcept {
  switch (code) {
    case etf::errc::too_big:
      return met_limit{breach::message,
                       "message_too_large: more than node_limits::message, or an integer beyond node_limits::integer"};
    case etf::errc::too_deep: return met_limit{breach::message, "message_too_large: deeper than node_limits::depth"};
    case etf::errc::atom_budget_spent:
      return met_limit{breach::atoms, "the peer has made more atoms than node_limits::atoms_per_peer"};
    case etf::errc::atom_table_full: return met_limit{breach::atoms, "the table of atoms is full"};
    case etf::errc::node_table_full: return met_limit{breach::atoms, "the table of nodes is full"};
    default: return std::nullopt;
  }
}

broken_rule rule_of(const dist::packet_error& failed) {
  if (const auto limit = limit_of(failed.etf.code)) return {limit->how, std::string{limit->text}};
  if (failed.code == dist::packet_errc::too_many_bytes)
    return {breach::message, "message_too_large: " + dist::to_string(failed) + " (node_limits::open_bytes)"};
  return {breach::packet, dist::to_string(failed)};
}

broken_rule rule_of(const dist::control_error& failed) {
  if (const auto limit = limit_of(failed.etf.code)) return {limit->how, std::string{limit->text}};
  return {breach::control, dist::to_string(failed)};
}

broken_rule rule_of(const etf::error& failed) {
  if (const auto limit = limit_of(failed.code)) return {limit->how, std::string{limit->text}};
  return {breach::payload, "a payload that is no term: " + std::string{etf::describe(failed.code)} + " at byte " +
                               std::to_string(failed.offset)};
}

// {'$gen_call', {Pid, Tag}, Request}
bool is_call(const term& content) {
  if (!etf::is_tagged(content, "$gen_call"_atom, 3)) return false;
  const auto& from = content.elements()[1];
  return from.is_tuple(2) && from.elements()[0].as_pid().has_value();
}

std::uint8_t over_alias(control::urgency how) noexcept {
  return signal::over_alias | (how == control::urgency::priority ? signal::urgent : 0);
}

signal* message_signal(const pid& from, term content) {
  if (is_call(content)) {
    const auto parts = content.elements();
    const auto caller = parts[1].elements();
    return make_signal(signal_kind::call, *caller[0].as_pid(), caller[1], parts[2]);
  }
  if (etf::is_tagged(content, "$gen_cast"_atom, 2)) return make_signal(signal_kind::cast, from, content.elements()[1]);
  return make_signal(signal_kind::message, from, std::move(content));
}

struct endpoints {
  std::string from;
  std::string to;

  void operator()(const control::send& s) {
    from = s.from ? traced(*s.from) : "";
    to = traced(s.to);
  }
  void operator()(const control::reg_send& s) {
    from = traced(s.from);
    to = etf::to_text(s.name);
  }
  void operator()(const control::alias_send& s) {
    from = traced(s.from);
    to = traced(term{s.alias});
  }
  void operator()(const control::exit2& s) {
    from = traced(s.from);
    if (const auto* const process = std::get_if<pid>(&s.to)) to = traced(*process);
    if (const auto* const alias = std::get_if<reference>(&s.to)) to = traced(term{*alias});
  }
  void operator()(const control::monitor& s) {
    from = traced(s.from);
    to = traced(s.target);
  }
  void operator()(const control::demonitor& s) {
    from = traced(s.from);
    to = traced(s.target);
  }
  void operator()(const control::down& s) {
    from = traced(s.target);
    to = traced(s.to);
  }
  void operator()(const control::group_leader& s) {
    from = traced(s.leader);
    to = traced(s.to);
  }
  void operator()(const control::spawn_request& s) {
    from = traced(s.from);
    to = etf::to_text(s.module) + ":" + etf::to_text(s.function) + "/" + std::to_string(s.arity);
  }
  void operator()(const control::spawn_reply& s) {
    from = traced(s.result);
    to = traced(s.to);
  }
  template <typename Pair>
  void operator()(const Pair& s) {
    from = traced(s.from);
    to = traced(s.to);
  }
};

}  // namespace

signal_reader::signal_reader(const wire& over, signal_writer& answers, std::shared_ptr<const function_table> functions,
                             const etf::decode_limits& limits, const dist::packet_reader_options& packets)
    : wire_{over},
      answers_{answers},
      functions_{std::move(functions)},
      context_{over.peer.name(), over.negotiated, limits},
      limits_{limits},
      packets_{over.negotiated, packets},
      identity_{over.local.identity()} {}

signal_reader::outcome signal_reader::read(dist::bytes_view body, const std::shared_ptr<const void>* owner) {
  const auto message = packets_.read(body, owner, context_.limits);
  if (!message) return bad(rule_of(message.error()));
  if (!*message) return {};
  return take(**message, (*message)->memory ? (*message)->terms.size() : body.size());
}

signal_reader::outcome signal_reader::take(const dist::framed_message& message, std::size_t bytes) {
  auto decoded = dist::decode_control(message, context_);
  if (!decoded) return bad(rule_of(decoded.error()));
  if (wire_.trace.on(trace_category::dist)) trace_in(*decoded, bytes);
  limits_.aliased = message.owner();
  limits_.cache = {message.atoms.data(), message.atoms.size()};  // word by word, as it has just been written
  current_ = &*decoded;
  return std::visit([this](const auto& signal) { return on(signal); }, decoded->message);
}

std::expected<term, broken_rule> signal_reader::payload() {
  if (current_->reason) return *std::move(current_->reason);
  auto rest = current_->payload;
  return next_part(rest);
}

// The term at the front of `rest`, which is a part of the payload.
std::expected<term, broken_rule> signal_reader::next_part(dist::bytes_view& rest) {
  auto decoded = etf::decode_bare(rest, limits_);
  if (!decoded) {
    auto failed = decoded.error();
    failed.offset += current_->payload.size() - rest.size();
    return bad(rule_of(failed));
  }
  rest = rest.subspan(decoded->consumed);
  return std::move(decoded->value);
}

// ----- messages -----------------------------------------------------------------------------------------------------

// {Tag, Answer} to a call of ours, whether it is still open or not: the process drops what it does not wait for.
bool signal_reader::take_answer(const pid& from, term& content) const {
  if (!content.is_tuple(2)) return false;
  const auto ref = etf::reference_in_tag(content.elements()[0]);
  if (!ref || ref->node != identity_ || !local_node::is_call(*ref)) return false;
  answer(from, *ref, content.elements()[1]);
  return true;
}

void signal_reader::answer(const pid& from, const reference& call, term content) const {
  if (const auto owner = wire_.local.owner_of(call))
    wire_.local.route_local(*owner, make_signal(signal_kind::reply, from, term{call}, std::move(content)));
}

// The payload as what it is to a process, without the tuples around calls and casts; null where it is another message.
std::expected<signal*, broken_rule> signal_reader::unwrapped(const pid& from) {
  auto rest = current_->payload;
  if (unwrap_cast(rest, limits_)) {
    auto content = next_part(rest);
    if (!content) return bad(std::move(content.error()));
    return make_signal(signal_kind::cast, from, *std::move(content));
  }
  pid caller;
  if (!unwrap_call(rest, caller, limits_)) return nullptr;
  auto tag = next_part(rest);
  if (!tag) return bad(std::move(tag.error()));
  auto request = next_part(rest);
  if (!request) return bad(std::move(request.error()));
  return make_signal(signal_kind::call, caller, *std::move(tag), *std::move(request));
}

bool signal_reader::may_say_all() {
  if (!held_) held_ = functions_->policy().of(wire_.peer.name());
  return contains(*held_, right::manage);
}

// A guarded process receives what it is meant to from whoever may not manage the node.
bool signal_reader::may_say(const pid& to, const term& content) {
  return may_say_all() || functions_->guarded().admits(wire_.local, to, {wire_.peer.name(), *held_}, content);
}

// Written here, so that it counts among the answers that a peer may leave unread; to processes of the peer only.
void signal_reader::refuse(const pid& to, const term& content) {
  const auto asker = asker_of(content);
  if (!asker || asker->process.node != wire_.peer || !etf::reference_in_tag(asker->tag)) return;
  const auto refusal = etf::tuple("error"_atom, "permission_denied"_atom);
  auto* const answer = make_signal(signal_kind::reply, to, asker->tag, refusal);
  answers_.write({answer, destination{asker->process}}, etf::encoded_size(refusal));
}

signal_reader::outcome signal_reader::deliver_message(const pid& from, const pid& to) {
  auto quick = may_say_all() ? unwrapped(from) : nullptr;
  if (!quick) return bad(std::move(quick.error()));
  auto* envelope = *quick;
  if (envelope == nullptr) {
    auto content = payload();
    if (!content) return bad(std::move(content.error()));
    if (take_answer(from, *content)) return {};
    if (!may_say(to, *content)) return refuse(to, *content), outcome{};
    envelope = message_signal(from, *std::move(content));
  }
  envelope->name = wire_.peer.name();  // what a message says of its sender is the sender's word
  wire_.local.route_local(to, envelope);
  return {};
}

signal_reader::outcome signal_reader::on(const control::send& signal) {
  if (!ours(signal.to)) return {};  // an earlier incarnation of ours, or nobody: dropped, as OTP does
  return deliver_message(signal.from.value_or(pid{}), signal.to);
}

signal_reader::outcome signal_reader::on(const control::reg_send& signal) {
  const auto found = wire_.local.whereis(signal.name);
  if (!found) return {};
  return deliver_message(signal.from, *found);
}

// Aliases of ours are the references of calls, over which only their answers come, and those that processes have made.
signal_reader::outcome signal_reader::on(const control::alias_send& signal) {
  if (signal.alias.node != identity_) return {};
  auto rest = current_->payload;
  if (reference tag; local_node::is_call(signal.alias) && unwrap_answer(rest, tag, limits_) && tag == signal.alias) {
    auto content = next_part(rest);
    if (!content) return bad(std::move(content.error()));
    answer(signal.from, tag, *std::move(content));
    return {};
  }
  auto content = payload();
  if (!content) return bad(std::move(content.error()));
  if (!local_node::is_call(signal.alias)) {
    const auto owner = wire_.local.owner_of(signal.alias);
    if (owner && !may_say(*owner, *content)) return {};
    auto* const envelope = make_signal(signal_kind::message, signal.from, term{signal.alias}, *std::move(content));
    envelope->flags |= over_alias(signal.how);
    envelope->name = wire_.peer.name();
    wire_.local.route_over(signal.alias, envelope);
    return {};
  }
  if (!content->is_tuple(2) || etf::reference_in_tag(content->elements()[0]) != signal.alias) return {};
  (void)take_answer(signal.from, *content);
  return {};
}

// ----- quotas -------------------------------------------------------------------------------------------------------

bool signal_reader::is_over(std::size_t held, std::size_t quota, std::string_view option) const {
  if (held < quota) return false;
  if (wire_.quota.watch != nullptr) wire_.quota.watch->refused(wire_.peer.name(), option);
  return true;
}

// What the peer asked for is counted until the process and what it was to do are gone, also beyond the connection.
std::variant<atom, pid> signal_reader::start(const control::spawn_request& signal, const spawn_wish& wish,
                                             term arguments) {
  const auto& living = wire_.quota.spawned;
  remote_job job{functions_, functions_->policy().of(wire_.peer.name()), signal.module, signal.function,
                 std::move(arguments)};
  if (living != nullptr) {
    if (is_over(living->load(std::memory_order_relaxed), wire_.quota.processes, "node_limits::processes_per_peer"))
      return "system_limit"_atom;
    living->fetch_add(1, std::memory_order_relaxed);
    const auto less = [living](const void*) { living->fetch_sub(1, std::memory_order_relaxed); };
    job.counted = std::shared_ptr<const void>{static_cast<const void*>(living.get()), less};
  }
  return start_runner(wire_.local, wish, signal.leader, std::move(job));
}

// ----- links --------------------------------------------------------------------------------------------------------

bool signal_reader::formerly_ours(const pid& process) const noexcept {
  return process.node != identity_ && process.node.name() == identity_.name();
}

signal_reader::outcome signal_reader::on(const control::link& signal) {
  if (!ours(signal.to)) {
    answers_.link_exit(signal.to, signal.from, term{"noproc"_atom});
    return {};
  }
  if (is_over(wire_.table.links(), wire_.quota.links, "node_limits::links_per_peer")) {
    answers_.link_exit(signal.to, signal.from, term{"system_limit"_atom});
    return {};
  }
  wire_.table.linked(signal.to, signal.from);
  wire_.local.route_local(signal.to, make_signal(signal_kind::link, signal.from, term{}));
  return {};
}

signal_reader::outcome signal_reader::on(const control::unlink& signal) {
  if (formerly_ours(signal.to)) return bad("an unlink for a process of an earlier incarnation of this node");
  if (!ours(signal.to)) return {};
  wire_.table.unlinked_by_peer(signal.to, signal.from);
  wire_.local.route_local(signal.to, make_signal(signal_kind::unlink, signal.from, term{signal.id}));
  return {};
}

signal_reader::outcome signal_reader::on(const control::unlink_ack& signal) {
  if (!ours(signal.to)) return {};
  wire_.table.acknowledged(signal.to, signal.from, signal.id);
  wire_.local.route_local(signal.to, make_signal(signal_kind::unlink_ack, signal.from, term{signal.id}));
  return {};
}

signal_reader::outcome signal_reader::on(const control::exit& signal) {
  if (formerly_ours(signal.to)) return bad("a link exit for a process of an earlier incarnation of this node");
  auto reason = payload();
  if (!reason) return bad(std::move(reason.error()));
  if (!ours(signal.to)) return {};
  wire_.table.broken(signal.to, signal.from);
  auto* const news = make_signal(signal_kind::link_exit, signal.from, *std::move(reason));
  if (shields(signal.to)) soften(*news);
  wire_.local.route_local(signal.to, news);
  return {};
}

signal_reader::outcome signal_reader::on(const control::exit2& signal) {
  auto reason = payload();
  if (!reason) return bad(std::move(reason.error()));
  if (const auto* const alias = std::get_if<reference>(&signal.to)) {
    if (alias->node != identity_ || local_node::is_call(*alias)) return {};
    if (const auto owner = wire_.local.owner_of(*alias); owner && shields(*owner)) return {};
    auto* const envelope = make_signal(signal_kind::exit, signal.from, term{*alias}, *std::move(reason));
    envelope->flags |= over_alias(signal.how);
    wire_.local.route_over(*alias, envelope);
    return {};
  }
  auto target = std::optional<pid>{};
  if (const auto* const process = std::get_if<pid>(&signal.to)) target = *process;
  if (const auto* const name = std::get_if<atom>(&signal.to)) target = wire_.local.whereis(*name);
  if (target && ours(*target) && !shields(*target))
    wire_.local.route_local(*target, make_signal(signal_kind::exit, signal.from, *std::move(reason)));
  return {};
}

// ----- monitors -----------------------------------------------------------------------------------------------------

signal_reader::outcome signal_reader::on(const control::monitor& signal) {
  const auto* const name = std::get_if<atom>(&signal.target);
  const auto found = name != nullptr ? wire_.local.whereis(*name) : std::optional{std::get<pid>(signal.target)};
  if (!found || !ours(*found)) {
    answers_.down(signal.target, signal.from, signal.ref, term{"noproc"_atom});
    return {};
  }
  if (is_over(wire_.table.peer_monitors(), wire_.quota.monitors, "node_limits::monitors_per_peer")) {
    answers_.down(signal.target, signal.from, signal.ref, term{"system_limit"_atom});
    return {};
  }
  const auto by = name != nullptr ? *name : atom{};
  wire_.table.watched(signal.ref, {signal.from, *found, by});
  auto* const asked = make_signal(signal_kind::monitor, signal.from, term{signal.ref}, term{});
  asked->name = by;
  wire_.local.route_local(*found, asked);
  return {};
}

signal_reader::outcome signal_reader::on(const control::demonitor& signal) {
  const auto made = wire_.table.unwatched(signal.ref);
  if (made)
    wire_.local.route_local(made->target, make_signal(signal_kind::demonitor, signal.from, term{signal.ref}, term{}));
  return {};
}

signal_reader::outcome signal_reader::on(const control::down& signal) {
  auto reason = payload();
  if (!reason) return bad(std::move(reason.error()));
  const auto made = wire_.table.watched_no_more(signal.ref);
  if (!made) return {};  // taken back meanwhile
  const auto from = made->target.by_name() ? pid{wire_.peer, 0, 0} : made->target.process();
  auto* const news = make_signal(signal_kind::down, from, term{signal.ref}, *std::move(reason));
  if (made->target.by_name()) news->name = made->target.name();
  wire_.local.route_local(made->watcher, news);
  return {};
}

// ----- the rest -----------------------------------------------------------------------------------------------------

signal_reader::outcome signal_reader::on(const control::group_leader& signal) {
  if (ours(signal.to) && !shields(signal.to))
    wire_.local.route_local(signal.to, make_signal(signal_kind::group_leader, pid{}, term{signal.leader}));
  return {};
}

// The answer is the first thing that is heard of the new process: it starts when it is told to, after it was linked and
// monitored.
signal_reader::outcome signal_reader::on(const control::spawn_request& signal) {
  auto arguments = payload();
  if (!arguments) return bad(std::move(arguments.error()));
  const auto items = arguments->items();
  if (!arguments->is_list() || !arguments->list_tail().is_nil() || items.size() != signal.arity) {
    return bad("a spawn request whose arguments are no list of its arity");
  }
  const auto wish = read_spawn_options(signal.options);
  const auto started = start(signal, wish, *std::move(arguments));
  const auto* const made = std::get_if<pid>(&started);
  control::spawn_reply reply{signal.id, signal.from, wish.link && made != nullptr, wish.monitor && made != nullptr, {}};
  if (made != nullptr) {
    reply.result = *made;
  } else {
    reply.result = std::get<atom>(started);
  }
  answers_.spawn_reply(reply);
  if (made == nullptr) return {};
  if (wish.link) (void)on(control::link{signal.from, *made});
  if (wish.monitor) (void)on(control::monitor{signal.from, *made, signal.id});
  wire_.local.route_local(*made, make_signal(signal_kind::message, signal.from, term{"go"_atom}));
  return {};
}

// The link and monitor of a new process are booked here, those of the requester when it takes the reply.
signal_reader::outcome signal_reader::on(const control::spawn_reply& signal) {
  const auto requester = wire_.table.spawned(signal.id);
  if (!requester) return {};
  const auto* const made = std::get_if<pid>(&signal.result);
  auto* const news = make_signal(signal_kind::spawn_reply, pid{}, term{signal.id}, term{});
  if (made == nullptr) {
    news->payload = term{std::get<atom>(signal.result)};
  } else {
    news->from = *made;
    news->payload = term{*made};
    if (signal.linked) {
      wire_.table.linked(*requester, *made);
      news->flags |= detail::signal::linked;
    }
    if (signal.monitored) {
      wire_.table.watching(signal.id, {*requester, destination{*made}});
      news->flags |= detail::signal::watched;
    }
  }
  wire_.local.route_local(*requester, news);
  return {};
}

void signal_reader::trace_in(const dist::received_control& seen, std::size_t bytes) const {
  endpoints ends;
  std::visit(ends, seen.message);
  wire_.trace.message(
      {direction::in, wire_.peer.name(), dist::to_string(seen.op), std::move(ends.from), std::move(ends.to), bytes});
}

}  // namespace ergo::inline v0::detail
