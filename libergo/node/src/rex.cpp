// rex (protocol §6.4; kernel/src/rpc.erl).
#include "rex.hpp"

#include "net_kernel.hpp"
#include "stdout_leader.hpp"

#include <ergo/etf/seeded_hash.hpp>
#include <ergo/runtime.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <deque>
#include <optional>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

term bad_rpc(const term& reason) { return etf::tuple("badrpc"_atom, etf::tuple("EXIT"_atom, reason)); }

/// Who waits for the value of a call: a caller of gen_server:call, or a C node that gets `{rex, Value}`.
struct asker {
  std::optional<caller> calling;
  std::optional<pid> raw;
  std::optional<pid> printer = {};  ///< the group leader that sends a C node what is printed, and then the value

  void answer(process& self, term value) const {
    if (calling) return self.reply(*calling, std::move(value));
    if (printer) {
      self.send(*printer, etf::tuple("answer"_atom, value));
    } else if (raw) {
      self.send(*raw, etf::tuple("rex"_atom, value));
    }
  }
};

/// {call | block_call | cast, Module, Function, Arguments, GroupLeader}
struct request {
  atom module;
  atom function;
  term arguments;
  pid leader{};
};

std::optional<request> read_request(const term& content) {
  const auto parts = content.elements();
  const auto module = parts[1].as_atom();
  const auto function = parts[2].as_atom();
  if (!module || !function || !parts[3].is_list() || !parts[3].list_tail().is_nil()) return std::nullopt;
  return request{*module, *function, parts[3], parts[4].as_pid().value_or(pid{})};
}

class rex final : public behaviour {
 public:
  explicit rex(std::shared_ptr<const function_table> functions) : functions_{std::move(functions)} {}

  void start(process& /*self*/) override {}
  void task_ended(process& /*self*/) override {}
  void receive(process& self, message received) override {
    if (const auto ended = received.as<down>()) return worker_ended(self, *ended);
    if (const auto told = received.as<exit_message>()) return end_with_node(self, *told);
    if (!blocked_by_) return serve(self, received);
    later_.push_back(std::move(received));
  }

 private:
  void serve(process& self, const message& received) {
    const auto from = received.get()->name;
    const auto held = from == atom{} ? right::all : functions_->policy().of(from);
    const auto& content = received.payload();
    if (received.is_call()) return take_call(self, content, {received.from(), std::nullopt}, held);
    if (received.is_cast()) return take_cast(self, content, held);
    if (received.kind() == signal_kind::message) take_plain(self, content, from, held);
  }

  void take_call(process& self, const term& content, asker who, right held) {
    const bool blocks = etf::is_tagged(content, "block_call"_atom, 5);
    if (!blocks && !etf::is_tagged(content, "call"_atom, 5)) return who.answer(self, bad_rpc(term{"notsup"_atom}));
    auto wanted = read_request(content);
    if (!wanted) return who.answer(self, bad_rpc(term{"badarg"_atom}));
    if (who.raw && content.elements()[4].is("send_stdout_to_caller"_atom)) {
      const auto printer = self.try_spawn({}, make_stdout_leader(*who.raw));
      if (!printer) return who.answer(self, bad_rpc(printer.error().reason()));
      wanted->leader = *printer;
      who.printer = *printer;
    }
    const auto answering = [who](process& worker, const outcome& how) {
      who.answer(worker, how.as_rpc_answer());
      return exit_reason::normal();
    };
    const auto worker = start_worker(self, *wanted, held, answering);
    if (!worker) return who.answer(self, bad_rpc(worker.error().reason()));
    const auto watch = self.monitor(*worker);
    waiting_.emplace(watch.ref, who);
    if (blocks) blocked_by_ = watch.ref;
  }

  void take_cast(process& self, const term& content, right held) {
    if (!etf::is_tagged(content, "cast"_atom, 5)) return;
    const auto wanted = read_request(content);
    if (!wanted) return;
    (void)start_worker(self, *wanted, held, [](process& /*worker*/, const outcome& how) { return how.as_exit(); });
  }

  // {From, Request}
  void take_plain(process& self, const term& content, atom origin, right held) {
    if (!content.is_tuple(2)) return;
    const auto from = content.elements()[0].as_pid();
    const auto& asked = content.elements()[1];
    if (!from) return;
    if (asked.is("features_request"_atom)) {
      self.send(*from, etf::tuple("features_reply"_atom, self.node().name(), etf::list("erpc"_atom)));
      return;
    }
    if (etf::is_tagged(asked, "sbcast"_atom, 3)) {
      const auto& name = asked.elements()[1];
      const bool sent = pass_on(self, {origin, held}, name, asked.elements()[2]);
      return tell(self, *from, sent ? term{self.node().name()} : etf::tuple("nonexisting_name"_atom, name));
    }
    if (etf::is_tagged(asked, "send"_atom, 3)) {
      const auto& name = asked.elements()[1];
      if (pass_on(self, {origin, held}, name, etf::tuple(*from, asked.elements()[2]))) return;
      return tell(self, *from, etf::tuple("nonexisting_name"_atom, name));
    }
    take_call(self, asked, {std::nullopt, from}, held);
  }

  static void tell(process& self, const pid& to, const term& what) {
    self.send(to, etf::tuple("rex"_atom, self.node().name(), what));
  }
  // What is passed on keeps its origin: sent to rex itself, it must not seem to be of this node. A name that is guarded
  // from whoever asks is as if nobody had it.
  bool pass_on(process& self, const guest& whose, const term& name, const term& content) const {
    const auto known = name.as_atom();
    const auto target = known ? self.node().whereis(*known) : std::nullopt;
    if (!target) return false;
    const bool manages = contains(whose.held, right::manage);
    if (!manages && !functions_->guarded().admits(self.node(), *target, whose, content)) return false;
    auto* const envelope = make_signal(signal_kind::message, self.id(), content);
    envelope->name = whose.node;
    self.node().route_local(*target, envelope);
    return true;
  }

  result<pid> start_worker(process& self, const request& wanted, right held, conclusion end) {
    spawn_options options;
    options.group_leader = wanted.leader;
    options.initial_call = etf::tuple(wanted.module, wanted.function, wanted.arguments.items().size());
    remote_job job{functions_, held, wanted.module, wanted.function, wanted.arguments};
    return self.try_spawn(options, make_runner(std::move(job), std::move(end)));
  }

  // Whoever ended normally has answered.
  void worker_ended(process& self, const down& ended) {
    const auto found = waiting_.find(ended.ref);
    if (found == waiting_.end()) return;
    if (!ended.reason.is_normal()) found->second.answer(self, bad_rpc(ended.reason.value()));
    waiting_.erase(found);
    if (blocked_by_ == ended.ref) go_on(self);
  }

  // What came while a `block_call` ran, up to the next one.
  void go_on(process& self) {
    blocked_by_.reset();
    while (!blocked_by_ && !later_.empty()) {
      const auto next = std::move(later_.front());
      later_.pop_front();
      serve(self, next);
    }
  }

  std::shared_ptr<const function_table> functions_;
  boost::unordered_flat_map<reference, asker, etf::seeded_hash> waiting_;
  std::optional<reference> blocked_by_;  // the monitor of a `block_call`: rex serves nobody else until it has ended
  std::deque<message> later_;
};

}  // namespace

std::unique_ptr<behaviour> make_rex(std::shared_ptr<const function_table> functions) {
  return std::make_unique<rex>(std::move(functions));
}

}  // namespace ergo::inline v0::detail
