// What tls_options come to, and the sentences for those that come to nothing.
#include "tls_setup.hpp"

#include "tls_fixture.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace ergo;
using namespace ergo::detail;
using namespace ergo_test;

namespace {

std::string error_of(const tls_options& options) {
  const auto made = tls_setup::make(options);
  return made ? "" : made.error();
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

struct scratch {
  scratch() {
    std::string path = (std::filesystem::temp_directory_path() / "ergo-tls-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    folder = path;
  }
  ~scratch() { std::filesystem::remove_all(folder); }
  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const {
    std::ofstream{folder / name} << text;
    return (folder / name).string();
  }
  std::filesystem::path folder;
};

}  // namespace

TEST_CASE("certificates come from files as from memory") {
  const auto signer = cert::authority::make("authority");
  const auto options = tls_of(signer);
  const scratch here;
  tls_options from_files;
  from_files.certificate.file = here.file("node.pem", options.certificate.text);
  from_files.key.file = here.file("node.key", options.key.text);
  from_files.authorities.file = here.file("ca.pem", options.authorities.text);
  CHECK(error_of(from_files).empty());
  from_files.key.file = here.file("empty", "");
  CHECK(holds(error_of(from_files), "tls_options::key names " + from_files.key.file + ", which is empty"));
  from_files.key.file = (here.folder / "nowhere").string();
  CHECK(holds(error_of(from_files), "which cannot be read"));
  from_files.key.text = options.key.text;
  CHECK(error_of(from_files).empty());
}

TEST_CASE("options that cannot work are refused with the option's name") {
  const auto signer = cert::authority::make("authority");
  const auto good = tls_of(signer);
  CHECK(error_of(good).empty());
  auto other_key = good;
  other_key.key.text = tls_of(signer).key.text;
  CHECK(holds(error_of(other_key), "tls_options::key is not the key of the first certificate"));
  auto no_certificate = good;
  no_certificate.certificate.text.clear();
  CHECK(error_of(no_certificate) == "tls_options::certificate is empty");
  auto garbage = good;
  garbage.certificate.text = "no PEM at all";
  CHECK(holds(error_of(garbage), "tls_options::certificate holds no PEM certificates"));
  auto cut = good;
  cut.authorities.text += "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  CHECK(holds(error_of(cut), "tls_options::authorities holds no PEM certificates"));
  auto nobody = good;
  nobody.authorities.text.clear();
  CHECK(holds(error_of(nobody), "tls_options::authorities is empty"));
  auto ciphers = good;
  ciphers.ciphers = "NONE-OF-THESE";
  CHECK(holds(error_of(ciphers), "tls_options::ciphers"));
  auto suites = good;
  suites.ciphersuites = "TLS_NOTHING";
  CHECK(holds(error_of(suites), "tls_options::ciphersuites"));
  auto restless = good;
  restless.rekey_after = 1;
  CHECK(holds(error_of(restless), "tls_options::rekey_after"));
}

TEST_CASE("a certificate of yesterday or tomorrow is used, with a warning") {
  const auto signer = cert::authority::make("authority");
  cert::request about;
  about.common_name = "node";
  about.hosts = {"localhost"};
  CHECK(made(tls_with(signer.issue(about), signer))->warnings().empty());
  about.begins = std::chrono::hours{-48};
  about.ends = std::chrono::hours{-24};
  const auto expired = made(tls_with(signer.issue(about), signer))->warnings();
  REQUIRE(expired.size() == 1);
  CHECK(holds(expired.front(), "has expired"));
  about.begins = std::chrono::hours{24};
  about.ends = std::chrono::hours{48};
  const auto early = made(tls_with(signer.issue(about), signer))->warnings();
  REQUIRE(early.size() == 1);
  CHECK(holds(early.front(), "begins later"));
}
