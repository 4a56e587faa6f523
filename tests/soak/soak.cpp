// R48: our node and Erlang nodes of two releases under traffic, churn, resets and kills, for an hour or as long as one
// has. Prints a line each minute and a table at the end, which `soak.log` keeps; the exit code is 0 when nothing was
// violated. ERGO_SOAK_SEED repeats the choices of faults.
#include "cluster.hpp"
#include "figures.hpp"

#include <ergo_test/sanitizers.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace ergo_soak {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;
using milliseconds = std::chrono::milliseconds;

constexpr std::int64_t streams = 5;      // with each peer, one way
constexpr std::int64_t rare_atoms = 16;  // of reasons that are seen for the first time after the warm-up
// With each peer a connection that is dialled, one that comes at the same time, and questions to the port mapper.
constexpr std::int64_t most_more_descriptors = 12;
// A thread that has taken a core over from a late slice is kept for the next one: so many more of our node's were late
// at the same time on a computer that has others to serve.
constexpr std::int64_t most_more_threads = 8;
constexpr std::int64_t least_per_second = 4000;  // messages of 5,000: peers are away now and then

/// Says it on standard output and in the log.
class journal {
 public:
  explicit journal(const std::string& file) : file_{file} {}
  void say(const std::string& line) {
    std::cout << line << std::endl;
    file_ << line << std::endl;
  }
  /// A violation.
  void accuse(const std::string& line) {
    ++violations_;
    say("VIOLATION " + line);
  }
  /// One that a node tells; after a thousand of those they are only counted.
  void pass_on(const std::string& node, const std::string& text) {
    if (++passed_on_ <= most_passed_on) return accuse(node + ": " + text);
    ++violations_;
  }
  /// Those of which the nodes kept no text.
  void accuse(std::int64_t more) { violations_ += more; }
  [[nodiscard]] std::int64_t violations() const noexcept { return violations_; }

 private:
  static constexpr std::int64_t most_passed_on = 1000;
  std::ofstream file_;
  std::int64_t passed_on_ = 0;
  std::int64_t violations_ = 0;
};

/// When something happens next, at random between two durations.
class schedule {
 public:
  schedule(milliseconds least, milliseconds most, milliseconds first)
      : least_{least}, most_{most}, next_{steady::now() + first} {}
  [[nodiscard]] steady::time_point next() const noexcept { return next_; }
  [[nodiscard]] bool due() const { return steady::now() >= next_; }
  void again(std::mt19937_64& random) {
    next_ = steady::now() + milliseconds{std::uniform_int_distribution{least_.count(), most_.count()}(random)};
  }

 private:
  milliseconds least_;
  milliseconds most_;
  steady::time_point next_;
};

struct settings {
  std::string node_program;
  std::string folder;
  milliseconds length{};
  std::uint64_t seed = 0;

  [[nodiscard]] bool in_full() const { return length >= 1h; }
  /// What is not looked at when the slope is taken: pools and tables get their size.
  [[nodiscard]] milliseconds warm_up() const { return std::max<milliseconds>(length / 10, 2min); }
};

/// What our node held, and of how many things it knew.
struct baseline {
  holdings held;
  numbers known;
};

class soak {
 public:
  soak(settings with, const std::vector<ergo_interop::release>& releases)
      : with_{std::move(with)},
        journal_{with_.folder + "/soak.log"},
        random_{with_.seed},
        all_{with_.node_program, with_.folder, releases} {}

  /// Returns how many violations there were.
  std::int64_t run() {
    prepare();
    endure();
    settle();
    judge();
    print();
    return journal_.violations();
  }

 private:
  // ----- beginning

  void prepare() {
    all_.ours().must("prepare");
    all_.ours().must("connect");
    before_ = {steady_holdings(), all_.ours().sample()};
    all_.ours().must("begin");
    for (const auto& one : all_.theirs()) one->begin(all_.quoted_name());
    began_ = steady::now();
  }

  /// Looks again until `holds`, or our node has ended, or the time is up. Whether it holds.
  template <typename Condition>
  bool eventually(milliseconds patience, Condition holds) {
    const auto until = steady::now() + patience;
    while (!holds()) {
      if (steady::now() > until || all_.ours().ends_within(100ms)) return false;
    }
    return true;
  }
  /// What our node holds when that has not changed for a second.
  holdings steady_holdings() {
    auto last = all_.ours().held();
    int same = 0;
    (void)eventually(30s, [&] {
      const auto now = all_.ours().held();
      same = now.descriptors == last.descriptors && now.threads == last.threads ? same + 1 : 0;
      last = now;
      return same >= 10;
    });
    return last;
  }

  // ----- faults and samples

  void endure() {
    const auto end = began_ + with_.length;
    schedule resets{5s, 20s, 5s};
    schedule kills{60s, 120s, std::min<milliseconds>(60s, with_.length / 3)};
    schedule samples{5s, 5s, 5s};
    schedule lines{60s, 60s, 60s};
    // A busy computer may start an Erlang node for longer than a short run lasts.
    while (steady::now() < end || (!faults_happened() && steady::now() < end + 1min)) {
      const auto next = std::min({resets.next(), kills.next(), samples.next(), lines.next(), end + 1min});
      const auto wait = std::chrono::ceil<milliseconds>(next - steady::now());
      if (all_.ours().ends_within(std::max(wait, 0ms))) throw std::runtime_error{"our node has ended"};
      if (samples.due()) sample(), samples.again(random_);
      if (lines.due()) tell_minute(), lines.again(random_);
      if (resets.due()) reset(), resets.again(random_);
      if (kills.due()) kill(), kills.again(random_);
    }
  }

  [[nodiscard]] bool faults_happened() const { return resets_ > 0 && kills_ > 0; }
  void reset() { resets_ += static_cast<std::int64_t>(all_.reset(random_())); }

  void kill() {
    auto& victim = *all_.theirs()[random_() % all_.theirs().size()];
    tell_violations(victim);
    victim.kill();
    ++kills_;
    victim.start();
    victim.begin(all_.quoted_name());
  }

  [[nodiscard]] double hours() const {
    return std::chrono::duration<double, std::ratio<3600>>{steady::now() - began_}.count();
  }

  void sample() {
    const auto held = all_.ours().held();
    const auto known = all_.ours().sample();
    most_.descriptors = std::max(most_.descriptors, held.descriptors);
    most_.threads = std::max(most_.threads, held.threads);
    if (steady::now() - began_ < with_.warm_up()) {
      warm_atoms_ = known.at("atoms");
      return;
    }
    if (resident_.hours() == 0) first_resident_ = held.resident;
    last_resident_ = held.resident;
    resident_.add(hours(), held.resident);
    used_.add(hours(), to_mib(known.at("heap_used")));
    descriptors_.add(hours(), static_cast<double>(held.descriptors));
  }

  void tell_minute() {
    tell_violations();
    const auto held = all_.ours().held();
    auto known = all_.ours().sample();
    std::ostringstream line;
    line << std::fixed << std::setprecision(1) << "minute " << hours() * 60 << ": " << held.resident << " MiB (heap "
         << to_mib(known["heap_used"]) << " of " << to_mib(known["heap_held"]) << "), " << held.descriptors
         << " descriptors, " << held.threads << " threads, " << known["processes"] << " processes, " << known["atoms"]
         << " atoms; sent " << known["sent"] << ", received " << known["received"] << ", lost " << known["lost"] << "; "
         << resets_ << " resets, " << kills_ << " kills, " << known["downs"] << " nodedowns; books";
    for (const auto& one : all_.theirs()) line << ' ' << one->books(all_.quoted_name());
    journal_.say(line.str());
  }

  void tell_violations() {
    for (auto text = all_.ours().ask("violation"); !text.empty(); text = all_.ours().ask("violation")) {
      ++told_;
      journal_.pass_on("our node", text);
    }
    for (const auto& one : all_.theirs()) tell_violations(*one);
  }
  void tell_violations(erlang_side& of) {
    for (auto text = of.next_violation(); !text.empty(); text = of.next_violation()) {
      ++told_;
      journal_.pass_on("OTP " + of.release(), text);
    }
  }

  // ----- the end

  void demand(bool holds, const std::string& what) {
    if (!holds) journal_.accuse(what);
  }

  /// Without faults everything comes to its end, and our node is what it was.
  void settle() {
    const auto peers = static_cast<std::int64_t>(all_.theirs().size());
    auto& ours = all_.ours();
    demand(eventually(60s, [&] { return ours.sample().at("connected") == peers; }), "not all nodes are connected");
    ours.must("quiet");
    for (const auto& one : all_.theirs()) one->quiet();
    demand(eventually(60s,
                      [&] {
                        const auto known = ours.sample();
                        return known.at("ended") == streams * peers && known.at("churning") == 0;
                      }),
           "not all streams and processes have come to their end here");
    for (const auto& one : all_.theirs()) {
      demand(eventually(60s,
                        [&] {
                          const auto known = one->sample();
                          return known.at("ended") == streams && known.at("churning") == 0;
                        }),
             "not all streams and processes have come to their end on OTP " + one->release());
    }
    const auto processes = before_.known.at("processes");
    demand(eventually(40s, [&] { return ours.sample().at("processes") <= processes; }), "processes are left");
    (void)eventually(30s, [&] { return ours.held().descriptors <= before_.held.descriptors; });
    for (const auto& one : all_.theirs()) demand_empty_books(*one);
    tell_violations();
    after_ = {steady_holdings(), ours.sample()};
    for (const auto& one : all_.theirs()) erlang_.push_back(one->sample());
  }

  /// What was taken back by those who have come to their end may still be on its way.
  void demand_empty_books(erlang_side& of) {
    std::string here;
    std::string there;
    const bool empty = eventually(20s, [&] {
      here = of.books(all_.quoted_name());
      there = of.books_here(all_.quoted_name());
      return here == "[]" && there == "[]";
    });
    demand(empty, "books of servers, ours and that of OTP " + of.release() + ": " + here + ", " + there);
  }

  void judge() {
    auto untold = after_.known.at("violations") - told_;
    for (auto& one : erlang_) untold += one.at("violations");
    journal_.accuse(std::max<std::int64_t>(untold, 0));
    judge_amounts();
    demand(after_.held.descriptors <= before_.held.descriptors, "descriptors are left open");
    demand(most_.descriptors <= before_.held.descriptors + most_more_descriptors, "descriptors were piled up");
    const bool warm = resident_.hours() > 0;
    demand(most_.threads <= before_.held.threads + most_more_threads, "threads were piled up");
    demand(!warm || after_.known.at("atoms") <= warm_atoms_ + rare_atoms, "the atom table grows");
    if (const auto bound = memory_bound()) demand(resident_.per_hour() <= *bound, "memory grows");
    if (const auto bound = slope_bound()) demand(descriptors_.per_hour() <= *bound, "descriptors grow");
    const auto code = all_.ours().stop();
    demand(code == 0, "our node ended with " + std::to_string(code));
    reports_ = all_.ours().reports();
    demand(reports_ == 0, "sanitizers report something, see node.err");
    logged_ = logged();
    demand(logged_ <= most_logged(hours()), "the logs are too long");
  }
  /// Nothing is shown by a run in which nothing happened.
  void judge_amounts() {
    demand(faults_happened() && after_.known.at("downs") > 0, "there were no faults");
    demand(after_.known.at("received") > 0, "nothing came here");
    for (auto& one : erlang_) demand(one.at("received") > 0, "nothing came there");
    if (with_.in_full() && !ergo::test::sanitized) demand(per_second() >= least_per_second, "too little was sent");
  }
  [[nodiscard]] std::int64_t per_second() const {
    auto sent = after_.known.at("sent");
    for (const auto& one : erlang_) sent += one.at("sent");
    return sent * 1000 / std::max<std::int64_t>(with_.length.count(), 1);
  }
  /// What our node and this program wrote.
  [[nodiscard]] std::uintmax_t logged() const {
    std::uintmax_t all = 0;
    for (const auto* const file : {"/soak.log", "/node.log", "/node.err"})
      all += std::filesystem::file_size(with_.folder + file);
    return all;
  }

  /// None where the run was too short.
  [[nodiscard]] std::optional<double> slope_bound() const {
    if (resident_.hours() <= 0) return {};
    return most_slope(resident_.hours(), with_.in_full());
  }
  /// None either where a sanitizer keeps what was freed.
  [[nodiscard]] std::optional<double> memory_bound() const {
    return ergo::test::sanitized ? std::nullopt : slope_bound();
  }

  void row(const std::string& what, const std::string& figure) {
    std::ostringstream line;
    line << std::left << std::setw(22) << what << figure;
    journal_.say(line.str());
  }
  static double to_mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }
  static std::string with_tenths(double value) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(2) << value;
    return text.str();
  }

  void print() {
    journal_.say("");
    row("minutes", with_tenths(std::chrono::duration<double, std::ratio<60>>{with_.length}.count()));
    row("seed", std::to_string(with_.seed));
    print_messages();
    row("resets, kills", std::to_string(resets_) + ", " + std::to_string(kills_) + "; nodedowns here " +
                             std::to_string(after_.known["downs"]));
    std::string done;
    for (const auto* const what : {"calls", "spawns", "links", "monitors", "names"}) {
      auto sum = after_.known[what];
      for (auto& one : erlang_) sum += one[what];
      done += (done.empty() ? "" : ", ") + std::to_string(sum) + " " + what;
    }
    row("made and taken back", done);
    row("violations", std::to_string(journal_.violations()));
    print_memory();
    const auto change = [](std::int64_t first, std::int64_t last) {
      return std::to_string(first) + " -> " + std::to_string(last);
    };
    row("descriptors",
        change(before_.held.descriptors, after_.held.descriptors) + ", at most " + std::to_string(most_.descriptors));
    row("threads", change(before_.held.threads, after_.held.threads) + ", at most " + std::to_string(most_.threads));
    row("processes", change(before_.known["processes"], after_.known["processes"]));
    row("atoms", change(warm_atoms_, after_.known["atoms"]));
    row("bytes of logs", std::to_string(logged_) + " (bound " + std::to_string(most_logged(hours())) + ")");
    row("sanitizer reports", std::to_string(reports_) + (ergo::test::sanitized ? "" : " (built without)"));
  }
  void print_messages() {
    std::int64_t received = 0;
    std::int64_t lost = after_.known["lost"];
    for (std::size_t at = 0; at < erlang_.size(); ++at) {
      auto& one = erlang_[at];
      row("OTP " + all_.theirs()[at]->release(),
          std::to_string(one["received"]) + " messages came there, " + std::to_string(one["sent"]) + " were sent");
      received += one["received"];
      lost += one["lost"];
    }
    row("ours", std::to_string(after_.known["received"]) + " messages came here, " +
                    std::to_string(after_.known["sent"]) + " were sent");
    row("messages per second", std::to_string(per_second()));
    row("arrived", std::to_string(received + after_.known["received"]));
    row("lost, explained", std::to_string(lost) + " between two that came, the rest with a node that was killed");
  }
  void print_memory() {
    if (resident_.hours() <= 0) {
      row("memory", with_tenths(after_.held.resident) + " MiB; too short for a slope");
      return;
    }
    const auto bound = memory_bound();
    row("memory", with_tenths(first_resident_) + " -> " + with_tenths(last_resident_) + " MiB in " +
                      with_tenths(resident_.hours() * 60) + " min");
    row("its slope",
        with_tenths(resident_.per_hour()) + " MiB/h (bound " + (bound ? with_tenths(*bound) : "none") + ")");
    row("that of the heap", with_tenths(used_.per_hour()) + " MiB/h in use");
    row("that of descriptors",
        with_tenths(descriptors_.per_hour()) + " per hour (bound " + with_tenths(slope_bound().value_or(0)) + ")");
  }

  settings with_;
  journal journal_;
  std::mt19937_64 random_;
  cluster all_;
  steady::time_point began_{};
  baseline before_;
  baseline after_;
  std::vector<numbers> erlang_;
  holdings most_;
  trend resident_;
  trend used_;  // what is allocated, where `resident_` has besides what malloc keeps
  trend descriptors_;
  double first_resident_ = 0;
  double last_resident_ = 0;
  std::int64_t warm_atoms_ = 0;
  std::int64_t resets_ = 0;
  std::int64_t kills_ = 0;
  std::int64_t told_ = 0;
  std::int64_t reports_ = 0;
  std::uintmax_t logged_ = 0;
};

/// OTP 25 and 29, or those that ERGO_INTEROP_OTP names; none where these are not here.
std::vector<ergo_interop::release> wanted_releases() {
  auto found = ergo_interop::releases();
  if (std::getenv("ERGO_INTEROP_OTP") != nullptr) return found;
  std::erase_if(found, [](const auto& one) { return one.number != "25" && one.number != "29"; });
  if (found.size() < 2) found.clear();
  return found;
}

std::uint64_t seed() {
  const char* const given = std::getenv("ERGO_SOAK_SEED");
  return given == nullptr ? std::random_device{}() : std::stoull(given);
}

int run(const std::vector<std::string>& words) {
  const auto releases = wanted_releases();
  if (releases.empty()) {
    std::cout << "soak: the releases of Erlang are not here; cmake/otp-releases unpacks 25 and 29" << std::endl;
    return 4;
  }
  std::filesystem::create_directories(words[1]);
  const auto minutes = std::stod(words[2]);
  if (!(minutes > 0)) throw std::runtime_error{"a number of minutes above 0 is needed"};
  const std::chrono::duration<double, std::ratio<60>> length{minutes};
  settings with{words[0], words[1], std::chrono::duration_cast<milliseconds>(length), seed()};
  return soak{with, releases}.run() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace ergo_soak

// The program of our node, a folder for the log, minutes.
int main(int count, char** words) {
  if (count != 4) {
    std::cout << "soak NODE-PROGRAM FOLDER MINUTES" << std::endl;
    return 2;
  }
  try {
    return ergo_soak::run({words + 1, words + count});
  } catch (const std::exception& wrong) {
    std::cout << "soak: " << wrong.what() << std::endl;
    return 1;
  }
}
