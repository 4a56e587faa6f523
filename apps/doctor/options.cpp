// Reading the doctor's command line.
#include "options.hpp"

#include <boost/program_options.hpp>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace doctor {
namespace {

namespace po = boost::program_options;

constexpr const char* caption =
    "ergo-doctor [options] NAME@HOST: takes the steps of a connection to a node, Erlang's or ours, and says in one\n"
    "sentence what is wrong and how to cure it.\n\n"
    "Exit codes: 0 nothing is wrong, 1 wrong use, else the step that failed: 10 resolve, 11 epmd, 12 tcp, 13 tls,\n"
    "14 protocol, 15 allow, 16 name, 17 flags, 18 cookie, 19 time, 20 given_up.\n\nOptions";

po::options_description described() {
  po::options_description text{caption};
  text.add_options()("help", "this text")                                                             //
      ("as", po::value<std::string>(), "the name we give ourselves (default: ergo-doctor-PID@HOST)")  //
      ("cookie-file", po::value<std::string>()->default_value(""),
       "file with the secret (default: ERGO_COOKIE_FILE, ~/.erlang.cookie)")  //
      ("epmd-port", po::value<std::uint16_t>()->default_value(0),
       "port of the port mapper (default: ERL_EPMD_PORT, 4369)")                                        //
      ("port", po::value<std::uint16_t>(), "port of the node, which no port mapper is asked for then")  //
      ("tls", po::value<std::string>(),
       "encrypt: a folder with node.pem, node.key and ca.pem (ergo-cert makes one)")  //
      ("timeout", po::value<unsigned>()->default_value(7), "seconds for each step");
  return text;
}

ergo::tls_options read_tls(const std::filesystem::path& folder) {
  ergo::tls_options tls;
  tls.certificate.file = (folder / "node.pem").string();
  tls.key.file = (folder / "node.key").string();
  tls.authorities.file = (folder / "ca.pem").string();
  return tls;
}

po::variables_map parse(int argc, char** argv) {
  auto all = described();
  po::options_description hidden;
  hidden.add_options()("node", po::value<std::string>());
  all.add(hidden);
  po::positional_options_description place;
  place.add("node", 1);
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(all).positional(place).run(), given);
  return given;
}

}  // namespace

std::optional<options> read_options(int argc, char** argv) {
  const auto given = parse(argc, argv);
  if (given.contains("help")) {
    std::cout << described();
    return std::nullopt;
  }
  if (!given.contains("node")) throw std::runtime_error{"whom shall I examine? ergo-doctor NAME@HOST"};
  options read;
  read.peer = given["node"].as<std::string>();
  const auto host = read.peer.substr(std::min(read.peer.find('@'), read.peer.size()));
  read.as.name =
      given.contains("as") ? given["as"].as<std::string>() : "ergo-doctor-" + std::to_string(::getpid()) + host;
  read.as.cookie_file = given["cookie-file"].as<std::string>();
  read.as.epmd = ergo::epmd_mode::client_only;
  read.as.epmd_port = given["epmd-port"].as<std::uint16_t>();
  if (given.contains("port")) read.as.routes = {{"*", {"", given["port"].as<std::uint16_t>()}}};
  if (given.contains("tls")) read.as.tls = read_tls(given["tls"].as<std::string>());
  read.as.limits.handshake_step = std::chrono::seconds{given["timeout"].as<unsigned>()};
  return read;
}

}  // namespace doctor
