// Certificates by OpenSSL.
#include "certificates.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace cert {
namespace {

template <auto Free>
struct freed_by {
  template <typename Object>
  void operator()(Object* object) const noexcept {
    Free(object);
  }
};
template <typename Object, auto Free>
using owned = std::unique_ptr<Object, freed_by<Free>>;

using certificate_ptr = owned<X509, &X509_free>;
using key_ptr = owned<EVP_PKEY, &EVP_PKEY_free>;
using bio_ptr = owned<BIO, &BIO_free>;
using name_ptr = owned<X509_NAME, &X509_NAME_free>;
using address_ptr = owned<ASN1_OCTET_STRING, &ASN1_OCTET_STRING_free>;
using extension_ptr = owned<X509_EXTENSION, &X509_EXTENSION_free>;

struct free_names {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
using names_ptr = std::unique_ptr<GENERAL_NAMES, free_names>;

void check(bool fine, const char* what) {
  if (fine) return;
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw std::runtime_error{std::string{what} + " failed: " + (reason == nullptr ? "no reason given" : reason)};
}

key_ptr new_key() {
  key_ptr key{EVP_EC_gen("P-256")};
  check(key != nullptr, "making a key");
  return key;
}

std::string text_of(const bio_ptr& bytes) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bytes.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string to_pem(const X509& certificate) {
  const bio_ptr bytes{BIO_new(BIO_s_mem())};
  check(PEM_write_bio_X509(bytes.get(), &certificate) == 1, "writing a certificate");
  return text_of(bytes);
}

std::string to_pem(const EVP_PKEY& key) {
  const bio_ptr bytes{BIO_new(BIO_s_mem())};
  check(PEM_write_bio_PrivateKey(bytes.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "writing a key");
  return text_of(bytes);
}

name_ptr make_name(const std::string& common_name) {
  name_ptr name{X509_NAME_new()};
  const auto* const bytes = reinterpret_cast<const unsigned char*>(common_name.data());
  check(X509_NAME_add_entry_by_txt(name.get(), "CN", MBSTRING_UTF8, bytes, static_cast<int>(common_name.size()), -1,
                                   0) == 1,
        "making a name");
  return name;
}

void add_text(GENERAL_NAMES& to, int type, const std::string& text) {
  auto* const one = GENERAL_NAME_new();
  auto* const value = ASN1_IA5STRING_new();
  ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  GENERAL_NAME_set0_value(one, type, value);
  sk_GENERAL_NAME_push(&to, one);
}

void add_host(GENERAL_NAMES& to, const std::string& host) {
  address_ptr address{a2i_IPADDRESS(host.c_str())};
  ERR_clear_error();
  if (address == nullptr) return add_text(to, GEN_DNS, host);
  auto* const one = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(one, GEN_IPADD, address.release());
  sk_GENERAL_NAME_push(&to, one);
}

void add_node(GENERAL_NAMES& to, const std::string& node) {
  auto* const one = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(one, GEN_DIRNAME, make_name(node).release());
  sk_GENERAL_NAME_push(&to, one);
}

void add_names(X509& to, const request& wanted) {
  if (wanted.hosts.empty() && wanted.nodes.empty()) return;
  const names_ptr names{GENERAL_NAMES_new()};
  for (const auto& host : wanted.hosts) add_host(*names, host);
  for (const auto& node : wanted.nodes) add_node(*names, node);
  check(X509_add1_ext_i2d(&to, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1, "naming hosts");
}

void add_extension(X509& to, X509& issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &to, nullptr, nullptr, 0);
  const extension_ptr made{X509V3_EXT_conf_nid(nullptr, &context, what, value)};
  check(made != nullptr && X509_add_ext(&to, made.get(), -1) == 1, "adding an extension");
}

certificate_ptr blank(const std::string& common_name, EVP_PKEY& key, std::chrono::seconds begins,
                      std::chrono::seconds ends) {
  certificate_ptr made{X509_new()};
  check(made != nullptr && X509_set_version(made.get(), X509_VERSION_3) == 1, "making a certificate");
  std::array<unsigned char, 16> serial{};
  check(RAND_bytes(serial.data(), serial.size()) == 1, "drawing a number");
  serial[0] &= 0x7F;
  const owned<BIGNUM, &BN_free> number{BN_bin2bn(serial.data(), serial.size(), nullptr)};
  check(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(made.get())) != nullptr, "numbering");
  check(X509_gmtime_adj(X509_getm_notBefore(made.get()), begins.count()) != nullptr &&
            X509_gmtime_adj(X509_getm_notAfter(made.get()), ends.count()) != nullptr,
        "setting the time");
  const auto name = make_name(common_name);
  check(X509_set_subject_name(made.get(), name.get()) == 1 && X509_set_pubkey(made.get(), &key) == 1, "naming");
  return made;
}

void sign(X509& what, X509& issuer, EVP_PKEY& with) {
  check(X509_set_issuer_name(&what, X509_get_subject_name(&issuer)) == 1, "naming the signer");
  add_extension(what, issuer, NID_subject_key_identifier, "hash");
  if (&what != &issuer) add_extension(what, issuer, NID_authority_key_identifier, "keyid:always");
  check(X509_sign(&what, &with, EVP_sha256()) != 0, "signing");
}

void describe_authority(X509& what, X509& issuer) {
  add_extension(what, issuer, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(what, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
}

void describe_node(X509& what, X509& issuer, const request& wanted) {
  add_extension(what, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(what, issuer, NID_key_usage, "critical,digitalSignature");
  const char* use = "serverAuth,clientAuth";
  if (wanted.use == purpose::caller_only) use = "clientAuth";
  if (wanted.use == purpose::callee_only) use = "serverAuth";
  add_extension(what, issuer, NID_ext_key_usage, use);
  add_names(what, wanted);
}

}  // namespace

struct authority::parts {
  certificate_ptr certificate;
  key_ptr key;
  std::string above;  // certificates between this one and one that peers know, this one first
};

authority::authority(std::unique_ptr<parts> made) noexcept : parts_{std::move(made)} {}
authority::authority(authority&&) noexcept = default;
authority& authority::operator=(authority&&) noexcept = default;
authority::~authority() = default;

authority authority::make(const std::string& common_name, std::chrono::seconds ends) {
  auto key = new_key();
  auto made = blank(common_name, *key, std::chrono::hours{-1}, ends);
  describe_authority(*made, *made);
  sign(*made, *made, *key);
  return authority{std::unique_ptr<parts>{new parts{std::move(made), std::move(key), {}}}};
}

authority authority::load(const identity& from) {
  const bio_ptr first{BIO_new_mem_buf(from.certificate.data(), static_cast<int>(from.certificate.size()))};
  certificate_ptr certificate{PEM_read_bio_X509(first.get(), nullptr, nullptr, nullptr)};
  check(certificate != nullptr, "reading the authority's certificate");
  const bio_ptr second{BIO_new_mem_buf(from.key.data(), static_cast<int>(from.key.size()))};
  key_ptr key{PEM_read_bio_PrivateKey(second.get(), nullptr, nullptr, nullptr)};
  check(key != nullptr, "reading the authority's key");
  check(X509_check_private_key(certificate.get(), key.get()) == 1, "matching the authority's key with its certificate");
  return authority{std::unique_ptr<parts>{new parts{std::move(certificate), std::move(key), {}}}};
}

identity authority::issue(const request& wanted) const {
  const auto key = new_key();
  const auto made = blank(wanted.common_name, *key, wanted.begins, wanted.ends);
  describe_node(*made, *parts_->certificate, wanted);
  sign(*made, *parts_->certificate, *parts_->key);
  return {to_pem(*made) + parts_->above, to_pem(*key)};
}

authority authority::issue_authority(const std::string& common_name) const {
  auto key = new_key();
  auto made = blank(common_name, *key, std::chrono::hours{-1}, std::chrono::days{30});
  describe_authority(*made, *parts_->certificate);
  sign(*made, *parts_->certificate, *parts_->key);
  auto above = to_pem(*made) + parts_->above;
  return authority{std::unique_ptr<parts>{new parts{std::move(made), std::move(key), std::move(above)}}};
}

identity authority::own() const { return {to_pem(*parts_->certificate), to_pem(*parts_->key)}; }

identity make_self_signed(const request& wanted) {
  const auto key = new_key();
  const auto made = blank(wanted.common_name, *key, wanted.begins, wanted.ends);
  describe_node(*made, *made, wanted);
  sign(*made, *made, *key);
  return {to_pem(*made), to_pem(*key)};
}

}  // namespace cert
