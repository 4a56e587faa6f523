// Five nodes of ours and three of Erlang's, each on a computer of its own, whose processes join and leave groups while
// nodes are killed and the network is cut: when it has been quiet for two seconds, all know the same members.
// ERGO_SHOW_SECONDS=60 is the long show.
#include "harness.hpp"
#include "network.hpp"
#include "scoreboard.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <random>
#include <sstream>

namespace ergo_interop {
namespace {

constexpr unsigned of_ours = 5;
constexpr unsigned computers = 8;
constexpr std::uint16_t everywhere = 4'712;
constexpr int tick_seconds = 4;
using clock_type = std::chrono::steady_clock;

std::string folder(const std::string& file) { return ERGO_SOURCE_DIR "/tests/interop/node/" + file; }

/// A node of either language, as the show sees it.
class participant {
 public:
  virtual ~participant() = default;
  virtual void meet(const std::vector<std::string>& others) = 0;
  virtual void churn(bool busy) = 0;
  virtual int missing() = 0;  ///< how many of the others do not answer
  virtual long changes() = 0;
  virtual std::string entries(const std::string& which) = 0;
  virtual std::string crashes() = 0;
  virtual void kill() = 0;
};

class ours final : public participant {
 public:
  ours(const std::vector<std::string>& through, const std::string& name) : program_{words(through, name)} {
    expect_same(program_.read_line(), "ready");
  }
  void meet(const std::vector<std::string>& others) override {
    std::string line{"meet"};
    for (const auto& one : others) line += " " + one;
    expect_same(ask(line), "ok");
  }
  void churn(bool busy) override { expect_same(ask(busy ? "churn true" : "churn false"), "ok"); }
  int missing() override { return std::stoi(ask("missing")); }
  long changes() override { return std::stol(ask("changes")); }
  std::string entries(const std::string& which) override { return ask("entries " + which); }
  std::string crashes() override { return ask("crashes"); }
  void kill() override { program_.kill_now(); }

 private:
  static std::vector<std::string> words(std::vector<std::string> all, const std::string& name) {
    const auto program = program_from("ERGO_PROGRAM_MEMBER");
    const std::vector<std::string> more{program, name, std::to_string(everywhere), std::to_string(tick_seconds)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string ask(const std::string& line) {
    program_.write_line(line);
    return program_.read_line();
  }
  program program_;
};

class erlangs final : public participant {
 public:
  explicit erlangs(const peer_options& options) : peer_{options} {
    for (const auto* const file : {"partition_side.erl", "show_side.erl"}) peer_.load(folder(file));
    expect_same(ask("start"), "churning");
  }
  void meet(const std::vector<std::string>& others) override {
    std::string list;
    for (const auto& one : others) list += (list.empty() ? "" : ",") + atom_text(one);
    expect_same(ask("meet", "[" + list + "]"), "ok");
  }
  void churn(bool busy) override { (void)ask("churn", busy ? "true" : "false"); }
  int missing() override { return std::stoi(ask("missing")); }
  long changes() override { return std::stol(ask("changes")); }
  std::string entries(const std::string& which) override {
    const auto text = ask("entries", which);
    return text.starts_with('"') ? text.substr(1, text.size() - 2) : "";
  }
  std::string crashes() override { return peer_.run("{apply, partition_side, crashes, []}"); }
  void kill() override { peer_.kill_now(); }

 private:
  std::string ask(const std::string& function, const std::string& argument = "") {
    return peer_.run("{apply, show_side, " + function + ", [" + argument + "]}");
  }
  erlang_peer peer_;
};

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream words{text};
  return {std::istream_iterator<std::string>{words}, std::istream_iterator<std::string>{}};
}

/// What the show has seen.
struct figures {
  int cuts = 0;
  int kills = 0;
  int rounds = 0;
  long changes = 0;
  std::size_t members = 0;  // of the last quiet moment
  std::chrono::milliseconds slowest{0};
};

class show {
 public:
  show(const release& otp, std::uint64_t seed) : otp_{otp}, random_{seed} {
    for (unsigned computer = 1; computer <= computers; ++computer)
      names_.push_back(fresh_name(computer <= of_ours ? "ours" : "erl") + "@" + network::address(computer));
    for (unsigned computer = 1; computer <= computers; ++computer) start(computer);
  }

  /// Lets everybody change groups for a while, kills and cuts, then waits for quiet and compares.
  void round(std::chrono::milliseconds length, std::chrono::milliseconds limit) {
    for (const auto& one : nodes_) one->churn(true);
    for (const auto end = clock_type::now() + length; clock_type::now() < end;) {
      let_change(5 + pick(15));
      disturb();
    }
    cables_.heal();
    for (const auto& one : nodes_) one->churn(false);
    for (const auto& one : nodes_) seen_.changes += one->changes();
    compare(limit);
    ++seen_.rounds;
    for (const auto& one : nodes_) expect_same(one->crashes(), "[]");
  }
  [[nodiscard]] const figures& seen() const noexcept { return seen_; }

 private:
  void start(unsigned computer) {
    nodes_.resize(computers);
    auto& place = nodes_[computer - 1];
    place.reset();
    const std::vector<std::string> through{"ip", "netns", "exec", cables_.space(computer)};
    if (computer <= of_ours) {
      place = std::make_unique<ours>(through, names_[computer - 1]);
    } else {
      place = std::make_unique<erlangs>(erlang_at(computer, through));
    }
    auto others = names_;
    std::erase(others, names_[computer - 1]);
    place->meet(others);
  }
  [[nodiscard]] peer_options erlang_at(unsigned computer, const std::vector<std::string>& through) const {
    // All of one release: what pg of OTP 29 says first ends that of OTP 25.
    auto options = peer_at(otp_, everywhere, network::address(computer));
    options.name = names_[computer - 1];
    options.through = through;
    const std::vector<std::string> words{"-erl_epmd_port",
                                         std::to_string(everywhere),
                                         "-kernel",
                                         "net_ticktime",
                                         std::to_string(tick_seconds),
                                         "inet_dist_use_interface",
                                         "{10,77,0," + std::to_string(computer) + "}",
                                         "-kernel",
                                         "prevent_overlapping_partitions",
                                         "true"};
    options.more.insert(options.more.end(), words.begin(), words.end());
    return options;
  }

  std::size_t pick(std::size_t bound) { return random_() % bound; }

  /// Until some node has made so many changes: the show's clock between two faults.
  void let_change(std::size_t count) {
    auto& one = *nodes_[pick(nodes_.size())];
    const auto wanted = one.changes() + static_cast<long>(count);
    eventually("groups change", [&] { return one.changes() >= wanted; }, 20s);
  }
  void disturb() {
    const auto chance = pick(10);
    if (chance < 4) {
      const auto one = static_cast<unsigned>(1 + pick(computers));
      const auto other = static_cast<unsigned>(1 + (one + pick(computers - 1)) % computers);
      if (cables_.cut(pick(2) == 0 ? "drop" : "reset", one, other)) ++seen_.cuts;
    } else if (chance < 7) {
      cables_.heal();
    } else if (chance == 7) {
      const auto victim = static_cast<unsigned>(1 + pick(computers));
      auto& one = *nodes_[victim - 1];
      expect_same(one.crashes(), "[]");
      seen_.changes += one.changes();
      one.kill();
      ++seen_.kills;
      start(victim);
      nodes_[victim - 1]->churn(true);
    }
  }

  [[nodiscard]] bool complete() {
    return std::ranges::all_of(nodes_, [](const auto& one) { return one->missing() == 0; });
  }
  /// All that there are, as their own nodes see them, and that every node knows exactly these.
  [[nodiscard]] bool same() {
    std::vector<std::string> all;
    for (const auto& one : nodes_) std::ranges::move(words_of(one->entries("local")), std::back_inserter(all));
    std::ranges::sort(all);
    seen_.members = all.size();
    return std::ranges::all_of(nodes_, [&](const auto& one) {
      auto known = words_of(one->entries("all"));
      std::ranges::sort(known);
      return known == all;
    });
  }
  /// Quiet begins when all answer all; a connection that is lost after that, because some node has yet to hear of
  /// an older loss, ends it.
  void compare(std::chrono::milliseconds limit) {
    eventually(
        "all answer all, and know the same members soon after",
        [&] {
          eventually("all answer all", [&] { return complete(); }, 60s);
          const auto quiet = clock_type::now();
          while (!same()) {
            if (!complete()) return false;
            const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_type::now() - quiet);
            expect(took <= limit, "all know the same members " + std::to_string(limit.count()) + " ms after quiet");
          }
          if (!complete()) return false;
          const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock_type::now() - quiet);
          seen_.slowest = std::max(seen_.slowest, took);
          return true;
        },
        90s);
  }

  release otp_;
  std::mt19937_64 random_;
  network cables_{computers};
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<participant>> nodes_;
  figures seen_;
};

/// The number in an environment variable, or `usual`.
std::uint64_t number_in(const char* variable, std::uint64_t usual) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? usual : std::stoull(text);
}

TEST_CASE("Groups of eight nodes of both languages are the same soon after joins, leaves, kills and partitions",
          "[installed]") {
  for_installed("pg: five nodes of ours and three of Erlang's under faults", [](const release& otp) {
    const bool in_full = std::getenv("ERGO_SHOW_SECONDS") != nullptr;
    const std::chrono::seconds length{number_in("ERGO_SHOW_SECONDS", 4)};
    const auto seed = number_in("ERGO_SHOW_SEED", std::random_device{}());
    const std::chrono::milliseconds limit = in_full ? 2s : 15s;  // a machine with other work needs longer
    show on{otp, seed};
    for (const auto begin = clock_type::now(); clock_type::now() - begin < length;) on.round(4s, limit);
    const auto& seen = on.seen();
    expect(seen.members != 0, "somebody is in a group");
    remark("pg show with OTP " + otp.number + ": " + std::to_string(seen.rounds) + " rounds, " +
           std::to_string(seen.changes) + " changes, " + std::to_string(seen.cuts) + " cuts, " +
           std::to_string(seen.kills) + " kills, " + std::to_string(seen.members) +
           " members at the end, the same after " + std::to_string(seen.slowest.count()) + " ms of quiet at most");
  });
}

}  // namespace
}  // namespace ergo_interop
