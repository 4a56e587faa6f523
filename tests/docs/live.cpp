// The README's programs, compiled from its text, against a real Erlang; and what it says that the demo prints.
#include "documents.hpp"
#include "programs.hpp"

#include <catch2/catch_test_macros.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

using namespace ergo_docs;
using ergo::test::erl;
using ergo::test::erlang_node;
using ergo::test::free_port;
using ergo::test::program;

namespace {

/// A program of this build by the variable that names it; the test case is skipped without it.
std::string program_from(const char* variable) {
  const char* const path = std::getenv(variable);
  if (path == nullptr || !std::filesystem::exists(path)) SKIP(std::string{variable} + " names no program");
  return path;
}

/// A cookie, that of `erlang_node` unless told otherwise, in a file that only we can read.
class cookie_file {
 public:
  explicit cookie_file(std::string_view cookie = "ergo-epmd-test") {
    path_ = (std::filesystem::temp_directory_path() / "ergo-docs-XXXXXX").string();
    const int file = ::mkstemp(path_.data());
    if (file < 0) throw std::runtime_error{"no temporary file"};
    const bool written = ::write(file, cookie.data(), cookie.size()) == static_cast<ssize_t>(cookie.size());
    ::close(file);
    if (!written) throw std::runtime_error{"cannot write " + path_};
  }
  cookie_file(const cookie_file&) = delete;
  ~cookie_file() { ::unlink(path_.c_str()); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// A program from the README as a node at a port mapper of its own.
class documented_node {
 public:
  explicit documented_node(const ergo::test::arguments& command)
      : program_{command, {{"ERL_EPMD_PORT", std::to_string(port_)}, {"ERGO_COOKIE_FILE", cookie_.path()}}} {}

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] program& process() noexcept { return program_; }

 private:
  cookie_file cookie_;
  std::uint16_t port_ = free_port();
  program program_;
};

/// An Erlang node that says nothing on its own, once the port mapper at `port` answers.
class caller : public erlang_node {
 public:
  caller(const std::string& name, std::uint16_t port) : erlang_node{name, port, quiet} {}

 private:
  inline static const ergo::test::arguments quiet{"-start_epmd", "false", "-hidden", "-kernel", "logger_level", "none"};
};

/// Waits until somebody listens at `port`.
bool is_answering(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (std::chrono::steady_clock::now() < end) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(socket);
    if (connected) return true;
    ::poll(nullptr, 0, 20);
  }
  return false;
}

/// Registers Erlang's own `bank`, which answers `balance` with 500 and ends when it is watched: the caller's monitor
/// goes with the answer (at the latest after a second, when that was too quick to be seen), and then comes another.
constexpr std::string_view erlang_bank =
    "register(bank, spawn(fun() -> "
    "Wait = fun Wait(_, 0) -> ok; Wait(Watched, Left) -> {_, By} = process_info(self(), monitored_by), "
    "case By =/= [] of Watched -> ok; _ -> receive after 5 -> Wait(Watched, Left - 1) end end end, "
    "receive {'$gen_call', From, balance} -> gen_server:reply(From, 500) end, "
    "Wait(false, 200), Wait(true, 2000) end))";

/// A line of the demo without what differs from run to run: numbers.
std::string skeleton(const std::string& line) {
  return std::regex_replace(line, std::regex{"[0-9]+([.,][0-9]+)*"}, "#");
}

/// Whether a line of the document, which may end in `…`, stands for this one.
bool shows(const std::string& documented, const std::string& printed) {
  static const std::string cut = " …";
  if (!documented.ends_with(cut)) return skeleton(documented) == skeleton(printed);
  return skeleton(printed).starts_with(skeleton(documented.substr(0, documented.size() - cut.size())));
}

}  // namespace

TEST_CASE("the README's first program is called from Erlang as the README says", "[docs][live]") {
  documented_node bank{{program_from("ERGO_PROGRAM_DOCS_BANK")}};
  REQUIRE(is_answering(bank.port()));
  caller erlang{"caller", bank.port()};
  REQUIRE(erlang.eval_until("net_adm:ping(cpp@localhost)", "pong") == "pong");
  REQUIRE(erlang.eval_until("catch gen_server:call({bank, cpp@localhost}, balance)", "0") == "0");
  auto call = block_with(document("README.md"), "gen_server:call({bank, cpp@localhost}").text;
  call.resize(call.find_last_of('.'));
  CHECK(erlang.eval(call) == "500");
  CHECK(erlang.eval(call) == "1000");
  CHECK(erlang.eval("gen_server:call({bank, cpp@localhost}, balance)") == "1000");
  CHECK(erlang.eval("rpc:call(cpp@localhost, bank, interest, [500, 4])") == "20");
  bank.process().send_signal(SIGTERM);
  CHECK(bank.process().finish().exit_code == 0);
}

TEST_CASE("the README's process calls Erlang, watches it, and tells failures apart", "[docs][live]") {
  documented_node auditor{{program_from("ERGO_PROGRAM_DOCS_AUDITOR"), "auditor@localhost"}};
  REQUIRE(auditor.process().read_line() == "ready");
  caller erlang{"keeper", auditor.port()};

  auditor.process().write_line("nobody@localhost");
  CHECK(auditor.process().read_line() == "{nodedown,nobody@localhost}");
  auditor.process().write_line("keeper@localhost");
  CHECK(auditor.process().read_line() == "noproc");
  std::string ended;
  for (int attempt = 0; attempt < 50 && ended != "normal"; ++attempt) {
    REQUIRE(erlang.eval(std::string{erlang_bank}) == "true");
    auditor.process().write_line("keeper@localhost");
    ended = auditor.process().read_line();
    CAPTURE(ended);
    // A bank that ended between its answer and the monitor is not there any more.
    REQUIRE((ended == "normal" || ended == "noproc"));
    REQUIRE(erlang.eval_until("whereis(bank)", "undefined") == "undefined");
  }
  CHECK(ended == "normal");
  CHECK(auditor.process().finish().exit_code == 0);  // not killed, so that a sanitizer has its say
}

TEST_CASE("the README's options for TLS take what ergo-cert leaves in a folder", "[docs]") {
  const auto certified = program_from("ERGO_PROGRAM_DOCS_CERTIFIED");
  const auto maker = program_from("ERGO_PROGRAM_CERT");
  auto folder = (std::filesystem::temp_directory_path() / "ergo-docs-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const auto before = ergo::test::run({certified, "cpp@localhost", folder});
  CHECK(before.exit_code == 1);
  CHECK(before.err.find("tls_options::certificate names " + folder + "/node.pem") != std::string::npos);
  const auto made = ergo::test::run({maker, folder});
  INFO(made.err);
  CHECK(made.exit_code == 0);
  CHECK(made.out.find("erl -proto_dist inet_tls -ssl_dist_optfile " + folder + "/node.conf") != std::string::npos);
  const auto after = ergo::test::run({certified, "cpp@localhost", folder});
  INFO(after.err);
  CHECK(after.exit_code == 0);
  CHECK(after.out == "ready\n");
  std::filesystem::remove_all(folder);
}

TEST_CASE("the demo prints what the README shows", "[docs][live]") {
  const auto demo = program_from("ERGO_PROGRAM_DEMO");
  static_cast<void>(erl());
  const auto seen = ergo::test::run({in_tree("apps/demo/run"), demo}, {{"ERL_EPMD_PORT", std::to_string(free_port())}});
  INFO(seen.out << seen.err);
  REQUIRE(seen.exit_code == 0);
  // The lines of the two nodes mix differently each time, and a busy computer makes any slice slow.
  auto printed = lines_of(seen.out);
  std::erase_if(printed, [](const auto& line) { return line.find("a slice t") != std::string::npos; });
  for (const auto& line : lines_of(block_with(document("README.md"), "[erl] conversation").text)) {
    const auto found = std::ranges::find_if(printed, [&](const auto& one) { return shows(line, one); });
    INFO(line);
    CHECK(found != printed.end());
    if (found != printed.end()) printed.erase(found);
  }
  CAPTURE(printed);
  CHECK(printed.empty());
}

TEST_CASE("the doctor prints what the README shows", "[docs][live]") {
  documented_node bank{{program_from("ERGO_PROGRAM_DOCS_BANK")}};
  REQUIRE(is_answering(bank.port()));
  caller erlang{"erl", bank.port()};
  REQUIRE(erlang.eval("node()") == "erl@localhost");
  const cookie_file another{"another-cookie"};
  const auto seen = ergo::test::run({program_from("ERGO_PROGRAM_DOCTOR"), "--epmd-port", std::to_string(bank.port()),
                                     "--cookie-file", another.path(), "erl@localhost"});
  INFO(seen.out << seen.err);
  CHECK(seen.exit_code == 18);
  const auto printed = lines_of(seen.out);
  const auto documented = lines_of(block_with(document("README.md"), "cookie failed:").text);
  REQUIRE(printed.size() == documented.size());
  for (std::size_t line = 0; line < printed.size(); ++line) CHECK(shows(documented[line], printed[line]));
}
