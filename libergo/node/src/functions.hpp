// Functions that other nodes may call by module, name and arity, and the processes that run them: what `rpc`, `erpc`
// and `spawn/4` find here.
#pragma once

#include "guards.hpp"
#include "rights.hpp"

#include <ergo/function.hpp>
#include <ergo/local_node.hpp>
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

/// A function for the callers that have a right.
struct graded_body {
  right needed = right::call;
  std::shared_ptr<const remote_function> body;
};

/// Whose function it is: what the node itself brings cannot be taken out.
enum class provider : std::uint8_t { program, node };

/// What a node offers, and to whom. Any thread.
class function_table {
 public:
  function_table() = default;
  explicit function_table(std::vector<grant> grants) : policy_{std::move(grants)} {}

  /// Adds a function that needs `needed`; its id, or `already_present`.
  result<std::uint64_t> add(const function_name& name, remote_function body, right needed = right::call);
  /// The same for a function that is another one for each kind of caller: for each the first of `grades` whose right it
  /// has.
  result<std::uint64_t> add(const function_name& name, std::vector<graded_body> grades,
                            provider by = provider::program);
  /// Takes a function that the program provided out, if its id is `id`, or any that it has where `id` is 0. Calls that
  /// have begun go on.
  bool remove(const function_name& name, std::uint64_t id = 0);

  /// What a caller with some rights finds.
  struct found {
    std::shared_ptr<const remote_function> body;  ///< null: there is none, or it is not for this caller
    bool refused = false;
  };
  [[nodiscard]] found find(const function_name& name, right held) const;
  [[nodiscard]] bool has(const function_name& name) const;
  [[nodiscard]] bool has_module(atom module) const;

  [[nodiscard]] rights_policy& policy() noexcept { return policy_; }
  [[nodiscard]] const rights_policy& policy() const noexcept { return policy_; }
  [[nodiscard]] guards& guarded() noexcept { return guards_; }
  [[nodiscard]] const guards& guarded() const noexcept { return guards_; }
  /// Whether a process is guarded from `peer`.
  [[nodiscard]] bool shields(const local_node& at, const pid& process, atom peer) const;

 private:
  struct entry {
    std::vector<graded_body> grades;
    std::uint64_t id = 0;
    bool of_program = true;
  };
  result<std::uint64_t> insert(const function_name& name, entry made);
  struct name_hash {
    std::size_t operator()(const function_name& name) const noexcept {
      return (std::hash<atom>{}(name.module) * 31 + std::hash<atom>{}(name.function)) * 31 + name.arity;
    }
  };

  rights_policy policy_;
  guards guards_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<function_name, entry, name_hash> functions_;
  std::uint64_t last_id_ = 0;
};

/// What a process is started for.
struct remote_job {
  std::shared_ptr<const function_table> functions;
  right held = right::all;  ///< the caller's rights
  atom module;
  atom function;
  term arguments;                                 ///< a proper list
  std::shared_ptr<const void> counted = nullptr;  ///< released with the job
};

/// How a function ended, in the classes of Erlang.
struct outcome {
  enum class way : std::uint8_t {
    value,    ///< it returned `value`
    exit,     ///< it called `exit`: `value` is the reason
    error,    ///< it failed, or does not exist: `value` is the reason
    refused,  ///< it was not called: `value` is the reason
  } how = way::value;
  term value;
  term stack = {};  ///< of an error

  [[nodiscard]] exit_reason as_exit() const;                        ///< of a plain process: a value is lost
  [[nodiscard]] exit_reason as_erpc_answer(const term& ref) const;  ///< of `erpc:execute_call/4`
  [[nodiscard]] term as_rpc_answer() const;                         ///< of `rpc:call/4`: `{badrpc, _}` for failures
};

/// What is done with an outcome, in the process that ran the function; its exit reason.
using conclusion = std::move_only_function<exit_reason(process& self, const outcome& how)>;

/// A behaviour for a spawn request: it waits for one message, so that whoever asked can link and monitor it first, and
/// then runs `job`. `erpc:execute_call/4` and `execute_cast/3` are known; what is unknown ends as in OTP.
[[nodiscard]] std::unique_ptr<behaviour> make_runner(remote_job job);
/// A behaviour that runs `job` at once and concludes with `end`.
[[nodiscard]] std::unique_ptr<behaviour> make_runner(remote_job job, conclusion end);
/// Whether the exit reason of the process for `job` is an answer.
[[nodiscard]] bool answers_by_exit(const remote_job& job) noexcept;

/// What the option list of a spawn request means.
struct spawn_wish {
  bool link = false;
  bool monitor = false;
  atom name{};       ///< registered before it runs; `''` for none
  bool bad = false;  ///< an unknown option: answered with `badopt`
};
[[nodiscard]] spawn_wish read_spawn_options(const term& options);

/// Starts the process of a spawn request; it runs when it is told `go`. Its pid, or why there is none: `badopt`,
/// `badarg` where its name is taken or is none, `system_limit`.
[[nodiscard]] std::variant<atom, pid> start_runner(local_node& on, const spawn_wish& wish, const pid& leader,
                                                   remote_job job);

}  // namespace ergo::inline v0::detail
