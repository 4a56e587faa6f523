// Running functions for other nodes (protocol §4.5, §6.4).
#include "functions.hpp"

#include <array>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

term undefined_function(atom module, atom function, const term& arguments) {
  return etf::list(etf::tuple(module, function, arguments, term{}));
}

std::optional<remote_function> look_up(const remote_job& job) {
  auto found = job.functions->find({job.module, job.function, job.arguments.items().size()});
  if (!found) return std::nullopt;
  return found;
}

// [Ref, M, F, Args]: the exit reason carries the outcome back to the caller.
exit_reason execute_call(const remote_job& job, process& self) {
  const auto given = job.arguments.items();
  const auto& ref = given[0];
  const auto module = given[1].as_atom();
  const auto function = given[2].as_atom();
  if (!module || !function || !given[3].is_list()) {
    return etf::tuple(ref, "error"_atom, etf::tuple("erpc"_atom, "badarg"_atom));
  }
  const remote_job inner{job.functions, *module, *function, given[3]};
  const auto body = look_up(inner);
  if (!body) return etf::tuple(ref, "error"_atom, "undef"_atom, undefined_function(*module, *function, given[3]));
  try {
    auto value = (*body)(self, inner.arguments.items());
    if (value) return etf::tuple(ref, "return"_atom, *value);
    return etf::tuple(ref, "error"_atom, value.error().reason(), term{});
  } catch (const std::exception& thrown) {
    return etf::tuple(ref, "error"_atom, etf::tuple("exception"_atom, etf::binary(thrown.what())), term{});
  }
}

exit_reason execute_cast(const remote_job& job, process& self) {
  const auto given = job.arguments.items();
  const auto module = given[0].as_atom();
  const auto function = given[1].as_atom();
  if (!module || !function || !given[2].is_list()) return exit_reason{"badarg"_atom};
  return run(remote_job{job.functions, *module, *function, given[2]}, self);
}

class runner final : public behaviour {
 public:
  explicit runner(remote_job job) : job_{std::move(job)} {}
  void start(process& /*self*/) override {}
  void receive(process& self, message /*go*/) override { self.stop(run(job_, self)); }
  void task_ended(process& /*self*/) override {}

 private:
  remote_job job_;
};

// `link`, `{link, Options}` and so on; other known options concern the emulator's memory and are accepted.
bool is_tuning(atom name) {
  static const auto known =
      std::to_array<atom>({"priority"_atom, "async_dist"_atom, "message_queue_data"_atom, "min_heap_size"_atom,
                           "max_heap_size"_atom, "min_bin_vheap_size"_atom, "fullsweep_after"_atom, "scheduler"_atom});
  return std::ranges::find(known, name) != known.end();
}

}  // namespace

void function_table::add(const function_name& name, remote_function body) {
  const std::unique_lock lock{mutex_};
  functions_.insert_or_assign(name, std::move(body));
}

remote_function function_table::find(const function_name& name) const {
  const std::shared_lock lock{mutex_};
  const auto found = functions_.find(name);
  return found == functions_.end() ? remote_function{} : found->second;
}

exit_reason run(const remote_job& job, process& self) {
  const auto arity = job.arguments.items().size();
  if (job.module == "erpc"_atom && job.function == "execute_call"_atom && arity == 4) return execute_call(job, self);
  if (job.module == "erpc"_atom && job.function == "execute_cast"_atom && arity == 3) return execute_cast(job, self);
  const auto body = look_up(job);
  if (!body) return etf::tuple("undef"_atom, undefined_function(job.module, job.function, job.arguments));
  auto value = (*body)(self, job.arguments.items());
  if (!value) return etf::tuple(value.error().reason(), term{});
  return exit_reason::normal();
}

std::unique_ptr<behaviour> make_runner(remote_job job) { return std::make_unique<runner>(std::move(job)); }

spawn_wish read_spawn_options(const term& options) {
  spawn_wish wish;
  for (const auto& option : options.items()) {
    const auto name = option.is_tuple(2) ? option.elements()[0].as_atom() : option.as_atom();
    if (name == "link"_atom) {
      wish.link = true;
    } else if (name == "monitor"_atom) {
      wish.monitor = true;
    } else if (!name || !is_tuning(*name)) {
      wish.bad = true;
    }
  }
  return wish;
}

}  // namespace ergo::inline v0::detail
