// A spawn request of erpc:execute_call/4, whose process ends with what the function returned.
#include "remote_function.hpp"

#include <ergo/calls.hpp>
#include <ergo/runtime.hpp>

#include <charconv>
#include <mutex>
#include <unordered_map>

namespace ergo::inline v0::otp::detail {
namespace {

using ergo::detail::call_record;

constexpr auto patience = std::chrono::seconds{5};
constexpr int first_that_wraps = 27;

struct function_call {
  atom module;
  atom function;
  term arguments;
};

/// The wait for the process that runs the function. Lives in the awaiting frame.
class function_awaiter final : public ergo::detail::waiting {
 public:
  function_awaiter(process& self, atom node, const function_call& what, duration timeout) : waiting{self, timeout} {
    const auto ref = prepare_spawn(self, record_, call_record::question::outcome);
    const auto arguments = etf::list(ref, what.module, what.function, what.arguments);
    start_spawn(self, record_,
                {.node = node,
                 .module = "erpc"_atom,
                 .function = "execute_call"_atom,
                 .arguments = arguments,
                 .monitor = true});
  }
  ~function_awaiter() { close_call(*self_, record_); }
  [[nodiscard]] bool await_ready() const noexcept { return record_.status != call_record::state::waiting; }
  bool over(process& /*self*/) override { return await_ready() || time_is_up(); }
  /// What the function returned; throws `callback_failure`.
  [[nodiscard]] term await_resume() const {
    const auto& end = record_.answer;
    const auto parts = end.elements();
    const bool known = record_.status == call_record::state::failed && parts.size() >= 3 &&
                       parts[0].as_reference() == ergo::call_reference(*self_, record_);
    if (!known) throw callback_failure{"error"_atom, etf::tuple("erpc"_atom, end)};
    if (parts[1].is("return"_atom)) return parts[2];
    throw callback_failure{parts[1].as_atom().value_or("error"_atom), parts[2]};
  }

 private:
  call_record record_;
};

/// Which incarnations of nodes have told their release.
class known_nodes {
 public:
  [[nodiscard]] std::optional<bool> wraps(etf::node_id node) const {
    const std::scoped_lock lock{mutex_};
    const auto found = wraps_.find(node.index());
    return found == wraps_.end() ? std::nullopt : std::optional{found->second};
  }
  void keep(etf::node_id node, bool wraps) {
    const std::scoped_lock lock{mutex_};
    wraps_[node.index()] = wraps;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, bool> wraps_;
};

known_nodes& known() {
  static known_nodes instance;
  return instance;
}

}  // namespace

task<term> run_function(process& self, pid asker, term function, term argument) {
  if (self.runtime().find_node(asker.node) != nullptr)
    throw callback_failure{"error"_atom, etf::tuple("badfun"_atom, function)};
  const function_call what{"erlang"_atom, "apply"_atom, etf::list(function, etf::list(argument))};
  function_awaiter running{self, asker.node.name(), what, forever};
  auto made = co_await running;
  co_return made;
}

task<bool> wraps_states(process& self, destination other) {
  const auto node = other.by_name() ? other.node() : other.process().node.name();
  if (node == atom{} || self.runtime().find_node_by_name(node) != nullptr) co_return true;
  if (!other.by_name()) {
    if (const auto told = known().wraps(other.process().node)) co_return *told;
  }
  const function_call what{"erlang"_atom, "system_info"_atom, etf::list("otp_release"_atom)};
  bool wraps = false;
  try {
    function_awaiter asking{self, node, what, patience};
    const auto release = co_await asking;
    const auto text = release.as_text().value_or("");
    int number = first_that_wraps;
    std::from_chars(text.data(), text.data() + text.size(), number);
    wraps = number >= first_that_wraps;
    if (!other.by_name()) known().keep(other.process().node, wraps);
  } catch (const callback_failure&) {
    wraps = true;
  }
  co_return wraps;
}

}  // namespace ergo::inline v0::otp::detail
