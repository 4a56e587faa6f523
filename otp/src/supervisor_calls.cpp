// The C++ side of a supervisor's calls: requests as OTP sends them, answers as C++ types.
#include "child_errors.hpp"
#include "pending_specs.hpp"

#include <mutex>
#include <unordered_map>

namespace ergo::inline v0::otp {
namespace detail {
namespace {

struct waiting_specs {
  std::mutex mutex;
  std::unordered_map<reference, child_spec> specs;
};

waiting_specs& waiting() {
  static waiting_specs instance;
  return instance;
}

}  // namespace

pending_spec::pending_spec(reference key, child_spec spec) : key_{key} {
  const std::scoped_lock lock{waiting().mutex};
  waiting().specs.emplace(key_, std::move(spec));
}

pending_spec::~pending_spec() {
  const std::scoped_lock lock{waiting().mutex};
  waiting().specs.erase(key_);
}

std::optional<child_spec> take_pending(const term& key) {
  const auto ref = key.as_reference();
  if (!ref) return std::nullopt;
  const std::scoped_lock lock{waiting().mutex};
  auto found = waiting().specs.extract(*ref);
  if (!found) return std::nullopt;
  return std::move(found.mapped());
}

}  // namespace detail

namespace {

ergo::result<void> plain_answer(const ergo::result<term>& answer) {
  if (!answer) return std::unexpected{answer.error()};
  if (answer->is("ok"_atom)) return {};
  if (etf::is_tagged(*answer, "error"_atom, 2)) return std::unexpected{detail::refusal(answer->elements()[1])};
  return fail(errc::bad_answer, *answer);
}

ergo::result<std::optional<pid>> start_answer(const ergo::result<term>& answer) {
  if (!answer) return std::unexpected{answer.error()};
  if (etf::is_tagged(*answer, "error"_atom, 2)) return std::unexpected{detail::refusal(answer->elements()[1])};
  const bool started = etf::is_tagged(*answer, "ok"_atom, 2) || etf::is_tagged(*answer, "ok"_atom, 3);
  if (!started) return fail(errc::bad_answer, *answer);
  return answer->elements()[1].as_pid();
}

std::optional<child_info> read_info(const term& entry) {
  if (!entry.is_tuple(4)) return std::nullopt;
  const auto parts = entry.elements();
  child_info info;
  info.id = parts[0];
  info.process = parts[1].as_pid();
  info.restarting = parts[1].is("restarting"_atom);
  info.type = parts[2].is("supervisor"_atom) ? child_type::supervisor : child_type::worker;
  return info;
}

task<ergo::result<term>> ask(process& self, destination supervisor, atom operation, term operand) {
  const auto request = etf::tuple(operation, operand);
  auto answer = co_await otp::call(self, supervisor, request, forever);
  co_return answer;
}

}  // namespace

task<ergo::result<std::vector<child_info>>> which_children(process& self, destination supervisor) {
  auto answer = co_await otp::call(self, supervisor, "which_children"_atom, forever);
  if (!answer) co_return std::unexpected{answer.error()};
  std::vector<child_info> infos;
  for (const auto& entry : answer->items()) {
    auto info = read_info(entry);
    if (!info) co_return fail(errc::bad_answer, *answer);
    infos.push_back(*std::move(info));
  }
  co_return infos;
}

task<ergo::result<child_counts>> count_children(process& self, destination supervisor) {
  auto answer = co_await otp::call(self, supervisor, "count_children"_atom, forever);
  if (!answer) co_return std::unexpected{answer.error()};
  child_counts counts;
  for (const auto& entry : answer->items()) {
    if (!entry.is_tuple(2)) co_return fail(errc::bad_answer, *answer);
    const auto& name = entry.elements()[0];
    const auto value = entry.elements()[1].as_integer().value_or(0);
    if (name.is("specs"_atom)) counts.specs = value;
    if (name.is("active"_atom)) counts.active = value;
    if (name.is("supervisors"_atom)) counts.supervisors = value;
    if (name.is("workers"_atom)) counts.workers = value;
  }
  co_return counts;
}

task<ergo::result<std::optional<pid>>> start_child(process& self, destination supervisor, child_spec spec) {
  const detail::pending_spec waiting{self.make_ref(), std::move(spec)};
  const term key{waiting.key()};
  const auto answer = co_await ask(self, supervisor, detail::add_child_request(), key);
  co_return start_answer(answer);
}

task<ergo::result<std::optional<pid>>> start_child(process& self, destination supervisor, term spec) {
  const auto answer = co_await ask(self, supervisor, "start_child"_atom, spec);
  co_return start_answer(answer);
}

task<ergo::result<void>> terminate_child(process& self, destination supervisor, term id) {
  const auto answer = co_await ask(self, supervisor, "terminate_child"_atom, id);
  co_return plain_answer(answer);
}

task<ergo::result<std::optional<pid>>> restart_child(process& self, destination supervisor, term id) {
  const auto answer = co_await ask(self, supervisor, "restart_child"_atom, id);
  co_return start_answer(answer);
}

task<ergo::result<void>> delete_child(process& self, destination supervisor, term id) {
  const auto answer = co_await ask(self, supervisor, "delete_child"_atom, id);
  co_return plain_answer(answer);
}

task<ergo::result<term>> get_childspec(process& self, destination supervisor, term id) {
  const auto answer = co_await ask(self, supervisor, "get_childspec"_atom, id);
  if (!answer) co_return std::unexpected{answer.error()};
  if (etf::is_tagged(*answer, "ok"_atom, 2)) co_return answer->elements()[1];
  if (etf::is_tagged(*answer, "error"_atom, 2)) co_return std::unexpected{detail::refusal(answer->elements()[1])};
  co_return fail(errc::bad_answer, *answer);
}

}  // namespace ergo::inline v0::otp
