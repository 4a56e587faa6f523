// The files that ergo-cert leaves behind.
#include "writing.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace cert {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& where, const char* what) {
  throw std::runtime_error{where.string() + " " + what + ": " + std::generic_category().message(errno)};
}

std::string read_file(const fs::path& where) {
  std::ifstream file{where, std::ios::binary};
  if (!file) fail(where, "cannot be read");
  return {std::istreambuf_iterator<char>{file}, {}};
}

// A string of Erlang's.
std::string quoted(const fs::path& path) {
  std::string text = "\"";
  for (const char one : path.string()) {
    if (one == '"' || one == '\\') text += '\\';
    text += one;
  }
  return text + "\"";
}

std::string list_of(const fs::path& folder, const std::string& stem, const std::string& more) {
  return "[{certfile, " + quoted(folder / (stem + ".pem")) + "},\n           {keyfile, " +
         quoted(folder / (stem + ".key")) + "},\n           {cacertfile, " + quoted(folder / "ca.pem") +
         "},\n           {verify, verify_peer}" + more + "]";
}

}  // namespace

void write_file(const fs::path& where, const std::string& text, secrecy how) {
  auto fresh = where;
  fresh += ".new";
  fs::remove(fresh);
  const mode_t mode = how == secrecy::secret ? 0400 : 0644;
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) fail(fresh, "cannot be made");
  const auto written = ::write(file, text.data(), text.size());
  const bool whole = written == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  ::close(file);
  if (!whole) fail(fresh, "cannot be written");
  fs::rename(fresh, where);
}

authority find_or_make_authority(const fs::path& folder) {
  const auto certificate = folder / "ca.pem";
  const auto key = folder / "ca.key";
  if (fs::exists(certificate) && fs::exists(key)) return authority::load({read_file(certificate), read_file(key)});
  if (fs::exists(certificate) || fs::exists(key))
    throw std::runtime_error{folder.string() + " holds one of ca.pem and ca.key, but not both"};
  auto made = authority::make("ergo test authority");
  const auto own = made.own();
  write_file(key, own.key, secrecy::secret);
  write_file(certificate, own.certificate, secrecy::open);
  return made;
}

void write_node(const fs::path& folder, const std::string& stem, const identity& made) {
  write_file(folder / (stem + ".key"), made.key, secrecy::secret);
  write_file(folder / (stem + ".pem"), made.certificate, secrecy::open);
  write_file(folder / (stem + ".conf"), erlang_options(folder, stem), secrecy::open);
}

std::string erlang_options(const fs::path& folder, const std::string& stem) {
  return "[{server, " + list_of(folder, stem, ",\n           {fail_if_no_peer_cert, true}") + "},\n {client, " +
         list_of(folder, stem, "") + "}].\n";
}

}  // namespace cert
