// Our node of the soak as a process of its own, whose memory nobody else uses. One command on each line of its input,
// one answer on each of its output; what it has to complain of goes to a file, its log to another.
#include "churn.hpp"
#include "tally.hpp"
#include "traffic.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/event_log.hpp>
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>

#include "../interop/node/servers.hpp"

#include <spdlog/sinks/basic_file_sink.h>

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace ergo::literals;
using namespace std::chrono_literals;
using ergo_soak::counted;
using ergo_soak::seen;

constexpr int cores = 2;
constexpr int churners = 4;  // for each peer

/// A peer: its name, the word that the names of its streams have in them, and the port by which it is reached.
struct peer {
  std::string name;
  std::string word;
  std::uint16_t port = 0;
};

/// What the program is told when it starts.
struct arguments {
  std::string name;
  std::uint16_t epmd = 0;
  std::uint16_t listens = 0;
  std::uint16_t advertised = 0;
  std::vector<peer> peers;
};

std::uint16_t port_in(const char* word) { return static_cast<std::uint16_t>(std::stoul(word)); }

arguments read(int count, char** words) {
  arguments given{words[1], port_in(words[2]), port_in(words[3]), port_in(words[4]), {}};
  for (int at = 5; at + 2 < count; at += 3) given.peers.push_back({words[at], words[at + 1], port_in(words[at + 2])});
  return given;
}

/// A worker ends with `boom` because it is told to, or with the connection to whoever is linked to it.
void judge(const ergo::event& happened) {
  const bool told = happened.reason.is("boom"_atom) || happened.reason.is("noconnection"_atom);
  if (happened.what != ergo::event::kind::crash || told) return;
  seen().violated("a crash: " + happened.text + " " + ergo::etf::to_text(happened.reason));
}

/// Hundreds of workers crash each second: of each kind of event one line a second must do.
ergo::event_handler judge_and_log(const std::string& file) {
  const auto log = spdlog::basic_logger_mt("node", file, true);
  log->flush_on(spdlog::level::trace);
  ergo::event_log_options few;
  few.burst = 20;
  few.per_second = 1;
  few.longest = 200;
  return [write = ergo::log_events(log, few)](const ergo::event& happened) {
    judge(happened);
    write(happened);
  };
}

ergo::node_options options_of(const arguments& given) {
  ergo::node_options options;
  options.name = given.name;
  options.cookie = "interop";
  options.epmd_port = given.epmd;
  options.listen_port_min = given.listens;
  options.advertised_port = given.advertised;
  options.net_ticktime = 4s;
  for (const auto& one : given.peers) options.routes.push_back({one.name, {"127.0.0.1", one.port}});
  return options;
}

class controlled {
 public:
  controlled(ergo::node& on, arguments given) : node_{on}, given_{std::move(given)} {}

  std::string answer(const std::string& command) {
    if (command == "prepare") return prepare() ? "ok" : "a process did not start";
    if (command == "connect") return connect();
    if (command == "begin") return begin() ? "ok" : "a process did not start";
    if (command == "quiet") return seen().be_quiet(), "ok";
    if (command == "sample") return sample();
    if (command == "violation") return seen().next_untold();
    return "what?";
  }

 private:
  // What is there from the beginning to the end.
  bool prepare() {
    ergo::otp::start_options named;
    named.name = "echo"_atom;
    bool all = ergo::otp::start<ergo_interop::echo>(node_.local(), named).has_value();
    all = all && node_.provide("soak", "worker", ergo_soak::worker).has_value();
    for_all_streams([&](const ergo_soak::stream& one) {
      ergo::spawn_options as;
      as.name = one.name;
      all = all && node_.spawn(as, ergo::make_body(ergo_soak::check_stream, one)).has_value();
    });
    return all;
  }
  bool begin() {
    bool all = true;
    for_all_streams(
        [&](const ergo_soak::stream& one) { all = all && node_.spawn(ergo_soak::feed_stream, one).has_value(); });
    for (const auto& with : given_.peers) {
      for (int number = 0; number < churners; ++number) {
        const auto name = ergo::atom::of("churn_" + with.word + "_" + std::to_string(number));
        const ergo_soak::partner partner{ergo::atom::of(with.name), name};
        all = all && node_.spawn(ergo_soak::churn, partner).has_value();
      }
    }
    return all;
  }
  template <typename Do>
  void for_all_streams(Do what) {
    for (const auto& with : given_.peers) {
      for (std::int64_t pair = 1; pair <= ergo_soak::pairs; ++pair) {
        const auto name = ergo::atom::of("soak_" + with.word + "_" + std::to_string(pair));
        what(ergo_soak::stream{ergo::atom::of(with.name), name, pair});
      }
    }
  }
  std::string connect() {
    for (const auto& one : given_.peers) {
      const auto connected = node_.connect(one.name);
      if (!connected) return connected.error().message();
    }
    return "ok";
  }
  [[nodiscard]] std::string sample() const {
    const auto heap = ::mallinfo2();
    std::ostringstream line;
    for (std::size_t at = 0; at < ergo_soak::names_of_counted.size(); ++at)
      line << ergo_soak::names_of_counted[at] << ' ' << seen().of(static_cast<counted>(at)) << ' ';
    line << "violations " << seen().violations() << " connected " << node_.nodes(ergo::node_set::all).size()
         << " processes " << node_.runtime().process_count() << " atoms " << ergo::etf::atom_table_usage().count
         << " heap_used " << heap.uordblks + heap.hblkhd << " heap_held " << heap.arena + heap.hblkhd;
    return line.str();
  }

  ergo::node& node_;
  arguments given_;
};

}  // namespace

// Folder for complaints (node.err) and log (node.log), name, ports of the port mapper, of the node, and of it for
// others; of each peer: its name, the word for its streams, the port by which it is reached.
int main(int count, char** words) {
  const std::string folder{count < 6 ? "" : words[1]};
  if (folder.empty() || std::freopen((folder + "/node.err").c_str(), "w", stderr) == nullptr) return 2;
  // With more than one arena, a thread that takes a core over from a late slice may serve it from another one than the
  // thread before, and what that one frees stays behind in holes: two megabytes each time, which the computer's other
  // work decides. And malloc keeps the more, the larger what was freed. What is left tells what lives.
  constexpr int kept = 128 << 10;  // what both are before malloc raises them by itself
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, kept);
  ::mallopt(M_TRIM_THRESHOLD, kept);
  auto given = read(count - 1, words + 1);
  ergo::runtime_options runtime;
  runtime.cores = cores;
  runtime.on_event = judge_and_log(folder + "/node.log");
  const auto node = ergo::node::start(options_of(given), runtime);
  if (!node) {
    std::cout << "cannot start: " << node.error().message() << std::endl;
    return 1;
  }
  controlled by{**node, std::move(given)};
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line) && line != "stop";) std::cout << by.answer(line) << std::endl;
  return 0;
}
