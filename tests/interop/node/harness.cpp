// What every interop test stands on.
#include "harness.hpp"

#include "certified.hpp"
#include "scoreboard.hpp"

#include <ergo_test/free_port.hpp>

#include <catch2/catch_test_macros.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace ergo_interop {

void expect(bool holds, std::string_view what, std::source_location where) {
  if (!holds)
    throw std::runtime_error{std::string{what} + " (" + where.file_name() + ":" + std::to_string(where.line()) + ")"};
}

void expect_same(std::string_view got, std::string_view wanted, std::source_location where) {
  expect(got == wanted, "got " + std::string{got} + ", wanted " + std::string{wanted}, where);
}

void expect_term(const ergo::term& got, std::string_view wanted, std::source_location where) {
  expect_same(ergo::etf::to_text(got, {.limit = 500}), wanted, where);
}

void eventually(std::string_view what, const std::function<bool()>& condition, std::chrono::milliseconds patience,
                std::source_location where) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    expect(std::chrono::steady_clock::now() < until, "not in time: " + std::string{what}, where);
    std::this_thread::sleep_for(2ms);
  }
}

ergo::term parsed(std::string_view text) {
  auto value = ergo::etf::parse(text);
  expect(value.has_value(), "no term: " + std::string{text});
  return *std::move(value);
}

std::string atom_text(std::string_view name) { return "'" + std::string{name} + "'"; }

std::uint16_t free_port() { return ergo::test::free_port(); }

bool over_tls() {
  const char* const carrier = std::getenv("ERGO_INTEROP_CARRIER");
  return carrier != nullptr && std::string_view{carrier} == "tls";
}

std::string carried(const std::string& what) { return what + (over_tls() ? ", TLS" : ""); }

ergo::node_options options_for(const std::string& name, std::uint16_t epmd_port) {
  ergo::node_options options;
  options.name = name + "@localhost";
  options.cookie = "interop";
  options.epmd_port = epmd_port;
  if (over_tls()) options.tls = everybody().ours();
  return options;
}

// ----- our node -----------------------------------------------------------------------------------------------------

our_node::our_node(ergo::node_options options, ergo::runtime_options runtime) : journal_{std::make_shared<journal>()} {
  auto keep = [into = journal_](const ergo::event& happened) {
    std::string line = happened.text;
    if (!happened.reason.is_nil()) line += ": " + ergo::etf::to_text(happened.reason, {.limit = 200});
    const std::lock_guard lock{into->mutex};
    into->lines.push_back(std::move(line));
  };
  if (runtime.cores == 0) runtime.cores = 2;
  runtime.on_event = keep;
  options.on_event = keep;
  auto started = ergo::node::start(std::move(options), std::move(runtime));
  if (!started) throw std::runtime_error{started.error().message()};
  node_ = *std::move(started);
  auto named = [](ergo::atom name) {
    ergo::otp::start_options of;
    of.name = name;
    return of;
  };
  const bool up = ergo::otp::start<echo>(node_->local(), named("echo"_atom)) &&
                  ergo::otp::start<recorder>(node_->local(), named("recorder"_atom)) &&
                  ergo::otp::start<control>(node_->local(), named("control"_atom)) &&
                  ergo::otp::start<trouble>(node_->local(), named("trouble"_atom));
  expect(up, "a server did not start");
}

our_node::~our_node() = default;

ergo::term our_node::call(const ergo::destination& to, const ergo::term& request, std::chrono::milliseconds timeout) {
  auto answer = ergo::otp::call<ergo::term>(node_->local(), to, request, timeout);
  if (!answer)
    throw std::runtime_error{"call of " + ergo::etf::to_text(to.to_term()) + ": " + answer.error().message()};
  return *std::move(answer);
}

bool our_node::reported(std::string_view part) const {
  const std::lock_guard lock{journal_->mutex};
  for (const auto& line : journal_->lines) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

std::string our_node::reports() const {
  const std::lock_guard lock{journal_->mutex};
  std::string all;
  for (const auto& line : journal_->lines) all += line + "\n";
  return all;
}

std::string cookie_file() {
  const std::string path = ERGO_INTEROP_DIR "/cookie";
  std::filesystem::create_directories(ERGO_INTEROP_DIR);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  expect(file >= 0 && write(file, "interop", 7) == 7, "cannot write " + path);
  close(file);
  return path;
}

// ----- worlds -------------------------------------------------------------------------------------------------------

peer_options peer_at(const release& otp, std::uint16_t epmd_port, const std::string& host) {
  peer_options options{.otp = otp, .name = fresh_name("erl") + "@" + host};
  options.epmd_port = epmd_port;
  options.long_names = host.find_first_of(".:") != std::string::npos;
  if (over_tls()) options.more = everybody().erlang();
  return options;
}

namespace {

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

/// A certificate that is good for every host of these tests, as both kinds of nodes want it.
struct certificate {
  certificate() {
    auto about = certified::usual();
    about.hosts = {"localhost", "127.0.0.1", "127.0.0.2", "127.0.0.3"};
    const auto made = by.signer().issue(about);
    by.write("everywhere", made);
    ours = by.ours(made);
    erlang = by.erlang("everywhere", "everywhere");
  }
  certified by;
  ergo::tls_options ours;
  std::vector<std::string> erlang;
};

const certificate& everywhere() {
  static const certificate one;
  return one;
}

}  // namespace

ergo::runtime_options runtime_for(const release& otp) {
  ergo::runtime_options made;
  if (otp.number == "23") made.compatibility = ergo::compatibility::otp23;
  return made;
}

world::world(const release& of, ergo::node_options options, const std::vector<std::string>& more, meeting over)
    : otp_{of}, over_{over}, port_{free_port()}, peer_options_{peer_at(of, port_)} {
  const auto defaults = options_for(fresh_name("cpp"), port_);
  options.name = defaults.name;
  options.cookie = defaults.cookie;
  options.epmd_port = defaults.epmd_port;
  if (!options.tls) options.tls = defaults.tls;
  if (over == meeting::at_fixed_port) {
    options.name = fresh_name("cpp") + "@127.0.0.1";
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = port_;
    peer_options_ = peer_at(of, free_port(), "127.0.0.2");
    if (over_tls()) {
      options.tls = everywhere().ours;
      peer_options_.more = everywhere().erlang;
    }
    append(peer_options_.more,
           {"-erl_epmd_port", std::to_string(port_), "-kernel", "inet_dist_use_interface", "{127,0,0,2}"});
  }
  append(peer_options_.more, more);
  ours_ = std::make_unique<our_node>(std::move(options), runtime_for(of));
  peer_ = std::make_unique<erlang_peer>(peer_options_);
  peer_atom_ = parsed(atom_text(peer_->name())).as_atom().value();
}

ergo::node_options world::another() const {
  auto options = options_for(fresh_name("more"), port_);
  if (over_ == meeting::at_fixed_port) {
    if (over_tls()) options.tls = everywhere().ours;
    options.name = fresh_name("more") + "@127.0.0.3";
    options.epmd = ergo::epmd_mode::none;
    options.peer_port = port_;
  }
  return options;
}

void world::start_peer_again() { peer_ = std::make_unique<erlang_peer>(peer_options_); }

void world::connect(bool they_first) {
  if (node().is_connected(peer_->name())) node().disconnect(peer_->name());
  eventually("both have seen the end of the connection",
             [&] { return !node().is_connected(peer_->name()) && erl("{connected, " + cpp() + "}") == "false"; });
  if (they_first) {
    expect_same(erl("{ping, " + cpp() + "}"), "pong");
  } else {
    const auto connected = node().connect(peer_->name());
    expect(connected.has_value(), connected ? "" : "connect: " + connected.error().message());
  }
  eventually("both have the connection",
             [&] { return node().is_connected(peer_->name()) && erl("{connected, " + cpp() + "}") == "true"; });
}

ergo::term world::remote(const std::string& command) {
  return ours_->call(erl_server(), ergo::etf::tuple("run"_atom, parsed(command)));
}

std::string world::at(std::string_view process) const { return "{" + std::string{process} + ", " + cpp() + "}"; }

demo_node::demo_node(const std::string& name, std::uint16_t epmd_port, const std::vector<std::string>& more)
    : name_{name + "@localhost"}, program_{[&] {
        std::vector<std::string> words{"env",
                                       "ERGO_COOKIE_FILE=" + cookie_file(),
                                       program_from("ERGO_PROGRAM_DEMO"),
                                       "--sname",
                                       name_,
                                       "--epmd-port",
                                       std::to_string(epmd_port)};
        if (over_tls()) words.insert(words.end(), {"--tls", everybody().folder().string()});
        words.insert(words.end(), more.begin(), more.end());
        return words;
      }()} {
  while (program_.read_line().find(" is ready") == std::string::npos) {
  }
}

std::string program_from(const char* variable) {
  const char* const path = std::getenv(variable);
  if (path == nullptr) SKIP(std::string{variable} + " is not set");
  return path;
}

// ----- running scenarios --------------------------------------------------------------------------------------------

namespace {

bool passes(const std::string& scenario, const std::string& column, const std::function<void()>& body) {
  std::string failed;
  const auto began = std::chrono::steady_clock::now();
  try {
    body();
  } catch (const std::exception& wrong) {
    failed = wrong.what();
  }
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  note(scenario, column, failed.empty(), took);
  INFO(scenario << ", " << column << ": " << failed);
  CHECK(failed.empty());
  return failed.empty();
}

std::string column_of(const release& otp) { return "OTP " + otp.number + (over_tls() ? " TLS" : ""); }

/// Whether a release can do it: without a port mapper hosts are addresses, and before OTP 27 certificates are not for
/// addresses.
bool can_meet(const release& otp, meeting over) {
  return over == meeting::by_epmd || !over_tls() || std::stoi(otp.number) >= 27;
}
std::string column_of(const release& otp, meeting over) {
  return column_of(otp) + (over == meeting::by_epmd ? "" : " -epmd");
}

std::vector<release> wanted_releases() {
  auto found = releases();
  if (found.empty()) SKIP("no such Erlang/OTP release on this machine");
  return found;
}

}  // namespace

namespace {

void in_shared_world(const release& otp, meeting over, bool they_first, const std::function<void(world&)>& body) {
  auto& shared = shared_world(otp, over);
  try {
    shared.connect(they_first);
    body(shared);
  } catch (const std::exception& wrong) {
    throw std::runtime_error{std::string{they_first ? "they connected: " : "we connected: "} + wrong.what() +
                             "\nreports:\n" + shared.ours().reports()};
  }
}

}  // namespace

void in_every_world(const std::string& scenario, const std::function<void(world&)>& body, int since) {
  for (const auto& otp : wanted_releases()) {
    if (std::stoi(otp.number) < since) continue;
    for (const auto over : {meeting::by_epmd, meeting::at_fixed_port}) {
      if (!can_meet(otp, over)) continue;
      for (const bool they_first : {true, false}) {
        const bool passed =
            passes(scenario, column_of(otp, over), [&] { in_shared_world(otp, over, they_first, body); });
        if (!passed) end_world(otp, over);
      }
    }
  }
}

void for_every_release(const std::string& scenario, const std::function<void(const release&)>& body, int since) {
  for (const auto& otp : wanted_releases()) {
    if (std::stoi(otp.number) < since) continue;
    passes(scenario, column_of(otp), [&] { body(otp); });
  }
}

void for_installed(const std::string& scenario, const std::function<void(const release&)>& body) {
  for (const auto& otp : wanted_releases()) {
    if (otp.installed()) passes(scenario, column_of(otp), [&] { body(otp); });
  }
}

void among_ourselves(const std::string& scenario, const std::function<void()>& body) { passes(scenario, "C++", body); }

}  // namespace ergo_interop
