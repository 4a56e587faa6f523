// Looking at processes, sending to them, ending them.
#include "builtins_processes.hpp"

#include "shelf.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace ergo::inline v0::detail {
namespace {

/// What stands in the facts under another name, or in none of them.
term fact(const term& facts, atom item) {
  for (const auto& one : facts.items()) {
    if (one.elements()[0].is(item)) return one.elements()[1];
  }
  return {};
}

// The function that a process has begun with, which is the only one that we know by an Erlang name.
term known_function(const term& facts) {
  auto call = fact(facts, "initial_call"_atom);
  return call.is_tuple(3) ? call : term{"undefined"_atom};
}

term known_place(const term& facts) {
  auto call = known_function(facts);
  if (!call.is_tuple(3)) return call;
  return etf::tuple(call.elements()[0], call.elements()[1], call.elements()[2], term{});
}

term known_stack(const term& facts) {
  const auto place = known_place(facts);
  return place.is_tuple(4) ? etf::list(place) : term{};
}

// Its slot and the envelopes of what it has not read; frames and objects of C++ are not counted.
term known_memory(const term& facts) {
  const auto unread = fact(facts, "message_queue_len"_atom).as_integer().value_or(0);
  return term{static_cast<std::int64_t>(sizeof(process)) + unread * static_cast<std::int64_t>(sizeof(signal))};
}

term known_parent(const term& facts) {
  const auto dictionary = fact(facts, "dictionary"_atom);
  for (const auto& kept : dictionary.items()) {
    if (!kept.elements()[0].is("$ancestors"_atom) || kept.elements()[1].items().empty()) continue;
    const auto& nearest = kept.elements()[1].items()[0];
    if (nearest.as_pid()) return nearest;
  }
  return term{"undefined"_atom};
}

term known_key(const term& facts, const term& key) {
  const auto dictionary = fact(facts, "dictionary"_atom);
  for (const auto& kept : dictionary.items()) {
    if (kept.elements()[0] == key) return kept.elements()[1];
  }
  return term{"undefined"_atom};
}

using derivation = term (*)(const term& facts);

struct derived_item {
  std::string_view name;
  derivation value;
};

term none(const term& /*facts*/) { return {}; }
term zero(const term& /*facts*/) { return term{0}; }
term no(const term& /*facts*/) { return term{"false"_atom}; }
term undefined(const term& /*facts*/) { return term{"undefined"_atom}; }

// Items whose value is not among the facts. There is no heap, no stack and no collector, and nobody counts reductions.
constexpr auto derived = std::to_array<derived_item>({
    {"async_dist", no},
    {"binary", none},
    {"catchlevel", zero},
    {"current_function", known_function},
    {"current_location", known_place},
    {"current_stacktrace", known_stack},
    {"error_handler", [](const term&) { return term{"error_handler"_atom}; }},
    {"garbage_collection", none},
    {"garbage_collection_info", none},
    {"heap_size", zero},
    {"label", undefined},
    {"last_calls", no},
    {"memory", known_memory},
    {"message_queue_data", [](const term&) { return term{"off_heap"_atom}; }},
    {"min_bin_vheap_size", zero},
    {"min_heap_size", zero},
    {"parent", known_parent},
    {"priority", [](const term&) { return term{"normal"_atom}; }},
    {"priority_messages", no},
    {"reductions", zero},
    {"sequential_trace_token", none},
    {"stack_size", zero},
    {"suspending", none},
    {"total_heap_size", zero},
    {"trace", zero},
});

// Items that a process without them is asked for all the same.
constexpr auto told = std::to_array<std::string_view>({"registered_name", "initial_call", "status", "message_queue_len",
                                                       "links", "monitors", "monitored_by", "trap_exit", "group_leader",
                                                       "dictionary", "dropped", "rejected", "state"});

result<term> pick(const term& facts, const term& items) {
  if (!items.is_list()) return process_fact(facts, items);
  std::vector<term> found;
  for (const auto& item : items.items()) {
    auto one = process_fact(facts, item);
    if (!one) return one;
    found.push_back(*std::move(one));
  }
  return etf::make_list(found);
}

// As `process_info/1`, which leaves some items out that must be asked for.
term with_usual(const term& facts) {
  static const auto usual = std::to_array<atom>(
      {"current_function"_atom, "error_handler"_atom, "priority"_atom, "total_heap_size"_atom, "heap_size"_atom,
       "stack_size"_atom, "reductions"_atom, "garbage_collection"_atom, "suspending"_atom, "memory"_atom});
  std::vector<term> all{facts.items().begin(), facts.items().end()};
  for (const auto item : usual) all.push_back(process_fact(facts, term{item}).value());
  return etf::make_list(all);
}

// A process of another node, or one that does not answer, is like one that is dead.
task<result<term>> inspect(process& self, pid target) {
  if (target.node != self.id().node || target == self.id()) co_return fail(errc::badarg);
  auto facts = co_await process_info(self, target);
  if (!facts) co_return term{"undefined"_atom};
  co_return facts;
}

task<result<term>> inspect_all(process& self, pid target) {
  auto looking = inspect(self, target);
  auto facts = co_await std::move(looking);
  if (!facts || facts->is("undefined"_atom)) co_return facts;
  co_return with_usual(*facts);
}

// As large as the mailbox, so it is told only to who asks for it alone.
task<result<term>> inspect_messages(process& self, pid target) {
  if (target.node != self.id().node || target == self.id()) co_return fail(errc::badarg);
  const auto unread = co_await process_messages(self, target);
  if (!unread) co_return term{"undefined"_atom};
  co_return etf::tuple("messages"_atom, *unread);
}

task<result<term>> inspect_items(process& self, pid target, term items) {
  if (items.is("messages"_atom)) {
    auto reading = inspect_messages(self, target);
    auto unread = co_await std::move(reading);
    co_return unread;
  }
  auto looking = inspect(self, target);
  auto facts = co_await std::move(looking);
  if (!facts || facts->is("undefined"_atom)) co_return facts;
  if (items.is("registered_name"_atom) && fact(*facts, "registered_name"_atom).is_nil()) co_return term{};
  co_return pick(*facts, items);
}

task<result<term>> initial_call(process& self, pid target) {
  auto looking = inspect(self, target);
  auto facts = co_await std::move(looking);
  if (!facts || facts->is("undefined"_atom)) co_return facts;
  co_return known_function(*facts);
}

result<bool> is_alive(process& self, pid target) {
  if (target.node != self.id().node) return fail(errc::badarg);
  return self.runtime().alive(target);
}

// It sends as this node, whose word counts for more than the caller's: not to rex, which goes by who asks, nor to other
// nodes. The caller reaches both itself. `keepers` are those that guard processes from the caller, if any do.
result<term> send_to(process& self, const guards* keepers, const term& to, const term& content) {
  const auto target = destination::from(to);
  if (!target) return fail(errc::badarg);
  const bool named_here = target->by_name() && (target->node() == atom{} || target->node() == self.node().name());
  const auto found = named_here ? self.node().whereis(target->name()) : std::nullopt;
  if (named_here && !found) return fail(errc::badarg);
  const bool here = named_here || (!target->by_name() && target->process().node == self.id().node);
  const auto receiver = found ? found : here ? std::optional{target->process()} : std::nullopt;
  const bool refused = keepers != nullptr && receiver && !keepers->admits(self.node(), *receiver, {}, content);
  if (!receiver || refused || receiver == self.node().whereis("rex"_atom))
    return fail(errc::permission_denied, etf::tuple("erlang"_atom, "send"_atom, 2));
  self.send(*target, content);
  return content;
}

graded_body sender_for(right needed, const guards* keepers) {
  auto body = [keepers](process& self, const term& receiver, const term& content) {
    return send_to(self, keepers, receiver, content);
  };
  return {needed, std::make_shared<const remote_function>(erase_function(std::move(body)))};
}

void add_send(function_table& to) {
  (void)to.add({"erlang"_atom, "send"_atom, 2},
               {sender_for(right::manage, nullptr), sender_for(right::talk, &to.guarded())}, provider::node);
}

result<bool> end(process& self, pid target, const term& reason) {
  if (target.node != self.id().node) return fail(errc::badarg);
  self.exit(target, reason);
  return true;
}

}  // namespace

result<term> process_fact(const term& facts, const term& item) {
  if (item.is_tuple(2) && item.elements()[0].is("dictionary"_atom))
    return etf::tuple(item, known_key(facts, item.elements()[1]));
  const auto name = item.as_atom();
  if (!name) return fail(errc::badarg);
  for (const auto& one : facts.items()) {
    if (one.elements()[0].is(*name)) return one;
  }
  const auto made = std::ranges::find(derived, name->text(), &derived_item::name);
  if (made != derived.end()) return etf::tuple(*name, made->value(facts));
  if (std::ranges::find(told, name->text()) == told.end()) return fail(errc::badarg);
  return etf::tuple(*name, *name == "registered_name"_atom ? term{} : term{"undefined"_atom});
}

void add_process_builtins(function_table& to) {
  shelf{to, "erlang", right::observe}
      .add("processes", [](process& self) { return list_of(self.runtime().processes(self.node())); })
      .add("registered",
           [](process& self) {
             std::vector<term> names;
             for (const auto& [name, who] : self.node().registered()) names.emplace_back(name);
             return etf::make_list(names);
           })
      .add("whereis",
           [](process& self, atom name) {
             const auto found = self.node().whereis(name);
             return found ? term{*found} : term{"undefined"_atom};
           })
      .add("is_process_alive", is_alive)
      .add("garbage_collect", [] { return true; })  // there is no garbage to collect
      .add("garbage_collect", is_alive)
      .add("process_info", inspect_all)
      .add("process_info", inspect_items);
  add_send(to);
  shelf{to, "erlang", right::manage}.add("exit", end);
  shelf{to, "proc_lib", right::observe}.add("translate_initial_call", initial_call).add("initial_call", initial_call);
}

}  // namespace ergo::inline v0::detail
