// Timestamps, levels, limits and escapes of the server's messages.
#include "journal.hpp"

#include <syslog.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "ergo/epmd/message.hpp"

namespace ergo::epmd_program {
namespace {

constexpr double burst = 100;
constexpr double per_second = 10;

std::string timestamp() {
  std::array<char, 64> text{};
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  const auto size = std::strftime(text.data(), text.size(), "%a %b %e %H:%M:%S %Y", &local);
  return {text.data(), size};
}

void append_escaped(std::string& out, unsigned char byte) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", static_cast<unsigned>(byte));
  out += text.data();
}

}  // namespace

void journal::say(int level, audience who, std::string_view text) {
  if (level > debug_ || (who == audience::terminal && attached_ == attachment::daemon)) return;
  if (level == 0 && debug_ == 0 && !may_speak()) return;
  write(text, "\r\n");
}

void journal::complain(std::string_view text, int error_number) {
  if (!may_speak()) return;
  write(std::string{text} + ": " + std::strerror(error_number), "\n");
}

bool journal::may_speak() {
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> passed = now - refilled_;
  allowance_ = std::min(burst, allowance_ + passed.count() * per_second);
  refilled_ = now;
  if (allowance_ < 1) return ++suppressed_, false;
  --allowance_;
  if (suppressed_ > 0) write(std::to_string(suppressed_) + " messages suppressed", "\r\n");
  suppressed_ = 0;
  return true;
}

void journal::write(std::string_view text, std::string_view end) const {
  if (attached_ == attachment::daemon) {
    ::syslog(LOG_ERR, "epmd: %.*s", static_cast<int>(text.size()), text.data());
    return;
  }
  const auto line = "epmd: " + timestamp() + ": " + std::string{text} + std::string{end};
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string printable(std::string_view name) {
  const bool is_text = epmd::count_characters(name).has_value();
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_text))
      append_escaped(out, byte);
    else
      out += c;
  }
  return out;
}

}  // namespace ergo::epmd_program
