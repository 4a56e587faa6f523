// Natively answered functions of Erlang's modules.
#include "builtins.hpp"

#include "applications.hpp"
#include "appmon.hpp"
#include "builtins_observer.hpp"
#include "builtins_ports.hpp"
#include "builtins_processes.hpp"
#include "shelf.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

using board_pointer = std::shared_ptr<switchboard>;

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
  shelf{to, "erlang", right::talk}
      .add("node", [](process& self) { return self.node().name(); })
      .add("is_alive", [](process& self) { return self.node().name() != "nonode@nohost"_atom; });
  shelf{to, "erlang", right::observe}
      .add("nodes",
           [board = facts.board](process& self) { return nodes_of(board, self.node().name(), "visible"_atom); })
      .add("nodes",
           [board = facts.board](process& self, atom which) { return nodes_of(board, self.node().name(), which); });
  // The cookie is told to nobody.
  shelf{to, "erlang", right::talk}.add("get_cookie", [] { return "nocookie"_atom; }).add("get_cookie", [](atom /*of*/) {
    return "nocookie"_atom;
  });
  const auto host = [](process& self) {
    const auto name = self.node().name().text();
    return name.substr(name.find('@') + 1);
  };
  shelf{to, "net_kernel", right::talk}
      .add("get_net_ticktime",
           [time = facts.net_ticktime] { return std::chrono::duration_cast<std::chrono::seconds>(time).count(); })
      .add("longnames", [host](process& self) { return host(self).find_first_of(".:") != std::string_view::npos; })
      .add("nodename", [](process& self) { return self.node().name(); });
  shelf{to, "net_adm", right::talk}.add("localhost", [host](process& self) { return characters(host(self)); });
  shelf{to, "inet", right::talk}.add("gethostname",
                                     [host](process& self) { return etf::tuple("ok"_atom, characters(host(self))); });
  shelf{to, "net_adm", right::observe}.add("ping", [](process& self, atom node) -> task<atom> {
    if (node == self.node().name()) co_return "pong"_atom;
    const destination other{"net_kernel"_atom, node};
    auto asked = etf::tuple("is_auth"_atom, self.node().name());
    const auto answer = co_await call(self, other, std::move(asked), std::chrono::seconds{7});
    co_return answer && answer->is("yes"_atom) ? "pong"_atom : "pang"_atom;
  });
}

// ----- the end -------------------------------------------------------------------------------------------------------

// The program ends as if somebody had told it to from its terminal: in order. A second order changes nothing, because a
// second signal would cut that short.
std::function<void()> program_end() {
  return [told = std::make_shared<std::atomic_flag>()] {
    if (!told->test_and_set()) ::kill(::getpid(), SIGTERM);
  };
}

void leave_all(const board_pointer& board) {
  if (board == nullptr) return;
  for (const auto peer : board->nodes(node_set::all))
    board->disconnect(std::string{peer.text()}, dist::attempt_id::none);
}

task<> never_return(process& self) { co_await self.sleep(forever); }

void add_ends(function_table& to, const board_pointer& board) {
  const auto end_program = program_end();
  // As from a program that is gone, nothing is heard of this one again: whoever has called loses the connection.
  shelf{to, "erlang", right::manage}.add("halt", [board, end_program](process& self) {
    leave_all(board);
    end_program();
    return never_return(self);
  });
  shelf{to, "init", right::manage}.add("stop", [end_program] {
    end_program();
    return "ok"_atom;
  });
}

// ----- code and applications ----------------------------------------------------------------------------------------

void add_code(function_table& to) {
  const auto* const table = &to;  // these functions live in it
  shelf{to, "erlang", right::talk}
      .add("function_exported",
           [table](atom module, atom function, std::size_t arity) { return table->has({module, function, arity}); })
      .add("module_loaded", [table](atom module) { return table->has_module(module); });
  shelf{to, "code", right::talk}
      .add("ensure_loaded",
           [table](atom module) {
             if (table->has_module(module)) return etf::tuple("module"_atom, module);
             return etf::tuple("error"_atom, "nofile"_atom);
           })
      .add("is_loaded",
           [table](atom module) {
             return table->has_module(module) ? etf::tuple("file"_atom, "preloaded"_atom) : term{"false"_atom};
           })
      .add("which", [](atom /*module*/) { return "non_existing"_atom; })
      .add("get_object_code", [](atom /*module*/) { return "error"_atom; })
      .add("get_path", [] { return term{}; })
      .add("get_mode", [] { return "embedded"_atom; })
      .add("lib_dir", [](atom /*application*/) { return etf::tuple("error"_atom, "bad_name"_atom); })
      .add("priv_dir", [](atom /*application*/) { return etf::tuple("error"_atom, "bad_name"_atom); });
}

}  // namespace

void add_builtins(function_table& to, const builtin_facts& facts) {
  add_nodes(to, facts);
  add_process_builtins(to);
  add_system_builtins(to, facts.system);
  add_ends(to, facts.board);
  add_observer_builtins(to, facts.system);
  add_port_builtins(to, facts.system);
  add_code(to);
  add_application_builtins(to);
  add_appmon_builtins(to);
}

}  // namespace ergo::inline v0::detail
