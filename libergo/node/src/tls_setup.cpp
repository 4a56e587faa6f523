// Reading certificates and keys, and the rules for both roles.
#include "tls_setup.hpp"

#include "crypto.hpp"
#include "tls_owner.hpp"
#include "tls_session.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

using bio_ptr = openssl_ptr<BIO, &BIO_free>;
using x509_ptr = openssl_ptr<X509, &X509_free>;
using key_ptr = openssl_ptr<EVP_PKEY, &EVP_PKEY_free>;

constexpr int security_level = 2;  // 112 bits: RSA of 2048 bits and more
constexpr std::uint64_t least_rekey = 64U << 10;

std::unexpected<std::string> refuse(const std::string& option, const std::string& why) {
  return std::unexpected{"tls_options::" + option + " " + why};
}

// The last thing that OpenSSL has complained of.
std::string complaint() {
  const auto code = ERR_peek_last_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "it cannot be read" : text;
}

std::expected<std::string, std::string> text_of(const pem& source, const std::string& option) {
  if (!source.text.empty()) return source.text;
  if (source.file.empty()) return refuse(option, "is empty");
  std::ifstream file{source.file, std::ios::binary};
  if (!file) return refuse(option, "names " + source.file + ", which cannot be read");
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  if (text.empty()) return refuse(option, "names " + source.file + ", which is empty");
  return text;
}

std::string place(const pem& source) { return source.text.empty() ? "(" + source.file + ") " : ""; }

std::expected<std::vector<x509_ptr>, std::string> read_certificates(const pem& source, const std::string& option) {
  const auto text = text_of(source, option);
  if (!text) return std::unexpected{text.error()};
  ERR_clear_error();
  const bio_ptr bytes{BIO_new_mem_buf(text->data(), static_cast<int>(text->size()))};
  std::vector<x509_ptr> found;
  while (auto* const one = PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)) found.emplace_back(one);
  const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (found.empty() || !at_the_end) return refuse(option, place(source) + "holds no PEM certificates: " + complaint());
  ERR_clear_error();
  return found;
}

int give_password(char* room, int size, int /*writing*/, void* given) {
  const auto& password = *static_cast<const std::string*>(given);
  if (password.empty() || password.size() > static_cast<std::size_t>(size)) return -1;
  password.copy(room, password.size());
  return static_cast<int>(password.size());
}

std::expected<key_ptr, std::string> read_key(const tls_options& options) {
  auto text = text_of(options.key, "key");
  if (!text) return std::unexpected{text.error()};
  ERR_clear_error();
  const bio_ptr bytes{BIO_new_mem_buf(text->data(), static_cast<int>(text->size()))};
  auto password = options.key_password;
  key_ptr key{PEM_read_bio_PrivateKey(bytes.get(), nullptr, &give_password, &password)};
  wipe(password);
  wipe(*text);
  if (key != nullptr) return key;
  return refuse("key", place(options.key) + "holds no private key that can be used: " + complaint() +
                           (options.key_password.empty() ? "" : " (or key_password is another)"));
}

std::string day_of(const ASN1_TIME* when) {
  const bio_ptr text{BIO_new(BIO_s_mem())};
  ASN1_TIME_print(text.get(), when);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::vector<std::string> warnings_of(const X509& certificate) {
  std::vector<std::string> found;
  const auto* const end = X509_get0_notAfter(&certificate);
  const auto* const begin = X509_get0_notBefore(&certificate);
  if (X509_cmp_current_time(end) < 0) found.push_back("has a certificate that has expired: " + day_of(end));
  if (X509_cmp_current_time(begin) > 0) found.push_back("has a certificate that begins later: " + day_of(begin));
  return found;
}

bool needs_authorities(const tls_options& options) {
  return options.called != tls_check::nothing || options.callers != tls_check::nothing;
}

}  // namespace

void tls_setup::context_free::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }

struct tls_setup::material {
  std::vector<x509_ptr> chain;  // ours first
  key_ptr key;
  std::vector<x509_ptr> authorities;
};

std::expected<std::shared_ptr<const tls_setup>, std::string> tls_setup::make(const tls_options& options) {
  material from;
  auto chain = read_certificates(options.certificate, "certificate");
  if (!chain) return std::unexpected{chain.error()};
  from.chain = *std::move(chain);
  auto key = read_key(options);
  if (!key) return std::unexpected{key.error()};
  from.key = *std::move(key);
  if (!options.authorities.empty()) {
    auto authorities = read_certificates(options.authorities, "authorities");
    if (!authorities) return std::unexpected{authorities.error()};
    from.authorities = *std::move(authorities);
  } else if (needs_authorities(options)) {
    return refuse("authorities", "is empty, and whoever connects is to show a certificate");
  }
  if (X509_check_private_key(from.chain.front().get(), from.key.get()) != 1)
    return refuse("key", place(options.key) + "is not the key of the first certificate");
  if (options.rekey_after < least_rekey) return refuse("rekey_after", "is less than 64 KiB");
  std::shared_ptr<tls_setup> made{new tls_setup};
  made->options_ = options;
  wipe(made->options_.key.text);
  wipe(made->options_.key_password);
  made->warnings_ = warnings_of(*from.chain.front());
  for (const auto role : {tls_role::caller, tls_role::callee}) {
    auto context = made->make_context(from, role);
    if (!context) return std::unexpected{context.error()};
    (role == tls_role::caller ? made->calling_ : made->called_) = *std::move(context);
  }
  return made;
}

std::expected<tls_setup::context_ptr, std::string> tls_setup::make_context(const material& from, tls_role ours) const {
  ERR_clear_error();
  const bool calling = ours == tls_role::caller;
  context_ptr made{SSL_CTX_new(calling ? TLS_client_method() : TLS_server_method())};
  if (made == nullptr) return std::unexpected{"TLS cannot be used: " + complaint()};
  auto* const context = made.get();
  SSL_CTX_set_security_level(context, security_level);
  SSL_CTX_set_min_proto_version(context, options_.minimum == tls_version::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_set_cipher_list(context, options_.ciphers.c_str()) != 1)
    return refuse("ciphers", "holds nothing that OpenSSL knows: " + options_.ciphers);
  if (!options_.ciphersuites.empty() && SSL_CTX_set_ciphersuites(context, options_.ciphersuites.c_str()) != 1)
    return refuse("ciphersuites", "holds something that OpenSSL does not know: " + options_.ciphersuites);
  if (SSL_CTX_use_certificate(context, from.chain.front().get()) != 1)
    return refuse("certificate", "is refused: " + complaint());
  for (std::size_t next = 1; next < from.chain.size(); ++next) SSL_CTX_add1_chain_cert(context, from.chain[next].get());
  if (SSL_CTX_use_PrivateKey(context, from.key.get()) != 1) return refuse("key", "is refused: " + complaint());
  for (const auto& authority : from.authorities) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
    if (!calling) SSL_CTX_add_client_CA(context, authority.get());
  }
  const int asked = calling ? SSL_VERIFY_PEER : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, check(ours) == tls_check::nothing ? SSL_VERIFY_NONE : asked, nullptr);
  SSL_CTX_set_verify_depth(context, options_.chain);
  if (!calling) SSL_CTX_set_client_hello_cb(context, &tls_session::on_hello, nullptr);
  const bool resumes = !calling && options_.session_lifetime.count() > 0;
  SSL_CTX_set_session_cache_mode(context, resumes ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
  if (resumes) {
    constexpr std::string_view name = "ergo";
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(name.data()), name.size());
    SSL_CTX_set_timeout(context, options_.session_lifetime.count());
    SSL_CTX_sess_set_cache_size(context, static_cast<long>(options_.sessions));
  } else {
    SSL_CTX_set_num_tickets(context, 0);
  }
  return made;
}

}  // namespace ergo::inline v0::detail
