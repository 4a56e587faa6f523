// Faults: what they do, their numbers, and those that are left out.
#include "network.hpp"
#include "sequence.hpp"
#include "span_text.hpp"

#include <algorithm>
#include <array>

namespace ergo::inline v0::testing {

// ----- between nodes ------------------------------------------------------------------------------------------------

template <typename Act>
void sim::between(const char* what, std::string_view left, std::string_view right, const Act& act) {
  auto* const one = find(left);
  auto* const other = find(right);
  if (one == nullptr || other == nullptr || one == other) return;
  note(what + (" " + one->name) + " " + other->name);
  act(*one, *other);
}

void sim::cut(std::string_view left, std::string_view right) {
  between("cut", left, right, [this](member& one, member& other) { network_->cut(one, other); });
}

void sim::partition(std::string_view left, std::string_view right) {
  between("partition", left, right, [this](member& one, member& other) { network_->partition(one, other); });
}

void sim::mute(std::string_view from, std::string_view to) {
  between("mute", from, to, [this](member& one, member& other) { network_->mute(one, other); });
}

void sim::heal(std::string_view left, std::string_view right) {
  between("heal", left, right, [this](member& one, member& other) { network_->heal(one, other); });
}

void sim::heal() {
  note("heal all");
  network_->heal_all();
  for (const auto& one : members_) read_every(one->name, duration{});
}

void sim::read_every(std::string_view node, duration gap) {
  auto* const one = find(node);
  if (one == nullptr || one->gap == gap) return;
  note("read_every " + one->name + " " + span_text(gap));
  one->gap = gap;
  one->reads_at = gap == duration{} ? time_point{} : after(now(), gap);
}

bool sim::connected(std::string_view left, std::string_view right) const {
  const auto* const one = find(left);
  const auto* const other = find(right);
  return one != nullptr && other != nullptr && network_->connected(*one, *other);
}

// ----- the plan -----------------------------------------------------------------------------------------------------

/// The time within one fault: its random numbers, and faults that are part of it.
class sim::turn {
 public:
  explicit turn(sim& of) : sim_{of} {
    sim_.in_fault_ = true;
    sim_.fault_ = sequence(sim_.options_.seed, first_of_faults + sim_.faults_.size());
  }
  ~turn() { sim_.in_fault_ = false; }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

 private:
  sim& sim_;
};

void sim::plan(chosen_fault chosen) {
  const auto number = static_cast<unsigned>(faults_.size()) + 1;
  const bool done = options_.faults.contains(number);
  faults_.push_back({.number = number, .at = elapsed(), .what = std::move(chosen.what), .done = done});
  note("fault " + std::to_string(number) + (done ? ": " : " is left out: ") + faults_.back().what);
  if (!done) return;
  chosen.act();
  check_invariants();
}

void sim::fault(const std::string& what, const std::function<void()>& act) {
  if (in_fault_) return act();
  const turn now{*this};
  plan({what, act});
}

void sim::random_fault(const fault_mix& mix) {
  if (in_fault_) return choose_fault(mix).act();
  const turn now{*this};
  plan(choose_fault(mix));
}

std::vector<std::string> sim::mortal(const fault_mix& mix) const {
  auto names = nodes();
  std::erase_if(names,
                [&](const std::string& name) { return std::ranges::find(mix.spared, name) != mix.spared.end(); });
  return names;
}

sim::chosen_fault sim::choose_fault(const fault_mix& mix) {
  const std::array all{mix.cut, mix.partition, mix.mute, mix.heal, mix.slow, mix.restart, mix.kill};
  std::size_t sum = 0;
  for (const auto weight : all) sum += weight;
  chosen_fault nothing{"nothing", [] {}};
  if (sum == 0) return nothing;
  auto ticket = pick(sum);
  const std::size_t of_connections = mix.cut + mix.partition + mix.mute + mix.heal;
  if (ticket < of_connections) return choose_connection_fault(mix, ticket);
  ticket -= of_connections;
  const auto names = ticket < mix.slow ? nodes() : mortal(mix);
  if (names.empty()) return nothing;
  const auto& name = names[pick(names.size())];
  if (ticket < mix.slow) {
    const auto gap =
        pick(2) == 0
            ? duration{}
            : duration{static_cast<duration::rep>(pick(static_cast<std::size_t>(mix.slowest_reading.count()) + 1))};
    return {"read_every " + name + " " + span_text(gap), [this, name, gap] { read_every(name, gap); }};
  }
  if (ticket < mix.slow + mix.restart) {
    const duration absence{static_cast<duration::rep>(pick(static_cast<std::size_t>(mix.longest_absence.count()) + 1))};
    return {"restart " + name + " after " + span_text(absence), [this, name, absence] { restart(name, absence); }};
  }
  const auto processes = find(name)->runtime->processes(node(name));
  if (processes.empty()) return nothing;
  const auto victim = processes[pick(processes.size())];
  return {"kill " + std::to_string(victim.id) + " on " + name, [this, victim] { kill(victim); }};
}

sim::chosen_fault sim::choose_connection_fault(const fault_mix& mix, std::size_t ticket) {
  const auto names = nodes();
  if (names.size() < 2) return {"nothing", [] {}};
  const auto first = pick(names.size());
  const auto& left = names[first];
  const auto& right = names[(first + 1 + pick(names.size() - 1)) % names.size()];
  const auto pair = left + " " + right;
  if (ticket < mix.cut) return {"cut " + pair, [this, left, right] { cut(left, right); }};
  ticket -= mix.cut;
  if (ticket < mix.partition) return {"partition " + pair, [this, left, right] { partition(left, right); }};
  ticket -= mix.partition;
  if (ticket < mix.mute) return {"mute " + pair, [this, left, right] { mute(left, right); }};
  return {"heal " + pair, [this, left, right] { heal(left, right); }};
}

}  // namespace ergo::inline v0::testing
