// OpenSSL over memory.
#include "tls_session.hpp"

#include "tls_owner.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>

namespace ergo::inline v0::detail {
namespace {

using names_ptr = openssl_ptr<GENERAL_NAMES, &GENERAL_NAMES_free>;
using method_ptr = openssl_ptr<BIO_METHOD, &BIO_meth_free>;

constexpr std::size_t record_size = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t first_room = 4U << 10;  // of a handshake; it grows with what arrives
constexpr std::size_t most_room = 64U << 10;
constexpr std::byte handshake_record{0x16};
constexpr std::byte alert_record{0x15};
constexpr std::byte tls_major{3};
constexpr std::array refusal{alert_record, tls_major,    tls_major,    std::byte{0},
                             std::byte{2}, std::byte{2}, std::byte{70}};  // fatal: protocol_version
constexpr unsigned names_flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

class openssl_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tls"; }
  [[nodiscard]] std::string message(int code) const override {
    const char* const text = ERR_reason_error_string(static_cast<unsigned long>(static_cast<unsigned>(code)));
    return std::string{"TLS: "} + (text == nullptr ? "it failed" : text);
  }
};

std::string_view host_of(std::string_view node) { return node.substr(node.find('@') + 1); }
std::string_view name_of(std::string_view node) { return node.substr(0, node.find('@')); }

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> room{};
  return inet_pton(AF_INET, host.c_str(), room.data()) == 1 || inet_pton(AF_INET6, host.c_str(), room.data()) == 1;
}

std::string version_text(int version) {
  switch (version) {
    case TLS1_3_VERSION: return "TLS 1.3";
    case TLS1_2_VERSION: return "TLS 1.2";
    case TLS1_1_VERSION: return "TLS 1.1";
    default: return "TLS 1.0 or older";
  }
}

std::string text_of(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string text_of_address(const ASN1_OCTET_STRING* value) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6;
  if (inet_ntop(family, ASN1_STRING_get0_data(value), text.data(), text.size()) == nullptr) return "?";
  return text.data();
}

// The common name of a subject, or of a directory name.
std::string common_name(const X509_NAME* of) {
  const int at = X509_NAME_get_index_by_NID(of, NID_commonName, -1);
  return at < 0 ? std::string{} : text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(of, at)));
}

names_ptr alternative_names(const X509& of) {
  return names_ptr{static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&of, NID_subject_alt_name, nullptr, nullptr))};
}

template <typename Function>
void for_each_name(const X509& of, Function use) {
  const auto names = alternative_names(of);
  for (int index = 0; index < sk_GENERAL_NAME_num(names.get()); ++index)
    use(*sk_GENERAL_NAME_value(names.get(), index));
}

// What a certificate is for, to be shown.
std::string names_of(const X509& certificate) {
  std::string list;
  for_each_name(certificate, [&](const GENERAL_NAME& one) {
    std::string text;
    if (one.type == GEN_DNS) text = text_of(one.d.dNSName);
    if (one.type == GEN_IPADD) text = text_of_address(one.d.iPAddress);
    if (one.type == GEN_DIRNAME) text = "the node " + common_name(one.d.directoryName);
    if (!text.empty()) list += (list.empty() ? "" : ", ") + text;
  });
  return list.empty() ? "nothing that it names" : list;
}

bool names_node(const X509& certificate, std::string_view name) {
  bool found = false;
  for_each_name(certificate, [&](const GENERAL_NAME& one) {
    found = found || (one.type == GEN_DIRNAME && common_name(one.d.directoryName) == name);
  });
  return found;
}

bool names_host(X509& certificate, const std::string& host) {
  if (is_address(host)) return X509_check_ip_asc(&certificate, host.c_str(), 0) == 1;
  return X509_check_host(&certificate, host.data(), host.size(), names_flags, nullptr) == 1;
}

std::string cure_of_alert(int alert) {
  switch (alert) {
    case SSL_AD_UNKNOWN_CA: return "it does not know who has signed our certificate";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN: return "it does not accept our certificate";
    case SSL_AD_CERTIFICATE_REQUIRED: return "it asks for a certificate, and we have none that suits it";
    case SSL_AD_HANDSHAKE_FAILURE: return "our ciphers, signatures or certificate do not suit it";
    case SSL_AD_INSUFFICIENT_SECURITY: return "it asks for stronger ciphers than ours";
    default: return {};
  }
}

constexpr std::string_view erlangs_options = "Erlang's -ssl_dist_optfile";

// Clearing looks at sixteen places, whether there is an error or not, and would be a tenth of a record's cost.
void forget_errors() noexcept {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

const std::error_category& tls_category() noexcept {
  static const openssl_category one;
  return one;
}

bool begins_tls(std::span<const std::byte> first) noexcept {
  return first.size() >= 2 && (first[0] == handshake_record || first[0] == alert_record) && first[1] == tls_major;
}

// ----- what OpenSSL calls -------------------------------------------------------------------------------------------

struct tls_session::glue {
  static tls_session& of(BIO* bio) noexcept { return *static_cast<tls_session*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* to, std::size_t size, std::size_t* count) noexcept {
    auto& self = of(bio);
    BIO_clear_retry_flags(bio);
    *count = std::min(size, self.filled_ - self.taken_);
    if (*count == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(to, self.in_.data() + self.taken_, *count);
    self.taken_ += *count;
    return 1;
  }

  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* count) noexcept try {
    auto& self = of(bio);
    BIO_clear_retry_flags(bio);
    const auto* const bytes = reinterpret_cast<const std::byte*>(from);
    self.out_.insert(self.out_.end(), bytes, bytes + size);
    *count = size;
    return 1;
  } catch (const std::bad_alloc&) {
    *count = 0;
    return 0;
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*what*/) noexcept {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const method_ptr made{[] {
      auto* const one = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ergo");
      if (one == nullptr) throw std::bad_alloc{};
      BIO_meth_set_read_ex(one, &glue::read);
      BIO_meth_set_write_ex(one, &glue::write);
      BIO_meth_set_ctrl(one, &glue::control);
      return one;
    }()};
    return made.get();
  }

  // Notes what it is that a chain fails for; the verdict stays OpenSSL's.
  static int verify(int fine, X509_STORE_CTX* chain) noexcept {
    if (fine == 1) return fine;
    auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& self = *static_cast<tls_session*>(SSL_get_app_data(ssl));
    try {
      self.verdict_ = X509_STORE_CTX_get_error(chain);
      if (const auto* const about = X509_STORE_CTX_get_current_cert(chain)) {
        self.subject_ = common_name(X509_get_subject_name(about));
        self.names_ = names_of(*about);
      }
    } catch (const std::bad_alloc&) {
      return fine;  // refused all the same, with fewer words
    }
    return fine;
  }
};

int tls_session::on_hello(SSL* ssl, int* /*alert*/, void* /*given*/) noexcept {
  auto& self = *static_cast<tls_session*>(SSL_get_app_data(ssl));
  self.offered_ = static_cast<int>(SSL_client_hello_get0_legacy_version(ssl));
  const unsigned char* list = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &list, &size) == 1) {
    for (std::size_t at = 1; at + 1 < size; at += 2) {
      const int version = (list[at] << 8) | list[at + 1];
      if (version <= TLS1_3_VERSION) self.offered_ = std::max(self.offered_, version);
    }
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

tls_session::tls_session(std::shared_ptr<const tls_setup> by, tls_role ours, std::string peer, std::size_t unread)
    : by_{std::move(by)},
      role_{ours},
      peer_{std::move(peer)},
      ssl_{SSL_new(by_->context(ours))},
      most_answers_{unread} {
  BIO* const bio = ssl_ == nullptr ? nullptr : BIO_new(glue::method());
  if (bio == nullptr) throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_verify(ssl_.get(), SSL_get_verify_mode(ssl_.get()), &glue::verify);
  if (ours == tls_role::caller) {
    expect_peer(peer_);
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

tls_session::~tls_session() = default;
void tls_session::ssl_free::operator()(SSL* ssl) const noexcept { SSL_free(ssl); }

void tls_session::expect_peer(const std::string& node) {
  std::string host{host_of(node)};
  // What SSL_set_tlsext_host_name stands for; it takes a copy.
  if (!is_address(host)) SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
  if (by_->check(role_) < tls_check::host) return;
  auto* const rules = SSL_get0_param(ssl_.get());
  X509_VERIFY_PARAM_set_hostflags(rules, names_flags);
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size());
  }
}

// ----- the network --------------------------------------------------------------------------------------------------

std::span<std::byte> tls_session::room() noexcept {
  if (taken_ != filled_) return {};
  const bool was_full = filled_ == in_.size();
  taken_ = filled_ = 0;
  if (was_full && in_.size() < most_room) {
    try {
      in_.resize(std::max(first_room, in_.size() * 2));
    } catch (const std::bad_alloc&) {
      return in_;
    }
  }
  return in_;
}

void tls_session::received(std::size_t count) noexcept {
  filled_ = count;
  if (!first_ && count != 0) first_ = in_.front();
}

void tls_session::sent(std::size_t count) noexcept {
  sent_ += count;
  if (sent_ != out_.size()) return;
  out_.clear();
  sent_ = answers_ = 0;
}

// ----- the node -----------------------------------------------------------------------------------------------------

tls_session::end tls_session::judge(int returned) noexcept {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_NONE: return end::progress;
    case SSL_ERROR_WANT_READ: return end::wanting;
    case SSL_ERROR_ZERO_RETURN: return end::closed;
    default: break;
  }
  failed_ = true;
  code_ = ERR_peek_last_error();
  ERR_clear_error();
  return end::failed;
}

tls_session::end tls_session::shake() noexcept {
  if (failed_) return end::failed;
  ERR_clear_error();
  const auto how = judge(SSL_do_handshake(ssl_.get()));
  if (how == end::failed && is_foreign()) answer_foreigner();
  return how;
}

tls_session::step tls_session::read(std::span<std::byte> room) noexcept {
  if (failed_) return {end::failed};
  forget_errors();
  step made;
  const auto before = out_.size();
  made.how = judge(SSL_read_ex(ssl_.get(), room.data(), room.size(), &made.count) == 1 ? 1 : 0);
  over_ = made.how == end::closed;
  answers_ += out_.size() - before;
  if (answers_ <= most_answers_) return made;
  failed_ = flooded_ = true;
  return {end::failed};
}

bool tls_session::has_unread() const noexcept {
  return taken_ != filled_ || failed_ || over_ || SSL_has_pending(ssl_.get()) == 1;
}

// OpenSSL has no word for those who do not speak its language; one of ours knows an alert when it sees one.
void tls_session::answer_foreigner() noexcept try {
  if (role_ == tls_role::callee) out_.assign(refusal.begin(), refusal.end());
} catch (const std::bad_alloc&) {
  return;  // closing says as much
}

bool tls_session::is_foreign() const noexcept {
  return first_ && *first_ != handshake_record && *first_ != alert_record;
}

bool tls_session::write(std::span<const std::byte> bytes) noexcept try {
  if (failed_) return false;
  while (!bytes.empty()) {
    if (record_.empty() && bytes.size() >= record_size) {
      const auto whole = bytes.first(bytes.size() - bytes.size() % record_size);
      if (!seal(whole)) return false;
      bytes = bytes.subspan(whole.size());
      continue;
    }
    const auto taken = bytes.first(std::min(bytes.size(), record_size - record_.size()));
    record_.insert(record_.end(), taken.begin(), taken.end());
    bytes = bytes.subspan(taken.size());
    if (record_.size() == record_size && !finish_record()) return false;
  }
  return true;
} catch (const std::bad_alloc&) {
  failed_ = true;
  return false;
}

bool tls_session::finish_record() noexcept {
  const bool fine = seal(record_);
  record_.clear();
  return fine;
}

// The network's side takes everything, so that only a failure stops this.
bool tls_session::seal(std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    if (failed_) return false;
    forget_errors();
    std::size_t written = 0;
    const int returned = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    if (returned != 1) {
      (void)judge(0);
      failed_ = true;
      return false;
    }
    bytes = bytes.subspan(written);
    rekey(written);
  }
  return !failed_;
}

// What was read with an old key says nothing about what is read with the next. Each end looks after what it writes
// itself: OTP 23 to 27 stand still when they are asked to change theirs, too.
void tls_session::rekey(std::size_t written) noexcept {
  sealed_ += written;
  if (sealed_ < by_->rekey_after() || SSL_version(ssl_.get()) != TLS1_3_VERSION) return;
  if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) sealed_ = 0;
  ERR_clear_error();
}

void tls_session::close() noexcept {
  if (failed_) return;
  ERR_clear_error();
  (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool tls_session::verified() const noexcept {
  return by_->check(role_) != tls_check::nothing && SSL_get0_peer_certificate(ssl_.get()) != nullptr &&
         SSL_get_verify_result(ssl_.get()) == X509_V_OK;
}

std::string_view tls_session::version() const noexcept { return SSL_get_version(ssl_.get()); }

// ----- what is wrong ------------------------------------------------------------------------------------------------

std::optional<std::string> tls_session::objection(std::string_view node) const {
  const auto check = by_->check(role_);
  if (check < tls_check::host) return std::nullopt;
  auto* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return "it shows no certificate";
  const std::string host{host_of(node)};
  if (!names_host(*certificate, host))
    return "its certificate is for " + names_of(*certificate) + " and not for the host " + host;
  const std::string name{name_of(node)};
  if (check == tls_check::node && !names_node(*certificate, name))
    return "its certificate is for " + names_of(*certificate) + " and not for the node " +
           (name.empty() ? "that it is to become" : name);
  return std::nullopt;
}

std::error_code tls_session::failure() const noexcept {
  if (flooded_) return std::make_error_code(std::errc::no_buffer_space);
  constexpr int unnamed = 1;
  return {code_ == 0 ? unnamed : static_cast<int>(code_), tls_category()};
}

std::string tls_session::reason() const {
  if (is_foreign()) return "the peer does not speak TLS (Erlang: -proto_dist inet_tls)";
  if (flooded_) return "the peer asks for answers and does not read them (node_limits::unread_tls)";
  const int reason = ERR_GET_REASON(code_);
  if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
    return reason_of_alert(reason - SSL_AD_REASON_OFFSET);
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED: return reason_of_certificate();
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return std::string{
          "the peer shows no certificate of tls_options::authorities: it needs certfile and keyfile in "
          "the client list of "}
          .append(erlangs_options);
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION: return reason_of_version();
    case SSL_R_NO_SHARED_CIPHER:
      return std::string{"the peer offers none of the cipher suites of tls_options::ciphers; see {ciphers, …} in "}
          .append(erlangs_options);
    default: break;
  }
  const char* const text = ERR_reason_error_string(code_);
  return text == nullptr ? "it failed without a word" : text;
}

std::string tls_session::reason_of_alert(int alert) const {
  if (alert == SSL_AD_PROTOCOL_VERSION) return reason_of_version();
  const auto cure = cure_of_alert(alert);
  return std::string{"the peer refuses, \""} + SSL_alert_desc_string_long(alert) + "\"" +
         (cure.empty() ? "" : ": " + cure);
}

std::string tls_session::reason_of_certificate() const {
  const auto verdict = verdict_ != 0 ? verdict_ : static_cast<int>(SSL_get_verify_result(ssl_.get()));
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
    return "the peer's certificate is for " + names_ + " and not for the host " + std::string{host_of(peer_)};
  std::string text = "the peer's certificate is not accepted, \"";
  text += X509_verify_cert_error_string(verdict);
  text += "\" (" + (subject_.empty() ? "no name" : subject_) + ")";
  if (verdict == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY || verdict == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
      verdict == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
    text += ": its signer is not among tls_options::authorities";
  return text;
}

std::string tls_session::reason_of_version() const {
  const auto ours = version_text(by_->minimum() == tls_version::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  const auto theirs =
      offered_ == 0 ? std::string{"accepts another version"} : "offers " + version_text(offered_) + " at most";
  return "the peer " + theirs + ", and this node begins at " + ours + " (tls_options::minimum); {versions, ['tlsv1." +
         (by_->minimum() == tls_version::tls_1_3 ? "3" : "2") + "']} in both lists of " + std::string{erlangs_options} +
         " cures it";
}

std::string tls_session::reason_of_silence() const {
  if (first_) return "the peer left, or took too long, in the middle of the TLS handshake";
  return role_ == tls_role::caller
             ? "the peer says nothing in TLS; it may be a node without it (Erlang: -proto_dist inet_tls)"
             : "the peer said nothing";
}

}  // namespace ergo::inline v0::detail
