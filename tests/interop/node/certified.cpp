// Certificates for live tests.
#include "certified.hpp"

#include "writing.hpp"

namespace ergo_interop {

certified::certified()
    : signer_{cert::authority::make("authority")},
      folder_{std::filesystem::path{ERGO_INTEROP_DIR} / fresh_name("tls")} {
  std::filesystem::create_directories(folder_);
  cert::write_file(folder_ / "ca.pem", signer_.own().certificate, cert::secrecy::open);
  write("node", signer_.issue(usual()));
}

cert::request certified::usual() {
  cert::request about;
  about.common_name = "node";
  about.hosts = {"localhost"};
  return about;
}

ergo::tls_options certified::ours(const cert::identity& own) const {
  ergo::tls_options options;
  options.certificate.text = own.certificate;
  options.key.text = own.key;
  options.authorities.file = (folder_ / "ca.pem").string();
  return options;
}

void certified::write(const std::string& stem, const cert::identity& made) const {
  cert::write_file(folder_ / (stem + ".pem"), made.certificate, cert::secrecy::open);
  cert::write_file(folder_ / (stem + ".key"), made.key, cert::secrecy::secret);
}

std::string certified::list_of(const std::string& stem) const {
  std::string list = "{cacertfile, \"" + (folder_ / "ca.pem").string() + "\"}, {verify, verify_peer}";
  if (stem.empty()) return list;
  const auto place = (folder_ / stem).string();
  return list + ", {certfile, \"" + place + ".pem\"}, {keyfile, \"" + place + ".key\"}";
}

std::vector<std::string> certified::erlang(const std::string& callee, const std::string& caller,
                                           const std::string& more) const {
  const auto tail = more.empty() ? "" : ", " + more;
  const auto file = folder_ / (fresh_name("options") + ".conf");
  cert::write_file(file,
                   "[{server, [" + list_of(callee) + ", {fail_if_no_peer_cert, true}" + tail + "]},\n {client, [" +
                       list_of(caller) + tail + "]}].\n",
                   cert::secrecy::open);
  return {"-proto_dist", "inet_tls", "-ssl_dist_optfile", file.string()};
}

const certified& everybody() {
  static const certified one;
  return one;
}

ergo::node_options with_tls(ergo::tls_options tls) {
  ergo::node_options options;
  options.tls = std::move(tls);
  return options;
}

}  // namespace ergo_interop
