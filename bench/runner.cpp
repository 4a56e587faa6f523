// Which command lines a row becomes.
#include "runner.hpp"

#include "nodes.hpp"

#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace ergo_bench {
namespace {

namespace fs = std::filesystem;
using words = std::vector<std::string>;

fs::path self() { return fs::read_symlink("/proc/self/exe"); }

words operator+(words left, const words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// "ns N ops N" and then any number of "figure NAME VALUE UNIT".
outcome parse(const command_result& used) {
  outcome made{.per_operation = 0, .more = {}, .cpu_seconds = used.cpu_seconds, .peak_rss_kib = used.peak_rss_kib};
  std::istringstream text{used.output};
  std::string word;
  while (text >> word) {
    if (word == "ns") {
      double took = 0;
      double operations = 0;
      std::string ops;
      if (text >> took >> ops >> operations && operations > 0) made.per_operation = took / operations;
    } else if (word == "figure") {
      figure read;
      if (text >> read.name >> read.value >> read.unit) made.more.push_back(std::move(read));
    }
  }
  if (made.per_operation <= 0) throw std::runtime_error{"unreadable result: " + used.output};
  return made;
}

// The caller's end of a row runs on the first CPU, the other end of `two_cpus` on the second.
words pinned(const workload& row, bool is_server, words command) {
  if (row.where == placement::free) return command;
  const auto* const cpu = row.where == placement::two_cpus && is_server ? "1" : "0";
  return words{"taskset", "--cpu-list", cpu} + command;
}

words named(const std::string& name) {
  return {"-sname", name, "-setcookie", "ergo-bench", "-start_epmd", "false", "-hidden"};
}

bool is_beam(pairing ends, bool server) { return ends == (server ? pairing::ours_to_beam : pairing::beam_to_ours); }

}  // namespace

runner::runner(unsigned cores)
    : cores_{cores},
      modules_{fs::temp_directory_path() / ("ergo-bench-" + std::to_string(getpid()))},
      certificates_{fs::temp_directory_path() / ("ergo-bench-tls-" + std::to_string(getpid()))} {
  const auto port = std::to_string(20'000 + getpid() % 12'000);
  setenv("ERL_EPMD_PORT", port.c_str(), 1);
  epmd_ =
      std::make_unique<background>(words{self().parent_path() / "ergo-epmd", "-port", port, "-address", "127.0.0.1"});
}

runner::~runner() {
  std::error_code ignored;
  fs::remove_all(modules_, ignored);
  fs::remove_all(certificates_, ignored);
}

outcome runner::ours(const workload& row, std::uint64_t operations) {
  set_encryption(row);
  if (row.ends == pairing::none) return parse(run_command(pinned(row, false, ours_child(row, operations))));
  if (is_beam(row.ends, true) || is_beam(row.ends, false)) compile_reference();
  const auto peer = next_name("peer");
  const auto server = is_beam(row.ends, true) ? erl(row, named(peer) + words{"-run", "ergo_bench", "serve", "x"})
                                              : words{self(), "--serve", peer, "--cores", cores_of(row)};
  const words kind{"--peer-is", is_beam(row.ends, true) ? "erlang" : "ours"};
  const auto caller = is_beam(row.ends, false)
                          ? erl(row, named(next_name("caller")) + erl_task(row, operations) + words{peer})
                          : ours_child(row, operations) + words{"--peer", peer} + kind;
  return between(row, server, caller);
}

outcome runner::other(reference which, const workload& row, std::uint64_t operations) {
  switch (which) {
    case reference::beam: return erlang(row, operations);
    case reference::raw:
    case reference::raw_epoll: return raw(which, row, operations);
    case reference::plain: {
      auto same = row;
      same.encrypted = false;
      return ours(same, operations);
    }
    case reference::caf: break;
  }
  return parse(run_command(pinned(
      row, false,
      {self().parent_path() / "ergo-bench-caf", std::string{row.id}, std::to_string(operations), cores_of(row)})));
}

std::string runner::version_of(reference which) {
  switch (which) {
    case reference::raw: return "bare sockets that block, or a copy in memory";
    case reference::raw_epoll: return "bare sockets that do not block, behind epoll";
    case reference::plain: return "without encryption";
    case reference::caf: {
      const auto program = self().parent_path() / "ergo-bench-caf";
      return fs::exists(program) ? run_command({program, "--version"}).output : "";
    }
    case reference::beam: break;
  }
  return run_command({"erl", "-noshell", "-eval",
                      "io:format(\"OTP ~s, erts ~s, ~p\", [erlang:system_info(otp_release), "
                      "erlang:system_info(version), erlang:system_info(emu_flavor)]), halt()."})
      .output;
}

outcome runner::erlang(const workload& row, std::uint64_t operations) {
  compile_reference();
  const auto task = erl_task(row, operations);
  if (row.ends == pairing::none) return parse(run_command(pinned(row, false, erl(row, task))));
  const auto peer = next_name("beam");
  return between(row, erl(row, named(peer) + words{"-run", "ergo_bench", "serve", "x"}),
                 erl(row, named(next_name("caller")) + task + words{peer}));
}

outcome runner::raw(reference which, const workload& row, std::uint64_t operations) {
  const std::string name{to_string(which)};
  const auto child = ours_child(row, operations) + words{"--as", name};
  if (!row.raw_has_peer) return parse(run_command(pinned(row, false, child)));
  const auto served = which == reference::raw ? std::string{row.id} : name;
  background server{pinned(row, true, {self(), "--serve-raw", served})};
  const auto port = server.read_line();
  auto made = parse(run_command(pinned(row, false, child + words{"--peer", port})));
  made.cpu_seconds += server.stop().cpu_seconds;
  return made;
}

outcome runner::between(const workload& row, const words& server, const words& caller) {
  background serving{pinned(row, true, server)};
  serving.wait_for_line("ready");
  auto made = parse(run_command(pinned(row, false, caller)));
  made.cpu_seconds += serving.stop().cpu_seconds;
  return made;
}

words runner::ours_child(const workload& row, std::uint64_t operations) const {
  return {self(),
          "--child",
          std::string{row.id},
          "--variant",
          std::string{row.variant},
          "--operations",
          std::to_string(operations),
          "--cores",
          cores_of(row)};
}

words runner::erl(const workload& row, const words& more) const {
  const auto schedulers = cores_of(row) + ":" + cores_of(row);
  words encryption;
  if (row.encrypted) encryption = {"-proto_dist", "inet_tls", "-ssl_dist_optfile", certificates_ / "erlang.conf"};
  return words{"erl", "+S", schedulers, "-noshell", "-pa", modules_} + encryption + row.erl_flags + more;
}

words runner::erl_task(const workload& row, std::uint64_t operations) const {
  const std::string variant = row.variant.empty() ? "none" : std::string{row.variant};
  return {"-run", "ergo_bench", "main", std::string{row.id}, variant, std::to_string(operations)};
}

std::string runner::cores_of(const workload& row) const {
  return row.where == placement::free ? std::to_string(cores_) : "1";
}

std::string runner::next_name(const std::string& stem) {
  return stem + std::to_string(getpid()) + "x" + std::to_string(++names_) + "@localhost";
}

// A certificate for whoever is of this run, made when the first row needs it. Our processes find it by their
// environment.
void runner::set_encryption(const workload& row) {
  unsetenv(tls_folder);
  if (!row.encrypted) return;
  if (!fs::exists(certificates_)) {
    fs::create_directories(certificates_);
    const auto key = (certificates_ / "key.pem").string();
    const auto certificate = (certificates_ / "certificate.pem").string();
    (void)run_command({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                       "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"});
    std::ofstream{certificates_ / "erlang.conf"} << "[{server, [{certfile, \"" << certificate << "\"}, {keyfile, \""
                                                 << key << "\"}, {versions, ['tlsv1.3']}]},\n"
                                                 << " {client, [{verify, verify_none}, {versions, ['tlsv1.3']}]}].\n";
  }
  setenv(tls_folder, certificates_.c_str(), 1);
}

// Compiled once, when the first run needs it.
void runner::compile_reference() {
  if (is_compiled_) return;
  fs::create_directories(modules_);
  words compile{"erlc", "-o", modules_};
  for (const auto& entry : fs::directory_iterator{fs::path{ERGO_BENCH_SOURCE} / "erlang"}) {
    if (entry.path().extension() == ".erl") compile.push_back(entry.path());
  }
  (void)run_command(compile);
  is_compiled_ = true;
}

}  // namespace ergo_bench
