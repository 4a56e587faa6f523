// observer_backend (runtime_tools/src/observer_backend.erl, its records in include/observer_backend.hrl).
#include "builtins_observer.hpp"

#include "builtins_processes.hpp"
#include "shelf.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

namespace ergo::inline v0::detail {
namespace {

constexpr auto patience_per_process = std::chrono::milliseconds{200};
constexpr auto shortest_pause = std::chrono::milliseconds{100};
constexpr std::size_t processes_per_message = 10'000;

term fact(const term& facts, atom item) { return process_fact(facts, term{item}).value().elements()[1]; }

/// #etop_proc_info{pid, mem, reds, name, runtime, cf, mq}
term about_process(const pid& who, const term& facts) {
  const auto registered = fact(facts, "registered_name"_atom);
  const auto name = registered.is_nil() ? fact(facts, "current_function"_atom) : registered;
  return etf::tuple("etop_proc_info"_atom, who, fact(facts, "memory"_atom), fact(facts, "reductions"_atom), name, 0,
                    fact(facts, "current_function"_atom), fact(facts, "message_queue_len"_atom));
}

task<term> about_processes(process& self, std::vector<pid> which) {
  std::vector<term> all;
  for (const auto& who : which) {
    if (who == self.id()) continue;
    const auto facts = co_await process_info(self, who, patience_per_process);
    if (facts) all.push_back(about_process(who, *facts));
  }
  co_return etf::make_list(all);
}

term now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto micro = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
  return etf::tuple(micro / 1'000'000'000'000, micro / 1'000'000 % 1'000'000, micro % 1'000'000);
}

/// Of `erlang:statistics/1` as the table has it, so that all who ask share what was counted since the last question.
task<term> statistic(process& self, const function_table* from, atom what) {
  const auto found = from->find({"erlang"_atom, "statistics"_atom, 1}, right::all);
  auto asking = (*found.body)(self, etf::list(what));
  auto given = co_await std::move(asking);
  co_return given ? *given : term{"undefined"_atom};
}

/// {Collector's copy of #etop_info{now, n_procs, wall_clock, runtime, run_queue, alloc_areas, memi, procinfo}}
task<term> collect_for_etop(process& self, const function_table* from, pid collector) {
  auto looking = about_processes(self, self.runtime().processes(self.node()));
  const auto processes = co_await std::move(looking);
  auto asking_wall = statistic(self, from, "wall_clock"_atom);
  const auto wall = co_await std::move(asking_wall);
  auto asking_used = statistic(self, from, "runtime"_atom);
  const auto used = co_await std::move(asking_used);
  const auto info = etf::tuple("etop_info"_atom, now(), processes.items().size(), wall, used, 0, term{},
                               memory_facts(self), processes);
  self.send(collector, etf::tuple(self.id(), info));
  co_return term{"ok"_atom};
}

task<term> tell_of_processes(process& self, pid collector) {
  const auto all = self.runtime().processes(self.node());
  for (std::size_t first = 0; first < all.size(); first += processes_per_message) {
    const auto end = std::min(all.size(), first + processes_per_message);
    std::vector<pid> some{all.begin() + static_cast<std::ptrdiff_t>(first),
                          all.begin() + static_cast<std::ptrdiff_t>(end)};
    auto looking = about_processes(self, std::move(some));
    const auto told = co_await std::move(looking);
    self.send(collector, etf::tuple("procs_info"_atom, self.id(), told));
  }
  co_return term{"ok"_atom};
}

// For observer's load charts; until it is told anything, or ends with who has started it.
task<term> tell_of_load(process& self, const function_table* from, pid to, std::int64_t every) {
  const auto pause = std::chrono::milliseconds{std::max<std::int64_t>(every, shortest_pause.count())};
  for (;;) {
    const auto told = co_await self.receive<term>(pause);
    if (!told.timed_out()) co_return term{"ok"_atom};
    auto asking_work = statistic(self, from, "scheduler_wall_time"_atom);
    const auto work = co_await std::move(asking_work);
    auto asking_bytes = statistic(self, from, "io"_atom);
    const auto bytes = co_await std::move(asking_bytes);
    self.send(to, etf::tuple("stats"_atom, 1, work, bytes, memory_facts(self)));
  }
}

// There are no tables of Erlang's, of neither kind.
term tables(process& self, atom kind) {
  if (kind == "ets"_atom) return {};
  const auto why = "Mnesia is not running on: " + std::string{self.node().name().text()};
  return etf::tuple("error"_atom, characters(why));
}

// The keys of observer's page "System", in its order.
task<term> system_page(process& self, const function_table* from, system_facts facts) {
  static const auto told = std::to_array<std::string_view>({"logical_processors",
                                                            "logical_processors_online",
                                                            "logical_processors_available",
                                                            "schedulers",
                                                            "schedulers_online",
                                                            "otp_release",
                                                            "version",
                                                            "system_architecture",
                                                            "kernel_poll",
                                                            "smp_support",
                                                            "threads",
                                                            "thread_pool_size",
                                                            "process_count",
                                                            "atom_limit",
                                                            "atom_count",
                                                            "process_limit",
                                                            "port_limit",
                                                            "port_count",
                                                            "ets_limit",
                                                            "ets_count",
                                                            "dist_buf_busy_limit"});
  auto asking = statistic(self, from, "wall_clock"_atom);
  const auto wall = co_await std::move(asking);
  const auto bytes = facts.bytes ? facts.bytes() : moved_bytes{};
  std::vector<term> page;
  const auto add = [&page](std::string_view key, const term& value) {
    page.push_back(etf::tuple(atom::of(key), value));
  };
  if (wall.is_tuple(2)) add("uptime", wall.elements()[0]);
  add("run_queue", term{0});
  add("io_input", term{bytes.in});
  add("io_output", term{bytes.out});
  for (const auto key : told) add(key, system_fact(self, term{atom::of(key)}, facts).value_or(term{"undefined"_atom}));
  add("schedulers_available", term{self.runtime().cores()});
  add("wordsize_internal", term{sizeof(void*)});
  add("wordsize_external", term{sizeof(void*)});
  const auto sizes = etf::tuple("allocator_sizes"_atom, etf::list("sys_alloc"_atom));
  add("alloc_info", system_fact(self, sizes, facts).value_or(term{}));
  const auto memory = memory_facts(self);
  for (const auto& kind : memory.items()) page.push_back(kind);
  co_return etf::make_list(page);
}

}  // namespace

void add_observer_builtins(function_table& to, const system_facts& facts) {
  const auto* const table = &to;  // these functions live in it
  shelf{to, "observer_backend", right::observe}
      .add("vsn", [] { return etf::tuple("ok"_atom, characters("2.0")); })
      .add("sys_info", [table, facts](process& self) { return system_page(self, table, facts); })
      .add("etop_collect", [table](process& self, pid collector) { return collect_for_etop(self, table, collector); })
      .add("fetch_stats",
           [table](process& self, pid who, std::int64_t every) { return tell_of_load(self, table, who, every); })
      .add("get_table_list", [](process& self, atom kind, const term& /*options*/) { return tables(self, kind); })
      .add("procs_info", [](process& self, pid collector) { return tell_of_processes(self, collector); });
}

}  // namespace ergo::inline v0::detail
