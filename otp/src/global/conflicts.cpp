// After exchange_names of global.erl.
#include "conflicts.hpp"

namespace ergo::inline v0::otp::global_detail {
namespace {

term insertion(const term& name, const pid& process, const term& method) {
  return etf::tuple("insert"_atom, etf::tuple(name, process, method));
}

// The method as a function of the module `global`, or `''`.
atom known_method(const term& method) {
  const auto fun = method.as_fun();
  if (!fun || !fun->external || fun->module != "global"_atom || fun->arity != 3) return {};
  return fun->function;
}

struct ranked {
  pid first;
  pid last;
};

ranked by_node(const pid& left, const pid& right) {
  if (node_less{}(left.node.name(), right.node.name())) return {left, right};
  return {right, left};
}

}  // namespace

struct conflicts::run {
  term theirs;
  atom peer;
  std::function<void(resolution)> done;
  std::size_t next = 0;
  resolution made;
  // The conflict that is being decided.
  term name;
  pid ours_process;
  term ours_method;
};

std::shared_ptr<void> conflicts::compare(const term& theirs, atom peer, std::function<void(resolution)> done) {
  auto made = std::make_shared<run>();
  made->theirs = theirs;
  made->peer = peer;
  made->done = std::move(done);
  go_on(made);
  return made;
}

void conflicts::go_on(const std::shared_ptr<run>& on) {
  context_.post([this, weak = std::weak_ptr{on}] {
    if (const auto still = weak.lock()) step(still);
  });
}

void conflicts::step(const std::shared_ptr<run>& on) {
  const auto items = on->theirs.items();
  while (on->next < items.size()) {
    const auto& item = items[on->next];
    const auto process = item.is_tuple(3) ? item.elements()[1].as_pid() : std::nullopt;
    if (!process) {
      ++on->next;
      continue;
    }
    const auto& name = item.elements()[0];
    const auto* ours = names_.find(name);
    if (ours == nullptr) {
      on->made.ours.push_back(insertion(name, *process, item.elements()[2]));
    } else if (ours->process != *process && node_less{}(context_.node(), on->peer)) {
      return decide(on, name, *ours, *process);
    }
    ++on->next;
  }
  on->done(std::move(on->made));
}

// The three methods that OTP has are carried out here, wherever the processes are; any other by its node.
void conflicts::decide(const std::shared_ptr<run>& on, const term& name, const named& ours, const pid& theirs) {
  on->name = name;
  on->ours_process = ours.process;
  on->ours_method = ours.method;
  const auto method = known_method(ours.method);
  const auto [first, last] = by_node(theirs, ours.process);
  const term kept{first};
  if (method == "random_exit_name"_atom) {
    context_.act(kill_action{last, on->peer});
    return settle(on, &kept);
  }
  if (method == "random_notify_name"_atom) {
    context_.act(send_action{last, etf::tuple("global_name_conflict"_atom, name)});
    return settle(on, &kept);
  }
  if (method == "notify_all_name"_atom) {
    context_.act(send_action{theirs, etf::tuple("global_name_conflict"_atom, name, ours.process)});
    context_.act(send_action{ours.process, etf::tuple("global_name_conflict"_atom, name, theirs)});
    const term none{"none"_atom};
    return settle(on, &none);
  }
  const auto arguments = etf::list(ours.method, name, theirs, ours.process);
  const auto request = etf::tuple("call"_atom, "global"_atom, "resolve_it"_atom, arguments, context_.self());
  context_.call("rex"_atom, ours.process.node.name(), request, [this, weak = std::weak_ptr{on}](const term* given) {
    if (const auto still = weak.lock()) settle(still, given);
  });
}

// Who cannot be asked loses the name to the other side; a decision for neither deletes it.
void conflicts::settle(const std::shared_ptr<run>& on, const term* kept) {
  const auto& item = on->theirs.items()[on->next];
  const auto theirs = *item.elements()[1].as_pid();
  const bool failed = kept == nullptr || etf::is_tagged(*kept, "badrpc"_atom, 2);
  if (failed || *kept == term{theirs}) {
    on->made.ours.push_back(insertion(on->name, theirs, item.elements()[2]));
  } else if (*kept == term{on->ours_process}) {
    on->made.theirs.push_back(insertion(on->name, on->ours_process, on->ours_method));
  } else {
    const auto deletion = etf::tuple("delete"_atom, on->name);
    on->made.ours.push_back(deletion);
    on->made.theirs.push_back(deletion);
  }
  ++on->next;
  go_on(on);  // not from here: there may be a hundred thousand conflicts
}

}  // namespace ergo::inline v0::otp::global_detail
