// Compressed terms: where they are allowed, and what keeps a small message from becoming a large one.
#include "wire.hpp"

#include <zlib.h>

#include <string>

using namespace ergo_test;

namespace {

std::string deflate(std::string_view bytes) {
  auto size = compressBound(bytes.size());
  std::string out(size, '\0');
  REQUIRE(compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                    bytes.size(), 9) == Z_OK);
  out.resize(size);
  return out;
}

std::string big_endian(std::size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xFF);
  return bytes;
}

/// 131, COMPRESSED and `inside`, with `announced` as its size.
std::string compressed(std::string_view inside, std::size_t announced) {
  return unhex("83 50") + big_endian(announced) + deflate(inside);
}
std::string compressed(std::string_view inside) { return compressed(inside, inside.size()); }

/// A binary of zeros, without 131.
std::string zeros(std::size_t size) { return "m" + big_endian(size) + std::string(size, '\0'); }

errc verdict(const std::string& bytes, const etf::decode_limits& limits = {}) {
  const auto result = etf::decode_all(bytes_of(bytes), limits);
  return result ? errc::ok : result.error().code;
}

}  // namespace

TEST_CASE("a compressed term is what it inflates to", "[etf][compressed]") {
  const auto value = etf::tuple("ok"_atom, etf::list(1, 2, 300), etf::binary(std::string(1'000, 'x')));
  const auto bytes = compressed(etf::encode_to_string(value).substr(1));
  CHECK(etf::decode_all(bytes_of(bytes)) == value);
  const auto followed = etf::decode(bytes_of(bytes + "more"));
  REQUIRE(followed.has_value());
  CHECK(followed->consumed == bytes.size());
}

TEST_CASE("compressed terms stand alone and on top", "[etf][compressed]") {
  const auto inside = unhex("6105");
  const auto bytes = compressed(inside);
  CHECK(verdict(bytes) == errc::ok);
  CHECK(verdict(bytes, {.compressed = false}) == errc::compressed_refused);
  CHECK(etf::decode_bare(bytes_of(bytes).subspan(1)).error().code == errc::compressed_refused);
  CHECK(verdict(unhex("83 6801") + bytes.substr(1)) == errc::compressed_refused);
  CHECK(verdict(compressed(bytes.substr(1))) == errc::compressed_refused);
  CHECK(verdict(compressed(bytes)) == errc::unknown_tag);
}

TEST_CASE("the announced size must be the real one", "[etf][compressed]") {
  const auto inside = unhex("6801 6105");
  CHECK(verdict(compressed(inside, 3)) == errc::bad_compression);
  CHECK(verdict(compressed(inside, 5)) == errc::bad_compression);
  CHECK(verdict(compressed(inside, 0)) == errc::bad_compression);
  CHECK(verdict(compressed(inside, 4)) == errc::ok);
}

TEST_CASE("broken deflated data is refused at every truncation and for every changed bit that matters",
          "[etf][compressed]") {
  const auto bytes = compressed(etf::encode_to_string(etf::list(1'000, 1'001, 1'002, 1'003)).substr(1));
  for (std::size_t size = 6; size < bytes.size(); ++size)
    CHECK(verdict(bytes.substr(0, size)) == errc::bad_compression);
  CHECK(verdict(bytes.substr(0, 5)) == errc::truncated);
  int accepted = 0;  // the padding bits behind the last block mean nothing
  for (std::size_t at = 6; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto wrong = bytes;
      wrong[at] = static_cast<char>(wrong[at] ^ (1 << bit));
      if (verdict(wrong) == errc::ok) ++accepted;
    }
  }
  CHECK(accepted <= 7);
}

TEST_CASE("what is wrong inside of a compressed term is reported as such", "[etf][compressed]") {
  CHECK(verdict(compressed(unhex("6802 6101"))) == errc::truncated);
  CHECK(verdict(compressed(unhex("00"))) == errc::unknown_tag);
  CHECK(verdict(compressed(unhex("6105 6106"))) ==
        errc::ok);  // as in OTP, what follows the term inside does not matter
}

TEST_CASE("the announced size is capped before anything is inflated", "[etf][compressed]") {
  CHECK(verdict(compressed(zeros(2'000), 2'005), {.inflated = 2'005}) == errc::ok);
  CHECK(verdict(compressed(zeros(2'000), 2'005), {.inflated = 2'004}) == errc::too_big);
  CHECK(verdict(unhex("83 50 ffffffff") + deflate("x")) == errc::too_big);
}

TEST_CASE("above 1 MiB the ratio is capped", "[etf][compressed]") {
  CHECK(verdict(compressed(zeros((1U << 20) - 5))) == errc::ok);
  CHECK(verdict(compressed(zeros(4U << 20))) == errc::too_big);
  CHECK(verdict(compressed(zeros(4U << 20)), {.inflate_ratio = 2'000}) == errc::ok);
  // Bytes behind the stream do not buy a better ratio.
  CHECK(verdict(compressed(zeros(4U << 20)) + std::string(100'000, 'x')) == errc::too_big);
  CHECK(verdict(compressed(zeros(2'000)), {.inflate_ratio = 0}) == errc::ok);
}

TEST_CASE("binaries of a compressed term never alias the input", "[etf][compressed]") {
  const auto owner = std::make_shared<const std::string>(compressed(zeros(100'000)));
  std::shared_ptr<const void> handle = owner;
  const auto value = etf::decode_all(bytes_of(*owner), {.aliased = &handle});
  REQUIRE(value.has_value());
  CHECK(owner.use_count() == 2);
  CHECK(value->bytes() == std::string(100'000, '\0'));
}
