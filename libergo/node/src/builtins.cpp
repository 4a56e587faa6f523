// Natively answered functions of Erlang's modules.
#include "builtins.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <thread>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

// The release whose behaviour towards other nodes this one has; tools read a number from it.
constexpr std::string_view emulated_release = "27";

using board_pointer = std::shared_ptr<switchboard>;

term characters(std::string_view ascii) {
  std::vector<term> made;
  for (const char one : ascii) made.emplace_back(static_cast<std::int64_t>(one));
  return etf::make_list(made);
}

term list_of(const auto& values) {
  std::vector<term> made;
  for (const auto& one : values) made.emplace_back(one);
  return etf::make_list(made);
}

/// Adds functions of one module that need one right.
class shelf {
 public:
  shelf(function_table& into, std::string_view module, right needed) noexcept
      : table_{into}, module_{atom::of(module)}, needed_{needed} {}

  template <typename Callable>
  const shelf& add(std::string_view name, Callable body) const {
    (void)table_.add({module_, atom::of(name), arity_of<Callable>}, erase_function(std::move(body)), needed_);
    return *this;
  }

 private:
  function_table& table_;
  atom module_;
  right needed_;
};

// ----- nodes --------------------------------------------------------------------------------------------------------

result<term> nodes_of(const board_pointer& board, atom own, atom which) {
  if (which == "this"_atom) return etf::list(own);
  if (board == nullptr) return term{};
  if (which == "visible"_atom) return list_of(board->nodes(node_set::visible));
  if (which == "hidden"_atom) return list_of(board->nodes(node_set::hidden));
  if (which == "connected"_atom) return list_of(board->nodes(node_set::all));
  if (which != "known"_atom) return fail(errc::badarg);
  auto all = board->nodes(node_set::all);
  all.push_back(own);
  return list_of(all);
}

void add_nodes(function_table& to, const builtin_facts& facts) {
  shelf{to, "erlang", right::talk}.add("node", [](process& self) { return self.node().name(); }).add("is_alive", [] {
    return true;
  });
  shelf{to, "erlang", right::observe}
      .add("nodes",
           [board = facts.board](process& self) { return nodes_of(board, self.node().name(), "visible"_atom); })
      .add("nodes",
           [board = facts.board](process& self, atom which) { return nodes_of(board, self.node().name(), which); });
  shelf{to, "net_kernel", right::talk}.add("get_net_ticktime", [time = facts.net_ticktime] {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
  });
  shelf{to, "net_adm", right::talk}.add("localhost", [](process& self) {
    const auto name = self.node().name().text();
    return characters(name.substr(name.find('@') + 1));
  });
  shelf{to, "net_adm", right::observe}.add("ping", [](process& self, atom node) -> task<atom> {
    if (node == self.node().name()) co_return "pong"_atom;
    const destination other{"net_kernel"_atom, node};
    auto asked = etf::tuple("is_auth"_atom, self.node().name());
    const auto answer = co_await call(self, other, std::move(asked), std::chrono::seconds{7});
    co_return answer && answer->is("yes"_atom) ? "pong"_atom : "pang"_atom;
  });
}

// ----- processes ----------------------------------------------------------------------------------------------------

// Facts that a process without them is asked for all the same.
term absent_fact(atom item) { return item == "registered_name"_atom ? term{} : term{"undefined"_atom}; }

result<term> pick_fact(const term& facts, atom item) {
  static const auto known =
      std::to_array<atom>({"registered_name"_atom, "initial_call"_atom, "status"_atom, "message_queue_len"_atom,
                           "links"_atom, "monitors"_atom, "monitored_by"_atom, "trap_exit"_atom, "group_leader"_atom,
                           "dictionary"_atom, "dropped"_atom, "rejected"_atom, "state"_atom});
  for (const auto& fact : facts.items()) {
    if (fact.elements()[0].is(item)) return fact;
  }
  if (std::ranges::find(known, item) == known.end()) return fail(errc::badarg);
  return etf::tuple(item, absent_fact(item));
}

result<term> pick_facts(const term& facts, const term& items) {
  if (const auto one = items.as_atom()) return pick_fact(facts, *one);
  std::vector<term> found;
  for (const auto& item : items.items()) {
    const auto name = item.as_atom();
    auto fact = name ? pick_fact(facts, *name) : fail(errc::badarg);
    if (!fact) return fact;
    found.push_back(*std::move(fact));
  }
  return etf::make_list(found);
}

// A process of another node, or one that does not answer, is like one that is dead.
task<result<term>> inspect(process& self, pid target) {
  if (target.node != self.id().node || target == self.id()) co_return fail(errc::badarg);
  auto facts = co_await process_info(self, target);
  if (!facts) co_return term{"undefined"_atom};
  co_return facts;
}

task<result<term>> inspect_items(process& self, pid target, term items) {
  auto looking = inspect(self, target);
  auto facts = co_await std::move(looking);
  if (!facts || facts->is("undefined"_atom)) co_return facts;
  co_return pick_facts(*facts, items);
}

// It sends as this node, whose word counts for more than the caller's: not to rex, which goes by who asks, nor to other
// nodes. The caller reaches both itself.
result<term> send_to(process& self, const term& to, const term& content) {
  const auto target = destination::from(to);
  if (!target) return fail(errc::badarg);
  const bool named_here = target->by_name() && (target->node() == atom{} || target->node() == self.node().name());
  const auto found = named_here ? self.node().whereis(target->name()) : std::nullopt;
  if (named_here && !found) return fail(errc::badarg);
  const bool here = named_here || (!target->by_name() && target->process().node == self.id().node);
  const auto receiver = found ? found : here ? std::optional{target->process()} : std::nullopt;
  if (!receiver || receiver == self.node().whereis("rex"_atom))
    return fail(errc::permission_denied, etf::tuple("erlang"_atom, "send"_atom, 2));
  self.send(*target, content);
  return content;
}

void add_processes(function_table& to) {
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
      .add("process_info", inspect)
      .add("process_info", inspect_items);
  shelf{to, "erlang", right::talk}.add("send", send_to);
}

// ----- the system ---------------------------------------------------------------------------------------------------

std::size_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::int64_t milliseconds_of(const timeval& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_usec / 1000;
}

std::int64_t processor_time() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return milliseconds_of(used.ru_utime) + milliseconds_of(used.ru_stime);
}

term architecture() {
  utsname found{};
  uname(&found);
  return characters(std::string{found.machine} + "-" + found.sysname);
}

result<term> system_fact(process& self, atom key) {
  auto& runtime = self.runtime();
  using fact = std::function<term()>;
  const auto cores = [&] { return term{runtime.cores()}; };
  const std::map<std::string_view, fact> known{
      {"otp_release", [] { return characters(emulated_release); }},
      {"system_version", [] { return characters("libergo, a node runtime in C++, speaks as Erlang/OTP 27\n"); }},
      {"machine", [] { return characters("libergo"); }},
      {"system_architecture", architecture},
      {"process_count", [&] { return term{runtime.process_count()}; }},
      {"process_limit", [&] { return term{runtime.options().processes}; }},
      {"port_count", [] { return term{0}; }},
      {"atom_count", [] { return term{etf::atom_table_usage().count}; }},
      {"atom_limit", [] { return term{etf::atom_table_usage().capacity}; }},
      {"schedulers", cores},
      {"schedulers_online", cores},
      {"logical_processors", [] { return term{std::thread::hardware_concurrency()}; }},
      {"logical_processors_online", [] { return term{std::thread::hardware_concurrency()}; }},
      {"logical_processors_available", [] { return term{std::thread::hardware_concurrency()}; }},
      {"wordsize", [] { return term{sizeof(void*)}; }},
      {"creation", [&] { return term{self.node().identity().creation()}; }},
  };
  const auto found = known.find(key.text());
  if (found == known.end()) return fail(errc::badarg);
  return found->second();
}

/// Values that are reported with what was added since the last report.
struct meter {
  std::atomic<std::int64_t> last{0};
  term report(std::int64_t now) { return etf::tuple(now, now - last.exchange(now)); }
};

void add_system(function_table& to) {
  const auto wall = std::make_shared<meter>();
  const auto used = std::make_shared<meter>();
  const auto begun = std::chrono::steady_clock::now();
  shelf{to, "erlang", right::observe}
      .add("system_info", system_fact)
      .add("memory", [] { return etf::list(etf::tuple("total"_atom, resident_bytes())); })
      .add("memory",
           [](atom kind) -> result<term> {
             if (kind != "total"_atom) return fail(errc::badarg);
             return term{resident_bytes()};
           })
      .add("statistics", [wall, used, begun](atom what) -> result<term> {
        const auto age = std::chrono::steady_clock::now() - begun;
        if (what == "wall_clock"_atom)
          return wall->report(std::chrono::duration_cast<std::chrono::milliseconds>(age).count());
        if (what == "runtime"_atom) return used->report(processor_time());
        return fail(errc::badarg);
      });
  // The program ends as if somebody had told it to from its terminal: in order.
  const auto end_program = [] {
    ::kill(::getpid(), SIGTERM);
    return "ok"_atom;
  };
  shelf{to, "erlang", right::manage}.add("halt", end_program);
  shelf{to, "init", right::manage}.add("stop", end_program);
}

// ----- code and applications ----------------------------------------------------------------------------------------

void add_code(function_table& to) {
  const auto* const table = &to;  // these functions live in it
  shelf{to, "erlang", right::talk}.add("function_exported", [table](atom module, atom function, std::size_t arity) {
    return table->has({module, function, arity});
  });
  shelf{to, "code", right::talk}
      .add("ensure_loaded",
           [table](atom module) {
             if (table->has_module(module)) return etf::tuple("module"_atom, module);
             return etf::tuple("error"_atom, "nofile"_atom);
           })
      .add("which", [](atom /*module*/) { return "non_existing"_atom; })
      .add("get_object_code", [](atom /*module*/) { return "error"_atom; });
  shelf{to, "application", right::observe}
      .add("which_applications", [] { return term{}; })
      .add("get_env", [](atom /*application*/, atom /*key*/) { return "undefined"_atom; })
      .add("get_env", [](atom /*application*/, atom /*key*/, const term& otherwise) { return otherwise; });
}

}  // namespace

void add_builtins(function_table& to, const builtin_facts& facts) {
  add_nodes(to, facts);
  add_processes(to);
  add_system(to);
  add_code(to);
}

}  // namespace ergo::inline v0::detail
