// A node whose connections are all encrypted, as those of `erl -proto_dist inet_tls`. Its argument is a folder with
// node.pem, node.key and ca.pem; `ergo-cert FOLDER` makes one to try it, and prints what to tell `erl`.
#include <ergo/node.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/outside.hpp>

#include <iostream>
#include <string>

using namespace ergo::literals;

namespace {

class vault {
 public:
  std::string open() { return "for your eyes only"; }
  static constexpr auto calls = ergo::otp::on(ergo::otp::match<"open">(&vault::open));
};

ergo::tls_options certificates_in(const std::string& folder) {
  ergo::tls_options tls;
  tls.certificate.file = folder + "/node.pem";
  tls.key.file = folder + "/node.key";
  tls.authorities.file = folder + "/ca.pem";
  tls.minimum = ergo::tls_version::tls_1_2;  // the default; every release of Erlang since 23 can do this one
  return tls;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " FOLDER-WITH-CERTIFICATES\n";
    return 2;
  }
  ergo::node_options options;
  options.name = "vault@localhost";
  options.tls = certificates_in(argv[1]);
  const auto node = ergo::node::start(options);
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  ergo::otp::start_options named;
  named.name = "vault"_atom;
  if (!ergo::otp::start<vault>((*node)->local(), named)) return 1;
  std::cout << "vault@localhost is ready" << std::endl;
  (*node)->run_until_signal();
}
