// A test authority and certificates for nodes, and what Erlang is to be told about them.
#include "options.hpp"
#include "writing.hpp"

#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace cert {
namespace {

int run(int argc, char** argv) {
  const auto wanted = read_options(argc, argv);
  if (!wanted) return 0;
  std::filesystem::create_directories(wanted->folder);
  const auto folder = std::filesystem::canonical(wanted->folder);
  const auto signer = find_or_make_authority(folder);
  const auto write = [&](const std::string& stem, const std::vector<std::string>& nodes) {
    request about;
    about.common_name = stem;
    about.hosts = wanted->hosts;
    about.nodes = nodes;
    about.ends = std::chrono::days{wanted->days};
    write_node(folder, stem, signer.issue(about));
    const auto options = (folder / (stem + ".conf")).string();
    std::cout << options << ":\n\n" << erlang_options(folder, stem) << "\n";
    const auto& host = wanted->hosts.front();
    const bool is_long = host.find_first_of(".:") != std::string::npos;
    std::cout << "erl -proto_dist inet_tls -ssl_dist_optfile " << options << (is_long ? " -name " : " -sname ")
              << (nodes.empty() ? "me" : nodes.front()) << "@" << host << "\n\n";
  };
  if (wanted->nodes.empty()) write("node", {});
  for (const auto& node : wanted->nodes) write(node, {node});
  std::cout << "ergo-demo --tls " << folder.string() << "\n";
  return 0;
}

}  // namespace
}  // namespace cert

int main(int argc, char** argv) {
  try {
    return cert::run(argc, argv);
  } catch (const std::exception& failed) {
    std::cerr << "ergo-cert: " << failed.what() << '\n';
    return 1;
  }
}
