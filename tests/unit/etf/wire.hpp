// Bytes in tests: hexadecimal both ways, decoding with little noise, and threads with a stack that no recursion
// survives.
#pragma once

#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/codec.hpp>

#include <catch2/catch_test_macros.hpp>

#include <pthread.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace ergo_test {

using namespace ergo;  // NOLINT: tests read better
using etf::compare;
using etf::compare_exact;
using etf::errc;
using etf::hash_value;
using etf::term;
using namespace etf::literals;  // NOLINT

inline std::string hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

/// Blanks are skipped.
inline std::string unhex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10); };
  std::string bytes;
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    while (text[at] == ' ') ++at;
    bytes += static_cast<char>((digit(text[at]) << 4) | digit(text[at + 1]));
  }
  return bytes;
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

/// The term of hexadecimal bytes without 131, which must be right and complete.
inline term read(std::string_view text, const etf::decode_limits& limits = {}) {
  const auto result = etf::decode_all(bytes_of(unhex("83" + std::string{text})), limits);
  INFO(text << ": " << (result ? "" : etf::describe(result.error().code)));
  REQUIRE(result.has_value());
  return *result;
}

/// Why hexadecimal bytes without 131 are no term; `ok` when they are.
inline errc fault(std::string_view text, const etf::decode_limits& limits = {}) {
  const auto result = etf::decode_all(bytes_of(unhex("83" + std::string{text})), limits);
  return result ? errc::ok : result.error().code;
}

/// `value` in hexadecimal without 131.
inline std::string written(const term& value) {
  REQUIRE(etf::encode_to_string(value).size() == etf::encoded_size(value) + 1);
  return hex(etf::encode_to_string(value)).substr(2);
}

/// Runs `work` on a thread with a stack of 64 KiB; it reports through what it captures.
inline void on_small_stack(std::function<void()> work) {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, std::size_t{64} << 10) == 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, &work) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace ergo_test
