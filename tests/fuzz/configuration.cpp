// Configuration files as OTP reads them, and the cookie file: anything may be in them. Oracles: what was read has each
// name once, survives being written and read again, and merging; a refusal says why and in which line.
#include "cookie.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/otp/configuration.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace ergo;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

/// A folder of this program alone, removed at its end. The harness runs in it: a configuration may name others.
class folder {
 public:
  folder() : path_{std::filesystem::temp_directory_path() / ("ergo-fuzz-" + std::to_string(::getpid()))} {
    std::filesystem::create_directories(path_);
  }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  ~folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

void write(const std::string& path, std::string_view text) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out << text;
}

etf::term term_of(const otp::configuration& read) {
  std::vector<etf::term> applications;
  for (const auto& [name, parameters] : read) {
    std::vector<etf::term> pairs;
    for (const auto& [key, value] : parameters) pairs.push_back(etf::tuple(key, value));
    applications.push_back(etf::tuple(name, etf::make_list(pairs)));
  }
  return etf::make_list(applications);
}

void check_names(const otp::configuration& read) {
  std::set<std::string_view> applications;
  for (const auto& [name, parameters] : read) {
    require(applications.insert(name.text()).second);
    std::set<std::string_view> keys;
    for (const auto& [key, value] : parameters) require(keys.insert(key.text()).second);
  }
}

void check_configuration_file(const folder& in, std::string_view text) {
  const auto file = in.file("sys.config");
  write(file, text);
  const auto read = otp::read_configuration(file);
  if (!read) {
    const auto why = read.error().context();
    require(why.is_tuple(3) && why.elements()[0].is_binary() && why.elements()[2].is_binary());
    return require(why.elements()[1].as_integer() || why.elements()[1].is_atom());
  }
  check_names(*read);
  const auto written = term_of(*read);
  const auto checked = otp::check_configuration(written);
  require(checked.has_value() && term_of(*checked) == written);
  write(file, etf::to_text(written) + ".\n");
  const auto again = otp::read_configuration(file);
  require(again.has_value() && term_of(*again) == written);
  require(term_of(otp::merge(*read, *read)) == written && term_of(otp::merge({}, *read)) == written);
}

std::expected<std::string, std::string> cookie_of_file(const folder& in, std::string_view text) {
  const auto file = in.file("cookie");
  write(file, text);
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return detail::read_cookie_file(file);
}

void check_cookie(const folder& in, std::string_view text) {
  const auto cookie = detail::parse_cookie(text);
  if (cookie) {
    require(!cookie->empty() && cookie->size() <= 255 && detail::parse_cookie(*cookie) == cookie);
    require(std::ranges::none_of(*cookie, [](char one) { return static_cast<unsigned char>(one) <= ' '; }));
  }
  constexpr std::size_t looked_at = 4096;
  const auto expected = detail::parse_cookie(text.substr(0, looked_at));
  const auto read = cookie_of_file(in, text);
  require(read.has_value() == expected.has_value());
  if (read) return require(*read == *expected);
  // What is said of a file that holds no cookie does not depend on what it holds.
  static const auto usual = cookie_of_file(in, "\x01");
  require(!usual.has_value() && read.error() == usual.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const folder here;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  check_configuration_file(here, text);
  check_cookie(here, text);
  return 0;
}
