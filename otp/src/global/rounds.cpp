#include "rounds.hpp"

#include <algorithm>
#include <memory>

namespace ergo::inline v0::otp::global_detail {
namespace {

// A question that has not been answered by everybody yet.
struct round {
  std::size_t open = 0;
  std::vector<answer> answers;
  std::function<void(std::vector<answer>)> done;
};

void finish_if_complete(context& shared, const std::shared_ptr<round>& asked) {
  if (asked->open == 0) shared.post([asked] { asked->done(std::move(asked->answers)); });
}

bool is_false(const answer& given) { return given.value && given.value->is("false"_atom); }

}  // namespace

atom boss_of(const std::vector<atom>& nodes) { return *std::ranges::max_element(nodes, node_less{}); }

std::vector<atom> without(std::vector<atom> nodes, atom gone) {
  std::erase(nodes, gone);
  return nodes;
}

void rounds::ask(const std::vector<atom>& nodes, const term& request, std::function<void(std::vector<answer>)> done) {
  const auto asked = std::make_shared<round>();
  asked->done = std::move(done);
  for (const auto node : nodes) {
    if (node == context_.node()) {
      asked->answers.push_back({node, own_answer_(request)});
      continue;
    }
    ++asked->open;
    context_.call("global_name_server"_atom, node, request, [this, asked, node](const term* given) {
      asked->answers.push_back({node, given == nullptr ? std::nullopt : std::optional{*given}});
      --asked->open;
      finish_if_complete(context_, asked);
    });
  }
  finish_if_complete(context_, asked);
}

// Our own lock is looked at first: if it is taken, the others need not be asked.
void rounds::lock(const lock_id& id, const std::vector<atom>& nodes, std::function<void(bool)> done) {
  const bool probe = nodes.size() > 1 && std::ranges::find(nodes, context_.node()) != nodes.end();
  if (probe && !locks_.can_set(id)) {
    context_.post([done = std::move(done)] { done(false); });
    return;
  }
  ask(nodes, etf::tuple("set_lock"_atom, id.to_term()),
      [this, id, done = std::move(done)](const std::vector<answer>& answers) { settle_lock(id, answers, done); });
}

void rounds::settle_lock(const lock_id& id, const std::vector<answer>& answers, std::function<void(bool)> done) {
  if (std::ranges::none_of(answers, is_false)) return done(true);
  std::vector<atom> locked;
  for (const auto& given : answers) {
    if (given.value && given.value->is("true"_atom)) locked.push_back(given.node);
  }
  unlock(id, locked, [done = std::move(done)] { done(false); });
}

void rounds::unlock(const lock_id& id, const std::vector<atom>& nodes, std::function<void()> done) {
  ask(nodes, etf::tuple("del_lock"_atom, id.to_term()),
      [done = std::move(done)](const std::vector<answer>&) { done(); });
}

void rounds::unlock_boss_last(const lock_id& id, std::vector<atom> nodes, std::function<void()> done) {
  const auto boss = boss_of(nodes);
  unlock(id, without(std::move(nodes), boss),
         [this, id, boss, done = std::move(done)]() mutable { unlock(id, {boss}, std::move(done)); });
}

}  // namespace ergo::inline v0::otp::global_detail
