// Nodes, steps and time of a simulation.
#include "network.hpp"
#include "sequence.hpp"
#include "span_text.hpp"

#include <algorithm>
#include <stdexcept>

namespace ergo::inline v0::testing {
namespace {

constexpr std::size_t history_length = 400;

// The way out of a simulated node.
template <typename Network, typename Member>
class way_out final : public outbound {
 public:
  way_out(Network& network, Member& from) : network_{network}, from_{from} {}
  void deliver(const destination& to, detail::signal* envelope) noexcept override {
    network_.deliver(from_, to, envelope);
  }
  [[nodiscard]] bool busy(atom node, const pid& /*sender*/) const noexcept override {
    return network_.busy(from_, node);
  }
  void wake_when_drained(atom node, const pid& waiting) noexcept override {
    network_.wake_when_drained(from_, node, waiting);
  }
  void monitor_node(const pid& watcher, atom node) noexcept override { network_.monitor_node(from_, watcher, node); }
  void demonitor_node(const pid& watcher, atom node) noexcept override {
    network_.demonitor_node(from_, watcher, node);
  }

 private:
  Network& network_;
  Member& from_;
};

}  // namespace

sim::sim(sim_options options)
    : options_{std::move(options)},
      order_{sequence(options_.seed, 0)},
      script_{sequence(options_.seed, 1)},
      slices_{sequence(options_.seed, 2)},
      network_{std::make_unique<network>(*this)} {}

sim::~sim() { crash_all(); }

void sim::crash_all() {
  for (auto& one : members_) {
    if (one->runtime != nullptr) crash(one->name);
  }
}

// ----- nodes --------------------------------------------------------------------------------------------------------

sim::member* sim::find(std::string_view name) const {
  const auto found = std::ranges::find_if(members_, [&](const auto& one) { return one->name == name; });
  return found == members_.end() ? nullptr : found->get();
}

local_node& sim::start(std::string_view name, std::function<void(const std::string&)> boot) {
  auto* one = find(name);
  if (one == nullptr) {
    one = members_.emplace_back(std::make_unique<member>()).get();
    one->name = name;
  }
  if (one->runtime != nullptr) throw std::logic_error{"this node is running: " + one->name};
  auto options = options_.runtime;
  options.manual = true;
  options.clock = &clock_;
  const auto identity = etf::node_id::make(atom::of(name), ++one->creation);
  if (!identity) throw std::length_error{"too many node names and creations in this program"};
  one->runtime = std::make_unique<ergo::runtime>(std::move(options));
  one->node = &one->runtime->add_node(*identity);
  one->way = std::make_unique<way_out<network, member>>(*network_, *one);
  one->node->connect(one->way.get());
  note("start " + one->name);
  if (boot) one->boot = std::move(boot);
  if (one->boot) one->boot(one->name);
  return *one->node;
}

void sim::restart(std::string_view name, duration absence) {
  crash(name);
  run_for(absence);
  if (!running(name)) start(name);
}

void sim::crash(std::string_view name) {
  auto* const one = find(name);
  if (one == nullptr || one->runtime == nullptr) return;
  note("crash " + one->name);
  one->node->connect(nullptr);  // what its destructors send goes nowhere
  network_->crashed(*one);
  one->node = nullptr;
  one->runtime.reset();
  one->way.reset();
}

bool sim::running(std::string_view name) const {
  const auto* const one = find(name);
  return one != nullptr && one->runtime != nullptr;
}

local_node& sim::node(std::string_view name) const {
  auto* const one = find(name);
  if (one == nullptr || one->node == nullptr) throw std::out_of_range{"no such node is running: " + std::string{name}};
  return *one->node;
}

std::vector<std::string> sim::nodes() const {
  std::vector<std::string> names;
  for (const auto& one : members_) {
    if (one->runtime != nullptr) names.push_back(one->name);
  }
  return names;
}

// ----- progress -----------------------------------------------------------------------------------------------------

time_point sim::fire_timers() {
  auto next = time_point::max();
  for (auto& one : members_) {
    if (one->runtime != nullptr) next = std::min(next, one->runtime->fire_timers());
  }
  return next;
}

// One thing among those that can be done now: every node that has something runnable, every packet and notice due.
bool sim::act() {
  const auto arrivals = network_->due_actions(now());
  const auto choices = members_.size() + arrivals;
  if (choices == 0) return false;
  const auto first = choose(choices);
  for (std::size_t turn = 0; turn < choices; ++turn) {
    const auto choice = (first + turn) % choices;
    if (choice >= members_.size()) {
      network_->act(choice - members_.size());
      return true;
    }
    auto& one = *members_[choice];
    if (one.runtime == nullptr) continue;
    in_slice_ = true;
    const bool ran = one.runtime->step([&](std::size_t runnable) { return choose(runnable); });
    in_slice_ = false;
    if (!ran) continue;
    note("slice " + one.name);
    return true;
  }
  return false;
}

// One thing that can be done at this time, if there is any.
bool sim::try_work() {
  (void)fire_timers();
  if (!act()) return false;
  ++steps_;
  clock_.advance(options_.slice_cost);
  check_invariants();
  return true;
}

// What leaves here ends the run, and what processes refer to ends with the functions that it leaves.
void sim::check_invariants() try {
  for (const auto& one : conditions_) {
    if (const auto wrong = one.sentence(); !wrong.empty()) throw broken_invariant{one.name, wrong};
  }
} catch (...) {
  note("an invariant broke; all nodes end");
  crash_all();
  throw;
}

void sim::invariant(std::string name, std::function<std::string()> sentence) {
  conditions_.push_back({std::move(name), std::move(sentence)});
}

std::mt19937_64& sim::random() noexcept {
  if (in_slice_) return slices_;
  return in_fault_ ? fault_ : script_;
}

time_point sim::next_event() { return std::min(fire_timers(), network_->next_due()); }

bool sim::step() {
  if (try_work()) return true;
  const auto next = next_event();
  if (next == time_point::max()) return false;
  if (next > now()) clock_.advance(next - now());
  return true;
}

std::size_t sim::settle(std::size_t limit) {
  std::size_t done = 0;
  while (done < limit && try_work()) ++done;
  return done;
}

void sim::run_for(duration span) {
  const auto until = after(now(), span);
  (void)run_until([&] { return now() >= until; }, span);
}

bool sim::run_until(const std::function<bool()>& condition, duration limit) {
  const auto until = after(now(), limit);
  while (!condition()) {
    if (now() >= until) return false;
    if (try_work()) continue;
    const auto next = std::min(next_event(), until);
    if (next == time_point::max()) return false;
    if (next > now()) clock_.advance(next - now());
  }
  return true;
}

// ----- processes ----------------------------------------------------------------------------------------------------

pid sim::spawn(std::string_view on, const spawn_options& options, std::unique_ptr<behaviour> body) {
  auto& where = node(on);
  const auto started = where.owner().spawn(where, options, std::move(body));
  if (!started) throw std::runtime_error{"spawn on " + std::string{on} + ": " + started.error().message()};
  return *started;
}

sim::member* sim::owner_of(const pid& process) const {
  const auto found = std::ranges::find_if(
      members_, [&](const auto& one) { return one->node != nullptr && one->node->identity() == process.node; });
  return found == members_.end() ? nullptr : found->get();
}

void sim::send(const pid& to, const term& content) {
  if (auto* const one = owner_of(to)) one->runtime->send(to, content);
}

void sim::exit(const pid& target, const term& reason) {
  if (auto* const one = owner_of(target)) one->runtime->exit(target, exit_reason{reason});
}

void sim::kill(const pid& target) { exit(target, "kill"_atom); }

bool sim::alive(const pid& process) const {
  const auto* const one = owner_of(process);
  return one != nullptr && one->runtime->alive(process);
}

// ----- what happened ------------------------------------------------------------------------------------------------

std::uint64_t sim::packets() const noexcept { return network_->packets; }
std::uint64_t sim::lost() const noexcept { return network_->lost; }
std::uint64_t sim::overtaken() const noexcept { return network_->overtaken; }
std::uint64_t sim::sessions() const noexcept { return network_->sessions; }
std::uint64_t sim::sessions(std::string_view left, std::string_view right) const {
  const auto* const one = find(left);
  const auto* const other = find(right);
  return one == nullptr || other == nullptr ? 0 : network_->sessions_of(*one, *other);
}
std::uint64_t sim::refused() const noexcept { return network_->refused; }
const std::string& sim::refusal() const noexcept { return network_->refusal; }

void sim::note(std::string line) {
  if (!options_.history) return;
  line = span_text(elapsed()) + " " + line;
  if (history_.size() < history_length) {
    history_.push_back(std::move(line));
  } else {
    history_[oldest_] = std::move(line);
    oldest_ = (oldest_ + 1) % history_length;
  }
}

std::string sim::history() const {
  std::string text;
  for (std::size_t index = 0; index < history_.size(); ++index)
    text += history_[(oldest_ + index) % history_.size()] + "\n";
  return text;
}

}  // namespace ergo::inline v0::testing
