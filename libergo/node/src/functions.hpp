// Functions that other nodes may call by module, name and arity, and the processes that run them: what `rpc`, `erpc`
// and `spawn/4` find here.
#pragma once

#include <ergo/local_node.hpp>
#include <ergo/node.hpp>
#include <ergo/process.hpp>

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace ergo::inline v0::detail {

/// Module, function and arity.
struct function_name {
  atom module;
  atom function;
  std::size_t arity = 0;
  friend bool operator==(const function_name&, const function_name&) = default;
};

/// What a node offers. Any thread.
class function_table {
 public:
  /// Adds or replaces a function.
  void add(const function_name& name, remote_function body);
  /// The function, or an empty one.
  [[nodiscard]] remote_function find(const function_name& name) const;

 private:
  struct name_hash {
    std::size_t operator()(const function_name& name) const noexcept {
      return (std::hash<atom>{}(name.module) * 31 + std::hash<atom>{}(name.function)) * 31 + name.arity;
    }
  };

  mutable std::shared_mutex mutex_;
  std::unordered_map<function_name, remote_function, name_hash> functions_;
};

/// What a spawned process runs.
struct remote_job {
  std::shared_ptr<const function_table> functions;
  atom module;
  atom function;
  term arguments;  ///< a proper list
};

/// The exit reason that running `job` gives: a plain function's value is lost, as with `spawn/4` (`normal`);
/// `erpc:execute_call/4` packs result or failure as `erpc` expects it; what is unknown is `{undef, [{M, F, Args,
/// []}]}`.
[[nodiscard]] exit_reason run(const remote_job& job, process& self);

/// A behaviour that waits for one message, so that whoever spawned it can link and monitor it first, and then runs
/// `job`.
[[nodiscard]] std::unique_ptr<behaviour> make_runner(remote_job job);

/// What the option list of a spawn request means.
struct spawn_wish {
  bool link = false;
  bool monitor = false;
  bool bad = false;  ///< an unknown option: answered with `badopt`
};
[[nodiscard]] spawn_wish read_spawn_options(const term& options);

}  // namespace ergo::inline v0::detail
