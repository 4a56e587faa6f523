// The functions of Erlang's modules that tools call on every node, with the shapes of OTP's values.
#include "rpc_fixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <span>
#include <string_view>

using namespace ergo_test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

task<> idle(process& self) {
  for (;;) (void)co_await self.receive<down>();
}

/// A node with a process `worker` that never reads its two messages.
class office {
 public:
  office() : on{lonely()} {
    spawn_options named;
    named.name = "worker"_atom;
    named.initial_call = etf::tuple("m"_atom, "work"_atom, 1);
    worker = on.self->spawn(named, make_body(idle)).value();
    on.self->send(worker, term{1});
    on.self->send(worker, term{2});
  }
  [[nodiscard]] std::string about(std::string_view items) {
    return on.call_own("erlang", "process_info", worker, etf::parse(items).value());
  }
  template <typename... Argument>
  [[nodiscard]] term value(const rpc::name& module, const rpc::name& function, const Argument&... argument) {
    const rpc::at here{on.self->name(), patience};
    const auto given = rpc::call(*on.self, here, module, function, argument...);
    REQUIRE(given);
    return *given;
  }

  caller_node on;
  pid worker{};
};

bool is_count(const term& value) { return value.as_integer().value_or(-1) >= 0; }

/// Whether a term is `{Integer, Integer}`.
bool is_pair(const term& value) {
  return value.is_tuple(2) && is_count(value.elements()[0]) && is_count(value.elements()[1]);
}

}  // namespace

TEST_CASE("process_info tells single items as OTP does, also those that only an emulator has") {
  office in;
  struct item {
    std::string_view asked;
    std::string_view told;
  };
  for (const auto& [asked, told] : std::to_array<item>({
           {"registered_name", "{registered_name,worker}"},
           {"message_queue_len", "{message_queue_len,2}"},
           {"initial_call", "{initial_call,{m,work,1}}"},
           {"current_function", "{current_function,{m,work,1}}"},
           {"current_location", "{current_location,{m,work,1,[]}}"},
           {"current_stacktrace", "{current_stacktrace,[{m,work,1,[]}]}"},
           {"status", "{status,waiting}"},
           {"trap_exit", "{trap_exit,false}"},
           {"links", "{links,[]}"},
           {"monitored_by", "{monitored_by,[]}"},
           {"priority", "{priority,normal}"},
           {"error_handler", "{error_handler,error_handler}"},
           {"reductions", "{reductions,0}"},
           {"garbage_collection", "{garbage_collection,[]}"},
           {"label", "{label,undefined}"},
           {"parent", "{parent,undefined}"},
           {"{dictionary, '$initial_call'}", "{{dictionary,'$initial_call'},{m,work,1}}"},
           {"{dictionary, none}", "{{dictionary,none},undefined}"},
           {"[registered_name, heap_size]", "[{registered_name,worker},{heap_size,0}]"},
           {"[]", "[]"},
       })) {
    CHECK(in.about(asked) == told);
  }
  for (const auto* const wrong : {"no_such_item", "[registered_name, no_such_item]", "7", "{links, 1}"})
    CHECK_THAT(in.about(wrong), ContainsSubstring("badarg"));
  const auto memory = in.value("erlang", "process_info", in.worker, "memory"_atom);
  CHECK(memory.elements()[1].as_integer().value() > 128);
}

TEST_CASE("a process without a name has an empty one, a dead one no facts, and one of another node is a badarg") {
  office in;
  const auto nameless = in.on.self->spawn(idle).value();
  CHECK(in.on.call_own("erlang", "process_info", nameless, "registered_name"_atom) == "[]");
  const term list = etf::list("registered_name"_atom);
  CHECK(in.on.call_own("erlang", "process_info", nameless, list) == "[{registered_name,[]}]");
  CHECK(in.on.call_own("erlang", "is_process_alive", nameless) == "true");
  CHECK(in.on.call_own("erlang", "garbage_collect", nameless) == "true");
  CHECK(in.on.call_own("proc_lib", "translate_initial_call", in.worker) == "{m,work,1}");
  CHECK(in.on.call_own("erlang", "exit", nameless, "kill"_atom) == "true");
  CHECK(eventually([&] { return !in.on.self->runtime().alive(nameless); }));
  CHECK(in.on.call_own("erlang", "process_info", nameless) == "undefined");
  CHECK(in.on.call_own("erlang", "process_info", nameless, "links"_atom) == "undefined");
  CHECK(in.on.call_own("erlang", "is_process_alive", nameless) == "false");
  auto elsewhere = in.worker;
  elsewhere.node = etf::node_id::make("else@where"_atom, 7).value();
  for (const auto* const function : {"process_info", "is_process_alive", "garbage_collect"})
    CHECK_THAT(in.on.call_own("erlang", function, elsewhere), ContainsSubstring("badarg"));
}

TEST_CASE("memory is told in all of OTP's kinds, alone, in a list, or all at once") {
  office in;
  constexpr auto kinds = std::to_array<std::string_view>(
      {"total", "processes", "processes_used", "system", "atom", "atom_used", "binary", "code", "ets"});
  const auto all = in.value("erlang", "memory");
  REQUIRE(all.items().size() == kinds.size());
  for (std::size_t index = 0; index < kinds.size(); ++index) {
    CHECK(all.items()[index].elements()[0].is(atom::of(kinds[index])));
    CHECK(is_count(all.items()[index].elements()[1]));
    CHECK(is_count(in.value("erlang", "memory", atom::of(kinds[index]))));
  }
  CHECK(all.items()[0].elements()[1].as_integer().value() > 1 << 20);
  const auto two = in.value("erlang", "memory", etf::list("code"_atom, "total"_atom));
  CHECK((two.items().size() == 2 && two.items()[0].elements()[0].is("code"_atom)));
  CHECK_THAT(in.on.call_own("erlang", "memory", "nonsense"_atom), ContainsSubstring("badarg"));
}

TEST_CASE("statistics have OTP's shapes, and what was added is counted since the last question") {
  office in;
  for (const auto* const kind : {"wall_clock", "runtime", "reductions", "exact_reductions", "context_switches"})
    CHECK(is_pair(in.value("erlang", "statistics", atom::of(kind))));
  const auto later = in.value("erlang", "statistics", "wall_clock"_atom);
  CHECK(later.elements()[1].as_integer().value() <= later.elements()[0].as_integer().value());
  CHECK(in.on.call_own("erlang", "statistics", "garbage_collection"_atom) == "{0,0,0}");
  CHECK(in.on.call_own("erlang", "statistics", "io"_atom) == "{{input,0},{output,0}}");
  CHECK(in.on.call_own("erlang", "statistics", "run_queue"_atom) == "0");
  CHECK(in.on.call_own("erlang", "statistics", "run_queue_lengths"_atom) == "[0,0]");
  CHECK(in.on.call_own("erlang", "statistics", "microstate_accounting"_atom) == "undefined");
  CHECK_THAT(in.on.call_own("erlang", "statistics", "nonsense"_atom), ContainsSubstring("badarg"));
}

TEST_CASE("system_info has what observer, etop and remote shells ask for") {
  office in;
  const auto told = [&](std::string_view key) {
    return in.on.call_own("erlang", "system_info", etf::parse(key).value());
  };
  CHECK(told("otp_release") == "\"27\"");
  CHECK_THAT(told("system_version"), StartsWith("\"libergo"));
  CHECK(told("{wordsize, external}") == std::to_string(sizeof(void*)));
  CHECK(told("schedulers_online") == "2");
  CHECK(told("dist_buf_busy_limit") == std::to_string(node_limits{}.busy));
  for (const auto* const number : {"process_count", "process_limit", "port_count", "port_limit", "atom_count",
                                   "ets_count", "logical_processors", "thread_pool_size", "wordsize", "creation"}) {
    CHECK(is_count(in.value("erlang", "system_info", atom::of(number))));
  }
  for (const auto* const wrong : {"nonsense", "{wordsize, other}", "{nonsense, 1}", "\"text\""})
    CHECK_THAT(told(wrong), ContainsSubstring("badarg"));
}

TEST_CASE("clocks count in every unit of Erlang") {
  office in;
  const auto in_seconds = in.value("erlang", "system_time", "second"_atom).as_integer().value();
  CHECK(in.value("erlang", "system_time", "millisecond"_atom).as_integer().value() / 1000 - in_seconds <= 20);
  CHECK(in.value("os", "system_time", 10).as_integer().value() / 10 - in_seconds <= 20);
  CHECK(in.value("erlang", "system_time").as_integer().value() / 1'000'000'000 - in_seconds <= 20);
  const auto stamp = in.value("erlang", "timestamp");
  CHECK(stamp.elements()[0].as_integer().value() * 1'000'000 + stamp.elements()[1].as_integer().value() - in_seconds <=
        20);
  CHECK(is_count(in.value("erlang", "monotonic_time", "microsecond"_atom)));
  CHECK(in.value("erlang", "localtime").is_tuple(2));
  CHECK(in.value("erlang", "universaltime").elements()[1].is_tuple(3));
  CHECK_THAT(in.on.call_own("erlang", "system_time", "fortnight"_atom), ContainsSubstring("badarg"));
  CHECK_THAT(in.on.call_own("erlang", "system_time", 0), ContainsSubstring("badarg"));
}

TEST_CASE("what a node of ours does not have is empty, and its cookie is told to nobody") {
  office in;
  const auto own = in.on.self->name();
  CHECK(in.on.call_own("erlang", "get_cookie") == "nocookie");
  CHECK(in.on.call_own("erlang", "get_cookie", own) == "nocookie");
  CHECK(in.on.call_own("erlang", "ports") == "[]");
  CHECK(in.on.call_own("ets", "all") == "[]");
  CHECK(in.on.call_own("code", "which", "m"_atom) == "non_existing");
  CHECK(in.on.call_own("code", "is_loaded", "erlang"_atom) == "{file,preloaded}");
  CHECK(in.on.call_own("code", "is_loaded", "m"_atom) == "false");
  CHECK(in.on.call_own("code", "priv_dir", "m"_atom) == "{error,bad_name}");
  CHECK(in.on.call_own("application", "which_applications") == "[]");
  CHECK(in.on.call_own("application", "get_env", "stdlib"_atom, "shell_slogan"_atom, 7) == "7");
  CHECK(in.on.call_own("init", "get_argument", "remsh"_atom) == "error");
  CHECK(in.on.call_own("init", "get_status") == "{started,started}");
  CHECK(in.on.call_own("net_kernel", "longnames") == "false");
  CHECK(in.on.call_own("net_kernel", "nodename") == etf::to_text(own));
  CHECK(in.on.call_own("inet", "gethostname") == "{ok,\"localhost\"}");
  CHECK(in.on.call_own("os", "type") == "{unix,linux}");
  CHECK(in.value("os", "version").is_tuple(3));
}

namespace {

/// Asks for what observer's backend sends, as a process of its own: the second element is that of `collector`.
task<term> collect(process& self, atom node, std::string function) {
  const rpc::at there{node, patience};
  const auto done = co_await rpc::call(self, there, "observer_backend", function, self.id());
  if (!done) co_return done.error().reason();
  auto got = co_await self.receive<term>(patience);
  if (got.timed_out()) co_return term{"nothing"_atom};
  const auto parts = got->elements();
  co_return etf::tuple(parts[parts.size() - 1], parts.size());
}

}  // namespace

namespace {

/// The first sample that observer's load charts get, after whose second they stop the process that sends them.
task<term> sample_load(process& self, atom node) {
  const rpc::spawn_at there{node, patience};
  const auto started = co_await rpc::spawn(self, there, "observer_backend", "fetch_stats", self.id(), 1);
  if (!started) co_return started.error().reason();
  const auto sample = co_await self.receive<term>(patience);
  const auto second = co_await self.receive<term>(patience);
  if (sample.timed_out() || second.timed_out()) co_return term{"nothing"_atom};
  (void)self.monitor(destination{*started});
  self.send(*started, "stop"_atom);
  const auto ended = co_await self.receive<down>(patience);
  if (ended.timed_out()) co_return term{"goes_on"_atom};
  co_return *sample;
}

}  // namespace

TEST_CASE("process_info shows the messages that a process has not read") {
  office in;
  CHECK(in.on.call_own("erlang", "process_info", in.worker, "messages"_atom) == "{messages,[1,2]}");
}

TEST_CASE("observer gets samples of the load until it sends something") {
  office in;
  const auto stats = in.on.run(sample_load, in.on.self->name());
  CHECK_THAT(stats, StartsWith("{stats,1,[{1,") && ContainsSubstring("{{input,0},{output,0}}") &&
                        ContainsSubstring("{total,"));
}

TEST_CASE("what an emulator has and this node does not is told as empty") {
  office in;
  CHECK(in.on.call_own("observer_backend", "get_port_list") == "[]");
  CHECK(in.on.call_own("observer_backend", "get_socket_list") == "[]");
  CHECK(in.on.call_own("observer_backend", "get_table_list", "ets"_atom, term{}) == "[]");
  CHECK_THAT(in.on.call_own("observer_backend", "get_table_list", "mnesia"_atom, term{}),
             StartsWith("{error,\"Mnesia is not running on: "));
  CHECK_THAT(in.on.call_own("observer_backend", "socket_info"), ContainsSubstring("{num_sockets,0}"));
}

TEST_CASE("the allocator of the program stands for the allocators of an emulator") {
  office in;
  const auto sizes = in.value("erlang", "system_info", etf::parse("{allocator_sizes, [sys_alloc]}").value());
  CHECK_THAT(etf::to_text(sizes), StartsWith("[{sys_alloc,[{instance,0,[{mbcs,[{blocks,[{sys_alloc,[{size,") &&
                                      ContainsSubstring("{carriers_size,"));
}

TEST_CASE("the processes of a core are measured") {
  office in;
  const auto times = in.value("erlang", "statistics", "scheduler_wall_time"_atom);
  REQUIRE(times.items().size() == in.on.self->runtime().cores());
  for (const auto& one : times.items()) {
    REQUIRE(one.is_tuple(3));
    CHECK(one.elements()[1].as_integer() <= one.elements()[2].as_integer());
  }
}

TEST_CASE("etop and observer are given their records of processes and of the system") {
  office in;
  CHECK_THAT(in.on.call_own("observer_backend", "vsn"), StartsWith("{ok,\""));
  const auto row = "{etop_proc_info," + etf::to_text(term{in.worker}) + ",";
  const auto top = in.on.run(collect, in.on.self->name(), "etop_collect");
  CHECK_THAT(top, StartsWith("{{etop_info,{") && ContainsSubstring(row) && ContainsSubstring("worker,0,{m,work,1},2}"));
  const auto processes = in.on.run(collect, in.on.self->name(), "procs_info");
  CHECK_THAT(processes, StartsWith("{[{etop_proc_info,") && ContainsSubstring(row));
  const auto page = in.value("observer_backend", "sys_info");
  const auto has = [&](std::string_view key) {
    return std::ranges::any_of(page.items(), [&](const term& one) { return one.elements()[0].is(atom::of(key)); });
  };
  for (const auto* const key : {"uptime", "run_queue", "io_input", "otp_release", "schedulers_available",
                                "wordsize_internal", "alloc_info", "process_limit", "total", "ets"}) {
    CHECK(has(key));
  }
}
