#include "machine.hpp"

#include <algorithm>

namespace ergo::inline v0::otp::global_detail {
namespace {

std::optional<caller> read_caller(const term& from) {
  if (!from.is_tuple(2)) return std::nullopt;
  const auto process = from.elements()[0].as_pid();
  if (!process) return std::nullopt;
  return caller{*process, from.elements()[1]};
}

// `{lock, {global, Requester}}` in the list that comes with new nodes.
term requester_in(const term& extra) {
  for (const auto& item : extra.items()) {
    if (!etf::is_tagged(item, "lock"_atom, 2)) continue;
    if (const auto id = lock_id::from(item.elements()[1])) return id->requester;
  }
  return {};
}

std::optional<atom> external_registrar(const term& external, const term& name, const term& process) {
  for (const auto& item : external.items()) {
    const auto parts = item.elements();
    if (parts.size() == 3 && parts[0] == name && parts[1] == process) return parts[2].as_atom();
  }
  return std::nullopt;
}

}  // namespace

machine::machine(const pid& self, const machine_options& options)
    : context_{self, options.seed},
      rounds_{context_, locks_,
              [this](const term& request) { return answer(request, context_.self()).value_or(term{}); }},
      locker_{context_,
              locks_,
              members_,
              rounds_,
              options.pace,
              [this](atom node, const term& tag, const lock_id& id) { sessions_.lock_is_set(node, tag, id); }},
      sessions_{context_,
                members_,
                names_,
                conflicts_,
                locker_,
                {[this](const std::vector<term>& operations, const term& external, const term& requester) {
                   apply(operations, external, requester);
                 },
                 [this](atom node) { end_syncs(node); }}},
      partitions_{context_, members_, options.report_memory, [this](atom node) { part(node); }},
      strangers_{context_, members_, options.patience, [this](atom node) { part(node); }},
      creation_{extended_creation()} {
  if (!options.prevent_overlapping_partitions) partitions_.disable();
}

// A creation alone comes again after a while; with a random part in front it does not.
std::uint64_t machine::extended_creation() {
  constexpr std::uint64_t below = std::uint64_t{1} << 60;
  constexpr std::uint64_t low = (std::uint64_t{1} << 32) - 1;
  return (context_.pick(below) & ~low) + context_.self().node.creation();
}

// ----- nodes

void machine::node_up(atom node) {
  members_.set_connected(node);
  if (meshed_) sessions_.node_up(node);
  context_.run_posted();
}

void machine::node_down(atom node) {
  members_.clear_connected(node);
  lose(node);
  strangers_.node_down(node);
}

void machine::unreachable(atom node) { lose(node); }

// A peer that is told will part with the node too, and drop names that it has sent us; one that is not told keeps them.
void machine::lose(atom node) {
  names_.node_down(node);
  locks_.node_down(node);
  if (partitions_.lost(node, creation_)) sessions_.member_lost(node);
  forget(node);
  end_syncs(node);
  context_.run_posted();
}

// While its connection lasts, its names would be given to whoever joins us now, and only to them.
void machine::part(atom node) {
  names_.node_down(node);
  forget(node);
}

void machine::forget(atom node) {
  sessions_.cancel(node);
  members_.remove(node);
}

void machine::down(std::uint64_t watch) {
  if (!locks_.down(watch)) names_.down(watch);
}

void machine::answered(std::uint64_t token, const term* answer) {
  context_.finish_call(token, answer);
  context_.run_posted();
}

void machine::fired(std::uint64_t token) {
  context_.fire(token);
  context_.run_posted();
}

// ----- calls

void machine::call(const caller& from, const term& request) {
  if (etf::is_tagged(request, "registrar"_atom, 2)) {
    registrar_call(from, request.elements()[1]);
  } else if (etf::is_tagged(request, "sync"_atom, 2)) {
    sync(from, request.elements()[1]);
  } else if (auto given = answer(request, from.process)) {
    context_.act(reply_action{from, *std::move(given)});
  }
  context_.run_posted();
}

std::optional<term> machine::answer(const term& request, const pid& from) {
  if (auto given = answer_lock(request, from)) return given;
  if (auto given = answer_names(request, from)) return given;
  return answer_state(request);
}

std::optional<term> machine::answer_lock(const term& request, const pid& from) {
  const bool set = etf::is_tagged(request, "set_lock"_atom, 2);
  if (!set && !etf::is_tagged(request, "del_lock"_atom, 2)) return std::nullopt;
  const auto id = lock_id::from(request.elements()[1]);
  if (!id) return std::nullopt;
  if (set) return term{locks_.set(*id, from)};
  locks_.del(*id, from);
  return term{true};
}

std::optional<term> machine::answer_names(const term& request, const pid& from) {
  const auto parts = request.elements();
  if (etf::is_tagged(request, "unregister"_atom, 2)) {
    if (is_member(from)) names_.erase(parts[1]);
    return term{"ok"_atom};
  }
  if (etf::is_tagged(request, "whereis_name"_atom, 2)) {
    const auto found = whereis(parts[1]);
    return found ? term{*found} : term{"undefined"_atom};
  }
  const bool external = etf::is_tagged(request, "register_ext"_atom, 5);
  if (!external && !etf::is_tagged(request, "register"_atom, 4)) return std::nullopt;
  const auto process = parts[2].as_pid();
  const auto registrar = external ? parts[4].as_atom() : std::nullopt;
  if (!process || (external && !registrar)) return std::nullopt;
  if (is_member(from)) insert(parts[1], *process, parts[3], registrar, locks_.names_held_by(from));
  return term{"yes"_atom};
}

// Whom we part with may still be in the middle of a change, which those who parted earlier have not made.
bool machine::is_member(const pid& process) const {
  const auto node = process.node.name();
  return node == context_.node() || members_.known(node);
}

std::optional<term> machine::answer_state(const term& request) {
  if (request.is("get_known"_atom)) return members_.known_term(0);
  if (request.is("get_synced"_atom)) return node_list(members_.synced_nodes());
  if (request.is("get_protocol_version"_atom)) return term{own_version};
  if (request.is("get_names_ext"_atom)) return names_.external();
  if (request.is("registered_names"_atom)) return etf::make_list(names_.names());
  if (request.is("info"_atom)) return state();
  if (request.is("disconnect"_atom)) return disconnect();
  return std::nullopt;
}

// The fields of OTP's state record that a node has an idea of; helpers are no processes here.
term machine::state() const {
  const term none;
  const auto configuration = etf::tuple("conf"_atom, meshed_, true);
  return etf::tuple("state"_atom, configuration, members_.known_map(), node_list(members_.synced_nodes()), none, none,
                    context_.node(), context_.self(), context_.self(), "no_trace"_atom, false);
}

term machine::disconnect() {
  const auto nodes = members_.connected_nodes();
  for (const auto node : nodes) {
    forget(node);
    members_.set_removing(node);
    context_.act(disconnect_action{node});
  }
  return node_list(nodes);
}

std::optional<pid> machine::whereis(const term& name) const {
  const auto* found = names_.find(name);
  return found == nullptr ? std::nullopt : std::optional{found->process};
}

// `{register | re_register, Name, Pid, Method}` or `{unregister, Name}`: what our own API asks for.
void machine::registrar_call(const caller& from, const term& request) {
  const auto parts = request.elements();
  if (etf::is_tagged(request, "unregister"_atom, 2)) {
    const auto done = [this, from](bool) { context_.act(reply_action{from, "ok"_atom}); };
    return names_.find(parts[1]) == nullptr ? done(true) : registrar_.submit({request, {}, done});
  }
  const bool fresh = etf::is_tagged(request, "register"_atom, 4);
  const bool wanted = fresh || etf::is_tagged(request, "re_register"_atom, 4);
  const auto process = wanted ? parts[2].as_pid() : std::nullopt;
  if (!process) return context_.act(reply_action{from, "badarg"_atom});
  std::function<bool()> allowed;
  if (fresh) {
    allowed = [this, name = parts[1], who = *process] { return names_.find(name) == nullptr && !names_.has(who); };
  }
  registrar_.submit({etf::tuple("register"_atom, parts[1], *process, parts[3]), std::move(allowed),
                     [this, from](bool made) { context_.act(reply_action{from, made ? "yes"_atom : "no"_atom}); }});
}

// ----- sync

void machine::sync(const caller& from, const term& nodes) {
  syncer made{from, {}};
  for (const auto& [node, version] : read_members(nodes)) {
    if (members_.connected(node) && !members_.synced(node)) made.open.insert(node);
  }
  if (made.open.empty()) return context_.act(reply_action{from, "ok"_atom});
  syncers_.push_back(std::move(made));
}

void machine::end_syncs(atom node) {
  std::erase_if(syncers_, [&](syncer& one) {
    if (one.open.erase(node) == 0 || !one.open.empty()) return false;
    context_.act(reply_action{one.from, "ok"_atom});
    return true;
  });
}

// ----- casts

void machine::cast(const term& content) {
  const auto parts = content.elements();
  if (parts.size() >= 3 && parts[0].as_atom()) session_cast(parts);
  context_.run_posted();
}

void machine::session_cast(std::span<const term> parts) {
  const term& tag = parts[0];
  const auto is = [&](atom name, std::size_t arity) { return tag.is(name) && parts.size() == arity; };
  if (is("lock_set"_atom, 4) || is("lock_set"_atom, 5)) {
    const auto from = parts[1].as_pid();
    const auto session = parts.size() == 5 ? std::optional{parts[4]} : std::nullopt;
    if (!from || (session && !sessions_.is_current(from->node.name(), *session))) return;
    return locker_.offered(*from, parts[2].is("true"_atom), session);
  }
  if (is("init_connect"_atom, 4)) {
    if (const auto node = parts[2].as_atom()) sessions_.init_connect(parts[1], *node, parts[3]);
    return;
  }
  const auto node = parts[1].as_atom();
  if (!node) return;
  if (is("exchange"_atom, 5)) sessions_.exchange(*node, parts[2], parts[4]);
  if (is("resolved"_atom, 7)) sessions_.resolved(*node, parts[2], parts[3], parts[5], parts[6]);
  if (is("in_sync"_atom, 3)) {
    sessions_.in_sync(*node);
    strangers_.greeted(*node);
  }
  if (is("new_nodes"_atom, 6)) new_nodes(parts);
}

// `in_sync` of a new node may have come before: then it is known, and not added again. Only a member may tell of
// others: see `strangers`.
void machine::new_nodes(std::span<const term> parts) {
  const auto by = parts[1].as_atom();
  if (!by || !members_.known(*by)) return;
  const auto added = members_.add(read_members(parts[4]));
  sessions_.greet(added);
  std::vector<term> operations{parts[2].items().begin(), parts[2].items().end()};
  apply(operations, parts[3], requester_in(parts[5]));
  for (const auto node : added) strangers_.announced(node, *by);
}

void machine::apply(const std::vector<term>& operations, const term& external, const term& requester) {
  const bool valid = locks_.names_held_for(requester);
  for (const auto& operation : operations) {
    if (!etf::is_tagged(operation, "insert"_atom, 2) || !operation.elements()[1].is_tuple(3)) continue;
    const auto parts = operation.elements()[1].elements();
    const auto process = parts[1].as_pid();
    if (process) insert(parts[0], *process, parts[2], external_registrar(external, parts[0], parts[1]), valid);
  }
  for (const auto& operation : operations) {
    if (etf::is_tagged(operation, "delete"_atom, 2)) names_.erase(operation.elements()[1]);
  }
}

// What lost its lock on the way takes the name from whoever had it, but does not get it: nobody knows who has it.
void machine::insert(const term& name, const pid& process, const term& method, std::optional<atom> registrar,
                     bool valid) {
  if (!valid) return names_.erase(name);
  names_.insert(name, process, method, registrar);
}

// ----- infos

void machine::info(const term& content) {
  if (etf::is_tagged(content, "lock_set"_atom, 4)) session_cast(content.elements());
  if (etf::is_tagged(content, "whereis"_atom, 3)) {
    if (const auto from = read_caller(content.elements()[2])) whereis_later(content.elements()[1], *from);
  }
  if (etf::is_tagged(content, "prepare_shutdown"_atom, 3)) {
    meshed_ = false;
    partitions_.disable();
    const auto from = content.elements()[1].as_pid();
    if (from) context_.act(send_action{*from, etf::tuple(content.elements()[2], "ok"_atom)});
  }
  partition_info(content);
  connect_info(content);
  context_.run_posted();
}

// While names are being changed nobody can say.
void machine::whereis_later(const term& name, const caller& from) {
  if (locks_.is_set(names_resource())) {
    context_.after(context_.back_off(5), [this, name, from] { whereis_later(name, from); });
    return;
  }
  const auto found = whereis(name);
  context_.act(reply_action{from, found ? term{*found} : term{"undefined"_atom}});
}

void machine::partition_info(const term& content) {
  const auto parts = content.elements();
  if (etf::is_tagged(content, "lost_connection"_atom, 5)) {
    const auto reporter = parts[1].as_atom();
    const auto lost = parts[4].as_atom();
    if (!reporter || !lost) return;
    sessions_.member_lost(*lost);
    const auto unknown = partitions_.reported(*reporter, parts[2], parts[3], *lost, content);
    if (unknown) strangers_.reported(*unknown);
  } else if (etf::is_tagged(content, "remove_connection"_atom, 2)) {
    if (const auto node = parts[1].as_atom()) partitions_.asked_to_leave(*node);
  }
}

void machine::connect_info(const term& content) {
  const auto parts = content.elements();
  const bool acknowledged = etf::is_tagged(content, "init_connect_ack"_atom, 4);
  const bool cancelled = etf::is_tagged(content, "cancel_connect"_atom, 3);
  if (!acknowledged && !cancelled) return;
  const auto node = parts[1].as_atom();
  if (!node) return;
  if (acknowledged) sessions_.init_connect_ack(*node, parts[2], parts[3]);
  if (cancelled) sessions_.cancel_connect(*node, parts[2]);
}

}  // namespace ergo::inline v0::otp::global_detail
