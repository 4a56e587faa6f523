// The command line of ergo-cert.
#include "options.hpp"

#include <boost/program_options.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <stdexcept>
#include <string_view>

namespace cert {
namespace {

namespace po = boost::program_options;

constexpr std::string_view usage =
    "ergo-cert DIR [options]: a test authority and node certificates in DIR, and the options by which Erlang uses "
    "them.\nAn authority that is there already signs again, so that nodes can be added and renewed.";

po::options_description described() {
  po::options_description text{"Options"};
  text.add_options()("help", "this text")  //
      ("host", po::value<std::vector<std::string>>(),
       "host name or address that the nodes have behind the @; may be repeated (default: localhost, 127.0.0.1, ::1 and "
       "this computer's name)")  //
      ("node", po::value<std::vector<std::string>>(),
       "a certificate for the node of that name (before the @) in DIR/NAME.pem; may be repeated (default: one for "
       "every "
       "node in DIR/node.pem)")                                                                    //
      ("days", po::value<int>()->default_value(30), "days until the nodes' certificates expire");  //
  return text;
}

std::vector<std::string> own_hosts() {
  std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};
  std::array<char, 256> room{};
  if (::gethostname(room.data(), room.size() - 1) != 0) return hosts;
  const std::string full{room.data()};
  const auto add = [&](const std::string& one) {
    if (!one.empty() && std::ranges::find(hosts, one) == hosts.end()) hosts.push_back(one);
  };
  add(full.substr(0, full.find('.')));
  add(full);
  return hosts;
}

// A name becomes a file's.
void check_node(const std::string& node) {
  const auto usual = [](char one) {
    return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') || one == '_' ||
           one == '-';
  };
  if (node.empty() || node == "ca" || !std::ranges::all_of(node, usual))
    throw std::runtime_error{"--node takes a name of letters, digits, - and _, without @: not " + node};
}

}  // namespace

std::optional<options> read_options(int argc, char** argv) {
  auto all = described();
  all.add_options()("folder", po::value<std::string>());
  po::positional_options_description places;
  places.add("folder", 1);
  po::variables_map given;
  po::store(po::command_line_parser(argc, argv).options(all).positional(places).run(), given);
  if (given.contains("help")) {
    std::cout << usage << "\n\n" << described();
    return std::nullopt;
  }
  if (!given.contains("folder")) throw std::runtime_error{"a folder is needed: ergo-cert DIR"};
  options read;
  read.folder = given["folder"].as<std::string>();
  read.hosts = given.contains("host") ? given["host"].as<std::vector<std::string>>() : own_hosts();
  if (given.contains("node")) read.nodes = given["node"].as<std::vector<std::string>>();
  std::ranges::for_each(read.nodes, check_node);
  read.days = given["days"].as<int>();
  if (read.days < 1) throw std::runtime_error{"--days takes a number from 1"};
  return read;
}

}  // namespace cert
