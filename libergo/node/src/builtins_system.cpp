// The program as an emulator would describe itself.
#include "builtins_system.hpp"

#include "shelf.hpp"

#include <ergo/runtime.hpp>
#include <ergo/usage.hpp>

#include <malloc.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>

namespace ergo::inline v0::detail {
namespace {

namespace chrono = std::chrono;

// ----- the computer -------------------------------------------------------------------------------------------------

struct pages {
  std::size_t resident = 0;
  std::size_t text = 0;
};

pages pages_in_use() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t all = 0;
  std::size_t shared = 0;
  pages found;
  file >> all >> found.resident >> shared >> found.text;
  const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return {found.resident * size, found.text * size};
}

std::int64_t milliseconds_of(const timeval& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_usec / 1000;
}

rusage used_so_far() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used;
}

term architecture() {
  utsname found{};
  uname(&found);
  return characters(std::string{found.machine} + "-" + found.sysname);
}

rlim_t most_descriptors() {
  rlimit found{};
  getrlimit(RLIMIT_NOFILE, &found);
  return std::max(found.rlim_cur, rlim_t{1});
}

// {Major, Minor, Release}
term system_release() {
  utsname found{};
  uname(&found);
  std::array<int, 3> parts{};
  const char* at = found.release;
  const char* const end = at + std::string_view{found.release}.size();
  for (auto& part : parts) {
    at = std::from_chars(at, end, part).ptr;
    if (at != end) ++at;
  }
  return etf::tuple(parts[0], parts[1], parts[2]);
}

// The C library's allocator in the words of `erlang:system_info({allocator_sizes, [sys_alloc]})`.
term allocator_sizes() {
  const auto counted = ::mallinfo2();
  const auto size = [](atom what, std::size_t bytes) { return etf::tuple(what, bytes, bytes, bytes); };
  const auto blocks = etf::tuple(
      "blocks"_atom,
      etf::list(etf::tuple("sys_alloc"_atom, etf::list(size("size"_atom, counted.uordblks + counted.hblkhd)))));
  const auto carriers = size("carriers_size"_atom, counted.arena + counted.hblkhd);
  const auto instance = etf::tuple("instance"_atom, 0, etf::list(etf::tuple("mbcs"_atom, etf::list(blocks, carriers))));
  return etf::list(etf::tuple("sys_alloc"_atom, etf::list(instance)));
}

// ----- system_info --------------------------------------------------------------------------------------------------

using constant = term (*)();

// What is the same on every node of ours: it has no tables and no emulator.
const std::map<std::string_view, constant>& constants() {
  const auto yes = [] { return term{"true"_atom}; };
  const auto no = [] { return term{"false"_atom}; };
  const auto zero = [] { return term{0}; };
  const auto none = [] { return term{}; };
  const auto unknown = [] { return term{"undefined"_atom}; };
  const auto processors = [] { return term{std::thread::hardware_concurrency()}; };
  static const std::map<std::string_view, constant> known{
      {"otp_release", [] { return characters(emulated_release); }},
      {"system_version", [] { return characters("libergo, a node runtime in C++, speaks as Erlang/OTP 27\n"); }},
      {"version", [] { return characters("15.0"); }},
      {"machine", [] { return characters("libergo"); }},
      {"system_architecture", architecture},
      {"port_limit", [] { return term{most_descriptors()}; }},
      {"ets_count", zero},
      {"ets_limit", [] { return term{1}; }},  // observer divides by it
      {"dirty_cpu_schedulers", zero},
      {"dirty_cpu_schedulers_online", zero},
      {"logical_processors", processors},
      {"logical_processors_online", processors},
      {"logical_processors_available", processors},
      {"wordsize", [] { return term{sizeof(void*)}; }},
      {"smp_support", yes},
      {"threads", yes},
      {"kernel_poll", yes},
      {"debug_compiled", no},
      {"break_ignored", yes},
      {"multi_scheduling", [] { return term{"enabled"_atom}; }},
      {"emu_flavor", [] { return term{"native"_atom}; }},
      {"emu_type", [] { return term{"opt"_atom}; }},
      {"build_type", [] { return term{"opt"_atom}; }},
      {"heap_type", [] { return term{"private"_atom}; }},
      {"dynamic_trace", [] { return term{"none"_atom}; }},
      {"alloc_util_allocators", [] { return etf::list("sys_alloc"_atom); }},
      {"dist_ctrl", none},
      {"cpu_topology", unknown},
      {"cpu_quota", unknown},
      {"modified_timing_level", unknown},
      {"time_warp_mode", [] { return term{"no_time_warp"_atom}; }},
      {"time_correction", yes},
  };
  return known;
}

result<term> runtime_fact(process& self, atom key, const system_facts& facts) {
  auto& runtime = self.runtime();
  if (key == "process_count"_atom) return term{runtime.process_count()};
  if (key == "process_limit"_atom) return term{runtime.options().processes};
  if (key == "atom_count"_atom) return term{etf::atom_table_usage().count};
  if (key == "atom_limit"_atom) return term{etf::atom_table_usage().capacity};
  if (key == "schedulers"_atom || key == "schedulers_online"_atom) return term{runtime.cores()};
  if (key == "thread_pool_size"_atom || key == "dirty_io_schedulers"_atom)
    return term{runtime.options().blocking_threads};
  if (key == "creation"_atom) return term{self.node().identity().creation()};
  if (key == "dist_buf_busy_limit"_atom) return term{facts.busy};
  if (key == "port_count"_atom) return term{facts.sockets ? facts.sockets().size() : 0};
  return fail(errc::badarg);
}

result<term> sized_fact(const term& key) {
  const auto parts = key.elements();
  const bool word = parts[0].is("wordsize"_atom) && (parts[1].is("internal"_atom) || parts[1].is("external"_atom));
  if (word) return term{sizeof(void*)};
  if (parts[0].is("allocator_sizes"_atom)) return allocator_sizes();
  if (parts[0].is("allocator"_atom)) return term{"false"_atom};
  return fail(errc::badarg);
}

// ----- statistics ---------------------------------------------------------------------------------------------------

/// Values that are reported with what was added since the last report.
struct meter {
  std::atomic<std::int64_t> last{0};
  term report(std::int64_t now) { return etf::tuple(now, now - last.exchange(now)); }
};

struct meters {
  meter wall;
  meter used;
  chrono::steady_clock::time_point begun = chrono::steady_clock::now();
};

term zeros(std::size_t count) { return list_of(std::vector<int>(count, 0)); }

// [{Core, Busy, Whole}], which an emulator only tells once it was asked to measure them.
term scheduler_times(process& self) {
  std::vector<term> all;
  for (const auto& one : core_usages(self.runtime()))
    all.push_back(etf::tuple(all.size() + 1, one.busy.count(), one.since_start.count()));
  return etf::make_list(all);
}

// Runnable processes are not counted, nor is what the emulator would do for them.
result<term> statistics_of(process& self, atom what, meters& with, const system_facts& facts) {
  const auto age = chrono::steady_clock::now() - with.begun;
  if (what == "wall_clock"_atom) return with.wall.report(chrono::duration_cast<chrono::milliseconds>(age).count());
  if (what == "runtime"_atom) return with.used.report(processor_time());
  if (what == "io"_atom) {
    const auto bytes = facts.bytes ? facts.bytes() : moved_bytes{};
    return etf::tuple(etf::tuple("input"_atom, bytes.in), etf::tuple("output"_atom, bytes.out));
  }
  if (what == "context_switches"_atom) {
    const auto used = used_so_far();
    return etf::tuple(static_cast<std::int64_t>(used.ru_nvcsw) + used.ru_nivcsw, 0);
  }
  if (what == "garbage_collection"_atom) return etf::tuple(0, 0, 0);
  if (what == "reductions"_atom || what == "exact_reductions"_atom) return etf::tuple(0, 0);
  static const auto single =
      std::to_array<atom>({"run_queue"_atom, "total_run_queue_lengths"_atom, "total_run_queue_lengths_all"_atom,
                           "total_active_tasks"_atom, "total_active_tasks_all"_atom});
  if (std::ranges::find(single, what) != single.end()) return term{0};
  static const auto each = std::to_array<atom>(
      {"run_queue_lengths"_atom, "run_queue_lengths_all"_atom, "active_tasks"_atom, "active_tasks_all"_atom});
  if (std::ranges::find(each, what) != each.end()) return zeros(self.runtime().cores());
  if (what == "scheduler_wall_time"_atom || what == "scheduler_wall_time_all"_atom) return scheduler_times(self);
  if (what == "microstate_accounting"_atom) return term{"undefined"_atom};
  return fail(errc::badarg);
}

// What is measured here is measured always.
result<term> previous_flag(process& /*self*/, atom flag) {
  if (flag == "scheduler_wall_time"_atom) return term{"true"_atom};
  return fail(errc::badarg);
}

// ----- memory -------------------------------------------------------------------------------------------------------

result<term> memory_of(const term& facts, const term& kinds) {
  const auto one = [&](const term& kind) -> result<term> {
    for (const auto& fact : facts.items()) {
      if (kind.as_atom() && fact.elements()[0] == kind) return fact;
    }
    return fail(errc::badarg);
  };
  if (!kinds.is_list()) {
    const auto found = one(kinds);
    if (!found) return found;
    return found->elements()[1];
  }
  std::vector<term> all;
  for (const auto& kind : kinds.items()) {
    auto found = one(kind);
    if (!found) return found;
    all.push_back(*std::move(found));
  }
  return etf::make_list(all);
}

// ----- clocks -------------------------------------------------------------------------------------------------------

std::int64_t unix_nanoseconds() {
  return chrono::duration_cast<chrono::nanoseconds>(chrono::system_clock::now().time_since_epoch()).count();
}
std::int64_t steady_nanoseconds() {
  return chrono::duration_cast<chrono::nanoseconds>(chrono::steady_clock::now().time_since_epoch()).count();
}

result<std::int64_t> in_unit(std::int64_t nanoseconds, const term& unit) {
  if (unit.is("nanosecond"_atom) || unit.is("native"_atom)) return nanoseconds;
  if (unit.is("microsecond"_atom)) return nanoseconds / 1000;
  if (unit.is("millisecond"_atom)) return nanoseconds / 1'000'000;
  if (unit.is("second"_atom)) return nanoseconds / 1'000'000'000;
  const auto parts = unit.as_integer().value_or(0);
  if (parts <= 0 || parts > 1'000'000'000) return fail(errc::badarg);
  return nanoseconds / 1'000'000'000 * parts + nanoseconds % 1'000'000'000 * parts / 1'000'000'000;
}

term timestamp() {
  const auto micro = unix_nanoseconds() / 1000;
  return etf::tuple(micro / 1'000'000'000'000, micro / 1'000'000 % 1'000'000, micro % 1'000'000);
}

term calendar_time(std::tm* (*split)(const std::time_t*, std::tm*)) {
  const auto now = std::time(nullptr);
  std::tm parts{};
  split(&now, &parts);
  return etf::tuple(etf::tuple(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday),
                    etf::tuple(parts.tm_hour, parts.tm_min, parts.tm_sec));
}

void add_clocks(function_table& to) {
  for (const auto* const module : {"erlang", "os"}) {
    shelf{to, module, right::talk}
        .add("timestamp", timestamp)
        .add("system_time", unix_nanoseconds)
        .add("system_time", [](const term& unit) { return in_unit(unix_nanoseconds(), unit); });
  }
  shelf{to, "erlang", right::talk}
      .add("monotonic_time", steady_nanoseconds)
      .add("monotonic_time", [](const term& unit) { return in_unit(steady_nanoseconds(), unit); })
      .add("localtime", [] { return calendar_time(localtime_r); })
      .add("universaltime", [] { return calendar_time(gmtime_r); });
}

}  // namespace

std::int64_t processor_time() {
  const auto used = used_so_far();
  return milliseconds_of(used.ru_utime) + milliseconds_of(used.ru_stime);
}

result<term> system_fact(process& self, const term& key, const system_facts& facts) {
  if (key.is_tuple(2)) return sized_fact(key);
  const auto name = key.as_atom();
  if (!name) return fail(errc::badarg);
  const auto found = constants().find(name->text());
  if (found != constants().end()) return found->second();
  return runtime_fact(self, *name, facts);
}

// Processes are their slots; what their frames, messages and terms take is part of `system`, as all memory of C++ is.
term memory_facts(process& self) {
  const auto used = pages_in_use();
  const auto slots = self.runtime().process_count() * sizeof(process);
  const auto system = used.resident > slots ? used.resident - slots : 0;
  const auto kind = [](atom name, std::size_t bytes) { return etf::tuple(name, bytes); };
  return etf::list(kind("total"_atom, used.resident), kind("processes"_atom, slots), kind("processes_used"_atom, slots),
                   kind("system"_atom, system), kind("atom"_atom, 0), kind("atom_used"_atom, 0), kind("binary"_atom, 0),
                   kind("code"_atom, used.text), kind("ets"_atom, 0));
}

void add_system_builtins(function_table& to, const system_facts& facts) {
  const auto with = std::make_shared<meters>();
  shelf{to, "erlang", right::observe}
      .add("system_info", [facts](process& self, const term& key) { return system_fact(self, key, facts); })
      .add("memory", memory_facts)
      .add("memory", [](process& self, const term& kinds) { return memory_of(memory_facts(self), kinds); })
      .add("statistics", [with, facts](process& self, atom what) { return statistics_of(self, what, *with, facts); })
      .add("system_flag", [](process& self, atom flag, bool /*on*/) { return previous_flag(self, flag); });
  shelf{to, "ets", right::observe}.add("all", [] { return term{}; });
  shelf{to, "os", right::observe}
      .add("type", [] { return etf::tuple("unix"_atom, "linux"_atom); })
      .add("version", system_release)
      .add("getpid", [] { return characters(std::to_string(getpid())); });
  add_clocks(to);
}

}  // namespace ergo::inline v0::detail
