#include "cluster.hpp"

#include <ergo/etf/term.hpp>
#include <ergo/etf/text.hpp>
#include <ergo_test/free_port.hpp>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace ergo_soak {
namespace {

using ergo::test::endpoint;
using ergo::test::free_port;

constexpr auto tick_seconds = "4";

/// What `soak_side:sample/0` tells, in this order. The last two are not sums.
constexpr auto names_of_erlang =
    std::to_array<std::string_view>({"sent", "received", "lost", "ended", "calls", "spawns", "links", "monitors",
                                     "names", "churning", "violations", "processes", "atoms"});
constexpr std::size_t sums = 11;

std::string source(const std::string& file) { return ERGO_SOURCE_DIR "/tests/" + file; }

}  // namespace

// ----- ours ---------------------------------------------------------------------------------------------------------

our_side::our_side(const std::vector<std::string>& command, std::string complaints)
    : program_{command},
      complaints_{std::move(complaints)},
      watch_{static_cast<int>(::syscall(SYS_pidfd_open, program_.id(), 0))} {
  if (watch_ < 0) throw std::runtime_error{"our node cannot be watched"};
  if (const auto said = program_.read_line(); said != "ready") throw std::runtime_error{"our node: " + said};
}

our_side::~our_side() { ::close(watch_); }

std::string our_side::ask(const std::string& command) {
  program_.write_line(command);
  return program_.read_line();
}

void our_side::must(const std::string& command) {
  if (const auto said = ask(command); said != "ok") throw std::runtime_error{"our node: " + command + ": " + said};
}

numbers our_side::sample() {
  std::istringstream words{ask("sample")};
  numbers all;
  std::string name;
  for (std::int64_t value = 0; words >> name >> value;) all[name] = value;
  return all;
}

bool our_side::ends_within(std::chrono::milliseconds patience) const {
  pollfd end{watch_, POLLIN, 0};
  return ::poll(&end, 1, static_cast<int>(patience.count())) > 0;
}

int our_side::stop() {
  program_.write_line("stop");
  if (!ends_within(std::chrono::seconds{60})) program_.signal(SIGKILL);
  return program_.wait();
}

std::int64_t our_side::reports() const {
  static const std::regex report{"(ERROR|WARNING): [A-Za-z]+Sanitizer|: runtime error: "};
  std::ifstream file{complaints_};
  std::int64_t count = 0;
  for (std::string line; std::getline(file, line);) count += std::regex_search(line, report) ? 1 : 0;
  return count;
}

// ----- theirs -------------------------------------------------------------------------------------------------------

erlang_side::erlang_side(const ergo_interop::release& otp, std::uint16_t epmd)
    : behind_{free_port()}, proxy_{endpoint{.port = free_port()}, endpoint{.port = behind_}} {
  proxy_.keep_nothing();
  const auto port = std::to_string(behind_);
  options_.otp = otp;
  options_.name = ergo_interop::fresh_name("erl" + otp.number + "s") + "@localhost";
  options_.epmd_port = epmd;
  options_.more = {"-kernel", "net_ticktime", tick_seconds, "inet_dist_listen_min", port, "inet_dist_listen_max", port};
}

std::string erlang_side::call(const std::string& function, const std::string& words) {
  return peer_->run("{apply, soak_side, " + function + ", [" + words + "]}");
}

void erlang_side::start() {
  peer_ = std::make_unique<ergo_interop::erlang_peer>(options_);
  peer_->load(source("interop/node/streams_side.erl"));
  peer_->load(source("soak/soak_side.erl"));
}

void erlang_side::begin(const std::string& ours) { call("start", ours + ", " + std::to_string(++life_)); }

void erlang_side::kill() {
  before_ = sample();
  peer_->kill_now();
}

void erlang_side::quiet() { call("quiet"); }

numbers erlang_side::sample() {
  const auto told = ergo::etf::parse(call("sample"));
  if (!told || told->items().size() != names_of_erlang.size()) throw std::runtime_error{"no sample of " + name()};
  numbers all;
  for (std::size_t at = 0; at < names_of_erlang.size(); ++at) {
    const std::string key{names_of_erlang[at]};
    const bool summed = at < sums && key != "ended" && key != "churning";
    all[key] = told->items()[at].as_integer().value_or(0) + (summed ? before_[key] : 0);
  }
  return all;
}

std::string erlang_side::next_violation() {
  auto told = call("violation");
  return told == "none" ? std::string{} : told;
}

std::string erlang_side::books(const std::string& ours) {
  return peer_->attempt("{apply, soak_side, books, [" + ours + "]}");
}

std::string erlang_side::books_here(const std::string& ours) { return call("books_here", ours); }

// ----- all ----------------------------------------------------------------------------------------------------------

cluster::cluster(const std::string& node_program, const std::string& folder,
                 const std::vector<ergo_interop::release>& releases)
    : epmd_{free_port()},
      listens_{free_port()},
      inwards_{endpoint{.port = free_port()}, endpoint{.port = listens_}},
      name_{ergo_interop::fresh_name("cpps") + "@localhost"} {
  inwards_.keep_nothing();
  std::vector<std::string> command{
      node_program, folder, name_, std::to_string(epmd_), std::to_string(listens_), std::to_string(inwards_.port())};
  for (const auto& otp : releases) {
    const auto& one = theirs_.emplace_back(std::make_unique<erlang_side>(otp, epmd_));
    command.insert(command.end(), {one->name(), one->release(), std::to_string(one->port())});
  }
  ours_ = std::make_unique<our_side>(command, folder + "/node.err");
  for (const auto& one : theirs_) one->start();
}

std::size_t cluster::reset(std::size_t choice) {
  std::vector<ergo::test::fault_proxy*> busy;
  if (inwards_.open() != 0) busy.push_back(&inwards_);
  for (const auto& one : theirs_) {
    if (one->proxy().open() != 0) busy.push_back(&one->proxy());
  }
  if (busy.empty()) return 0;
  auto& chosen = *busy[choice % busy.size()];
  const auto open = chosen.open();
  chosen.end_all(ergo::test::ending::reset);
  return open;
}

}  // namespace ergo_soak
