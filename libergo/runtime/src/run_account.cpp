#include "run_account.hpp"

#include "runtime_state.hpp"

#include <ergo/etf/text.hpp>

#include <boost/core/demangle.hpp>

#include <algorithm>
#include <typeinfo>

namespace ergo::inline v0 {
namespace detail {

std::unique_ptr<run_account> behaviour_accounts::open(const behaviour& body, const term& initial_call) {
  auto name = initial_call.is_nil() ? boost::core::demangle(typeid(body).name()) : etf::to_text(initial_call);
  const std::scoped_lock lock{mutex_};
  if (by_name_.size() >= most && !by_name_.contains(name)) name = "other";
  auto& account = by_name_[std::move(name)];
  account.started.fetch_add(1, std::memory_order_relaxed);
  return std::make_unique<run_account>(&account);
}

std::vector<behaviour_usage> behaviour_accounts::all() const {
  std::vector<behaviour_usage> found;
  {
    const std::scoped_lock lock{mutex_};
    for (const auto& [name, account] : by_name_) {
      found.push_back({name, duration{account.run_time.load(std::memory_order_relaxed)},
                       account.slices.load(std::memory_order_relaxed),
                       account.started.load(std::memory_order_relaxed)});
    }
  }
  std::ranges::sort(found, std::ranges::greater{}, &behaviour_usage::run_time);
  return found;
}

}  // namespace detail

std::vector<behaviour_usage> behaviour_usages(runtime& of) {
  const auto& accounts = of.state().accounts;
  return accounts == nullptr ? std::vector<behaviour_usage>{} : accounts->all();
}

}  // namespace ergo::inline v0
