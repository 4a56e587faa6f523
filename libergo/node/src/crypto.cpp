// OpenSSL behind three functions.
#include "crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace ergo::inline v0::detail {

std::optional<dist::digest> md5(dist::bytes_view data) {
  dist::digest made{};
  unsigned size = 0;
  const auto done =
      EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(made.data()), &size, EVP_md5(), nullptr);
  if (done != 1 || size != made.size()) return std::nullopt;
  return made;
}

bool random_bytes(std::span<std::byte> out) {
  return RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) == 1;
}

std::uint32_t random_number() {
  std::uint32_t number = 0;
  if (!random_bytes(std::as_writable_bytes(std::span{&number, 1})))
    throw std::runtime_error{"the random generator does not work"};
  return number;
}

std::uint32_t random_creation() {
  std::uint32_t creation = 0;
  while (creation < 4) creation = random_number();
  return creation;
}

void wipe(std::string& secret) noexcept {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace ergo::inline v0::detail
