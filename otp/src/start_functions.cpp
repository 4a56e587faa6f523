// Start functions and how they are called.
#include <ergo/otp/start_functions.hpp>

#include <mutex>

namespace ergo::inline v0::otp {
namespace detail {

task<ergo::result<started_child>> start_linked(process& self, start_options options, std::unique_ptr<behaviour> body) {
  start_awaiter starting{self, options, tie::link, std::move(body)};
  auto process = co_await starting;
  started_child started;
  if (process) started.process = *process;
  if (!process && process.error() != errc::ignored) co_return std::unexpected{process.error()};
  co_return started;
}

error no_such_arguments() {
  return {errc::exited, etf::tuple("EXIT"_atom, etf::tuple("function_clause"_atom, term{}))};
}

}  // namespace detail

ergo::result<void> start_functions::add(atom module, atom function, std::size_t arity, start_function body) {
  auto held = std::make_shared<const start_function>(std::move(body));
  const std::unique_lock lock{mutex_};
  const auto [place, fresh] = functions_.try_emplace(name{module, function, arity}, std::move(held));
  if (!fresh) return fail(errc::already_present, etf::tuple(module, function, arity));
  return {};
}

bool start_functions::remove(atom module, atom function, std::size_t arity) {
  const std::unique_lock lock{mutex_};
  return functions_.erase(name{module, function, arity}) != 0;
}

std::shared_ptr<const start_function> start_functions::find(atom module, atom function, std::size_t arity) const {
  const std::shared_lock lock{mutex_};
  const auto found = functions_.find(name{module, function, arity});
  return found == functions_.end() ? nullptr : found->second;
}

}  // namespace ergo::inline v0::otp
