// The registrar: changes names on all known nodes under the lock on all names, one change after the other.
#pragma once

#include "members.hpp"
#include "rounds.hpp"

#include <memory>

namespace ergo::inline v0::otp::global_detail {

/// A change of names that all known nodes make.
struct change {
  term request;                         ///< `{register, …}` or `{unregister, …}`
  std::function<bool()> allowed;        ///< asked under the lock; empty: always
  std::function<void(bool made)> done;  ///< once all nodes have answered and the lock is given back
};

class registrar {
 public:
  registrar(context& shared, const members& known, rounds& asking)
      : context_{shared}, members_{known}, rounds_{asking} {}

  void submit(change wanted);

 private:
  void next();
  void lock(unsigned times);
  void lock_all(unsigned times, const std::vector<atom>& nodes);
  void again(unsigned times);
  void make(const std::vector<atom>& nodes);
  void finish(const std::vector<atom>& nodes, bool made);
  [[nodiscard]] lock_id id() const { return {names_resource(), term{context_.self()}}; }

  context& context_;
  const members& members_;
  rounds& rounds_;
  std::deque<change> waiting_;
  bool busy_ = false;
};

}  // namespace ergo::inline v0::otp::global_detail
