// The demo's command line.
#include "options.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string_view>

namespace demo {
namespace {

namespace po = boost::program_options;

po::options_description described() {
  po::options_description text{"ergo-demo [options]: a node with the servers echo, counter, recorder and pong_server"};
  text.add_options()("help", "this text")                                                  //
      ("name", po::value<std::string>(), "long name, NAME@HOST")                           //
      ("sname", po::value<std::string>(), "short name, NAME or NAME@HOST (default: cpp)")  //
      ("cookie", po::value<std::string>(), "the cluster's secret; better: a cookie file")  //
      ("cookie-file", po::value<std::string>(),
       "file with the secret (default: ERGO_COOKIE_FILE, ~/.erlang.cookie)")  //
      ("epmd-port", po::value<std::uint16_t>()->default_value(0),
       "port of the port mapper (default: ERL_EPMD_PORT, 4369)")                                            //
      ("listen-port", po::value<std::uint16_t>()->default_value(0), "port for other nodes (default: any)")  //
      ("tls", po::value<std::string>(),
       "encrypt, with the certificates that ergo-cert has left in this folder: NAME.pem, else node.pem")        //
      ("visible", "be a visible node, a member of the cluster (the default)")                                   //
      ("hidden", "be a hidden node")                                                                            //
      ("tick-time", po::value<unsigned>()->default_value(60), "seconds of silence after which a peer is down")  //
      ("trace", po::value<std::string>()->default_value(""),
       "node, dist: one line per routing decision, per control message");
  return text;
}

// The secret must not stay readable in the process list.
void hide_cookie(int argc, char** argv) {
  for (int index = 1; index < argc; ++index) {
    char* secret = nullptr;
    const std::string_view word{argv[index]};
    if (word == "--cookie" && index + 1 < argc) secret = argv[index + 1];
    if (word.starts_with("--cookie=")) secret = argv[index] + 9;
    if (secret != nullptr) std::fill_n(secret, std::strlen(secret), 'x');
  }
}

ergo::tls_options read_tls(const std::filesystem::path& folder, const std::string& node) {
  const auto name = node.substr(0, node.find('@'));
  const auto stem = std::filesystem::exists(folder / (name + ".pem")) ? name : "node";
  ergo::tls_options found;
  found.certificate.file = (folder / (stem + ".pem")).string();
  found.key.file = (folder / (stem + ".key")).string();
  found.authorities.file = (folder / "ca.pem").string();
  return found;
}

ergo::trace_category read_trace(const std::string& words) {
  auto wanted = ergo::trace_category::none;
  for (std::size_t begin = 0; begin < words.size();) {
    const auto end = std::min(words.find(',', begin), words.size());
    const auto word = words.substr(begin, end - begin);
    if (word != "node" && word != "dist") throw std::runtime_error{"--trace knows node and dist, not " + word};
    wanted = wanted | (word == "node" ? ergo::trace_category::node : ergo::trace_category::dist);
    begin = end + 1;
  }
  return wanted;
}

}  // namespace

std::optional<options> read_options(int argc, char** argv) {
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(described()).run(), given);
  if (given.contains("help")) {
    std::cout << described();
    return std::nullopt;
  }
  if (given.contains("name") && given.contains("sname"))
    throw std::runtime_error{"--name and --sname exclude each other"};
  if (given.contains("visible") && given.contains("hidden"))
    throw std::runtime_error{"--visible and --hidden exclude each other"};
  options read;
  const bool long_name = given.contains("name");
  read.node.name = long_name                 ? given["name"].as<std::string>()
                   : given.contains("sname") ? given["sname"].as<std::string>()
                                             : "cpp";
  read.node.names = long_name ? ergo::name_kind::long_names : ergo::name_kind::short_names;
  if (given.contains("cookie")) {
    read.node.cookie = given["cookie"].as<std::string>();
    hide_cookie(argc, argv);
    std::cerr
        << "warning: a cookie on the command line can be read by every user of this computer; prefer --cookie-file\n";
  }
  if (given.contains("cookie-file")) read.node.cookie_file = given["cookie-file"].as<std::string>();
  read.node.epmd_port = given["epmd-port"].as<std::uint16_t>();
  read.node.listen_port_min = given["listen-port"].as<std::uint16_t>();
  if (given.contains("tls")) read.node.tls = read_tls(given["tls"].as<std::string>(), read.node.name);
  if (given.contains("hidden")) read.services.visibility = ergo::visibility::hidden;
  read.node.net_ticktime = std::chrono::seconds{given["tick-time"].as<unsigned>()};
  read.node.trace = read_trace(given["trace"].as<std::string>());
  return read;
}

}  // namespace demo
