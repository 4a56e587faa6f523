// Calls of functions on other nodes: a spawn request of erpc:execute_call/4, whose process ends with the answer.
#include <ergo/rpc.hpp>

#include <ergo/detail/core_api.hpp>

#include <future>
#include <memory>

namespace ergo::inline v0::rpc::detail {
namespace {

using ergo::detail::call_record;
using state = call_record::state;

// A reason of `erpc` itself, or of the request: the function was not called, or nothing is known of it.
result<term> own_failure(const term& reason, atom node) {
  if (reason.is("noconnection"_atom)) return fail(errc::nodedown, node);
  if (reason.is("notsup"_atom)) return fail(errc::not_supported, node);
  if (reason.is("timeout"_atom)) return fail(errc::timeout);
  if (reason.is("system_limit"_atom)) return fail(errc::system_limit, node);
  if (etf::is_tagged(reason, "permission_denied"_atom, 2)) {
    return fail(errc::permission_denied, reason.elements()[1]);
  }
  return fail(errc::badarg, reason);
}

// {Ref, return, V}, {Ref, throw, T}, {Ref, exit, R}, {Ref, error, R, Stack}, {Ref, error, {erpc, R}}
result<term> read_end(const term& reason, const reference& ref, atom node) {
  if (reason.is("noconnection"_atom)) return fail(errc::nodedown, node);
  const auto parts = reason.elements();
  if (parts.size() < 3 || parts[0].as_reference() != ref) return fail(errc::exited, reason);
  if (parts.size() == 4 && parts[1].is("error"_atom)) return fail(errc::remote_error, etf::tuple(parts[2], parts[3]));
  if (parts.size() != 3) return fail(errc::exited, reason);
  if (parts[1].is("return"_atom)) return parts[2];
  if (parts[1].is("throw"_atom)) return fail(errc::remote_throw, parts[2]);
  if (parts[1].is("exit"_atom)) return fail(errc::remote_exit, parts[2]);
  if (etf::is_tagged(parts[2], "erpc"_atom, 2)) return own_failure(parts[2].elements()[1], node);
  return fail(errc::exited, reason);
}

atom node_of(const call_record& record) {
  return record.sent_to.by_name() ? record.sent_to.node() : record.sent_to.process().node.name();
}

remote_spawn request_for(atom node, const function_call& what) {
  return {.node = node, .module = what.module, .function = what.function, .arguments = what.arguments};
}

}  // namespace

calls_awaiter::calls_awaiter(process& self, std::span<const atom> nodes, const function_call& what, duration timeout)
    : waiting{self, timeout}, records_(nodes.size()) {
  for (std::size_t index = 0; index < nodes.size(); ++index) {
    auto& record = records_[index];
    const auto ref = prepare_spawn(self, record, call_record::question::outcome);
    start_spawn(self, record,
                {.node = nodes[index],
                 .module = "erpc"_atom,
                 .function = "execute_call"_atom,
                 .arguments = etf::list(ref, what.module, what.function, what.arguments),
                 .monitor = true});
  }
}

calls_awaiter::~calls_awaiter() {
  for (auto& record : records_) close_call(*self_, record);
}

bool calls_awaiter::await_ready() const noexcept {
  return std::ranges::all_of(records_, [](const call_record& one) { return one.status != state::waiting; });
}

bool calls_awaiter::over(process& /*self*/) { return await_ready() || time_is_up(); }

result<term> calls_awaiter::outcome(std::size_t index) const {
  const auto& record = records_[index];
  if (record.status == state::waiting) return fail(errc::timeout);
  if (record.status == state::answered) return own_failure(record.answer, node_of(record));
  return read_end(record.answer, ergo::call_reference(*self_, record), node_of(record));
}

spawn_awaiter::spawn_awaiter(process& self, const spawn_at& where, const function_call& what, bool link, bool monitor)
    : waiting{self, where.where.within}, id_{prepare_spawn(self, record_, call_record::question::spawn)} {
  auto request = request_for(where.where.node, what);
  request.name = where.registered;
  request.link = link;
  request.monitor = monitor;
  start_spawn(self, record_, request);
}

spawn_awaiter::~spawn_awaiter() { close_call(*self_, record_); }

bool spawn_awaiter::await_ready() const noexcept { return record_.status != state::waiting; }

bool spawn_awaiter::over(process& /*self*/) { return await_ready() || time_is_up(); }

result<pid> spawn_awaiter::await_resume() const {
  if (record_.status == state::waiting) return fail(errc::timeout);
  if (const auto started = record_.answer.as_pid()) return *started;
  return std::unexpected{own_failure(record_.answer, node_of(record_)).error()};
}

void cast(process& self, atom node, const function_call& what) {
  request_spawn(self, {.node = node,
                       .module = "erpc"_atom,
                       .function = "execute_cast"_atom,
                       .arguments = etf::list(what.module, what.function, what.arguments)});
}

// ----- from outside -------------------------------------------------------------------------------------------------

namespace {

using outcomes = std::vector<result<term>>;

// Keeps the promise when its process ends without an answer, because the node stops.
class promise_keeper {
 public:
  explicit promise_keeper(std::size_t expected) noexcept : expected_{expected} {}
  promise_keeper(const promise_keeper&) = delete;
  promise_keeper& operator=(const promise_keeper&) = delete;
  ~promise_keeper() {
    if (!kept_) promise_.set_value(outcomes(expected_, fail(errc::stopped)));
  }
  void keep(outcomes all) {
    kept_ = true;
    promise_.set_value(std::move(all));
  }
  [[nodiscard]] std::future<outcomes> future() { return promise_.get_future(); }

 private:
  std::size_t expected_;
  bool kept_ = false;
  std::promise<outcomes> promise_;
};

task<> call_for_outside(process& self, std::vector<atom> nodes, function_call what, duration timeout,
                        std::unique_ptr<promise_keeper> outcome) {
  calls_awaiter calling{self, nodes, what, timeout};
  co_await calling;
  outcomes all;
  for (std::size_t index = 0; index < nodes.size(); ++index) all.push_back(calling.outcome(index));
  outcome->keep(std::move(all));
}

task<> cast_for_outside(process& self, atom node, function_call what) {
  cast(self, node, what);
  co_return;
}

}  // namespace

outcomes call_and_wait(ergo::node& from, std::span<const atom> nodes, const function_call& what, duration timeout) {
  auto keeper = std::make_unique<promise_keeper>(nodes.size());
  auto told = keeper->future();
  std::vector<atom> names(nodes.begin(), nodes.end());
  const auto worker = from.spawn(call_for_outside, std::move(names), what, timeout, std::move(keeper));
  if (!worker) return outcomes(nodes.size(), std::unexpected{worker.error()});
  return told.get();
}

void cast(ergo::node& from, atom node, const function_call& what) { (void)from.spawn(cast_for_outside, node, what); }

}  // namespace ergo::inline v0::rpc::detail
