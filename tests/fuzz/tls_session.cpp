// One end of TLS, in either role, against a peer that may or may not have a certificate that counts, and a network that
// adds, changes, repeats and loses what the peer says. Oracles: nobody without such a certificate gets through the
// handshake; what is read is what the peer has written, byte for byte; what failed stays so and can say why; what waits
// to be sent is bounded by what we write and what a peer may leave unread.
#define OPENSSL_SUPPRESS_DEPRECATED  // for RAND_set_rand_method: the input alone decides
#include "tls_session.hpp"

#include "certificates.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

using ergo::detail::tls_role;
using ergo::detail::tls_session;
using ergo::detail::tls_setup;
using end = tls_session::end;
using bytes = std::vector<std::byte>;

constexpr int most_steps = 100;
constexpr std::size_t most_room = 64U << 10;    // of what is received at once
constexpr std::size_t own_flights = 32U << 10;  // of a handshake, certificates and all
constexpr std::size_t piece = 50;               // bytes, for each that an input asks for

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

// ----- chance -------------------------------------------------------------------------------------------------------

std::uint64_t chance = 1;

int draw(unsigned char* to, int count) {
  for (int at = 0; at < count; ++at) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    to[at] = static_cast<unsigned char>(chance >> 32);
  }
  return 1;
}

int always() { return 1; }

constexpr RAND_METHOD no_chance{nullptr, &draw, nullptr, nullptr, &draw, &always};

// ----- who takes part -----------------------------------------------------------------------------------------------

enum class standing : std::uint8_t { known, stranger, nobody };

template <auto Free>
struct free_with {
  template <typename T>
  void operator()(T* one) const noexcept {
    Free(one);
  }
};
using context_ptr = std::unique_ptr<SSL_CTX, free_with<&SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, free_with<&SSL_free>>;
using bio_ptr = std::unique_ptr<BIO, free_with<&BIO_free>>;
using certificate_ptr = std::unique_ptr<X509, free_with<&X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, free_with<&EVP_PKEY_free>>;

bio_ptr reading(const std::string& text) {
  return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

context_ptr context_with(const cert::identity& shown) {
  context_ptr made{SSL_CTX_new(TLS_method())};
  const certificate_ptr certificate{PEM_read_bio_X509(reading(shown.certificate).get(), nullptr, nullptr, nullptr)};
  const key_ptr key{PEM_read_bio_PrivateKey(reading(shown.key).get(), nullptr, nullptr, nullptr)};
  require(SSL_CTX_use_certificate(made.get(), certificate.get()) == 1);
  require(SSL_CTX_use_PrivateKey(made.get(), key.get()) == 1);
  return made;
}

/// Made once: nothing of it is changed by a run.
struct cast_of_all {
  cast_of_all() {
    require(RAND_set_rand_method(&no_chance) == 1);
    const auto signer = cert::authority::make("authority");
    cert::request about;
    about.common_name = "node";
    about.hosts = {"localhost"};
    const auto own = signer.issue(about);
    ergo::tls_options options;
    options.certificate.text = own.certificate;
    options.key.text = own.key;
    options.authorities.text = signer.own().certificate;
    ours = tls_setup::make(options).value();
    peers[0] = context_with(signer.issue(about));
    peers[1] = context_with(cert::authority::make("authority").issue(about));
    peers[2] = context_ptr{SSL_CTX_new(TLS_method())};
  }
  std::shared_ptr<const tls_setup> ours;
  std::array<context_ptr, 3> peers;
};

const cast_of_all& everybody() {
  static const cast_of_all one;
  return one;
}

std::byte letter(std::size_t at) { return static_cast<std::byte>(at * 7 + at / 251); }

bytes letters(std::size_t from, std::size_t count) {
  bytes text(count);
  for (std::size_t at = 0; at < count; ++at) text[at] = letter(from + at);
  return text;
}

/// OpenSSL itself between two buffers: it keeps to the protocol, which gets a run behind the handshake.
class peer {
 public:
  peer(tls_role theirs, standing who, int newest)
      : ssl_{SSL_new(everybody().peers[static_cast<std::size_t>(who)].get())} {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    require(SSL_set_max_proto_version(ssl_.get(), newest) == 1);
    theirs == tls_role::caller ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  }

  void hear(std::span<const std::byte> said) {
    if (!said.empty()) require(BIO_write(SSL_get_rbio(ssl_.get()), said.data(), static_cast<int>(said.size())) > 0);
  }
  bytes take() {
    bytes said(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())));
    if (!said.empty()) require(BIO_read(SSL_get_wbio(ssl_.get()), said.data(), static_cast<int>(said.size())) > 0);
    return said;
  }
  /// Goes on with the handshake, or reads; what we have written must come out as it went in.
  void step() {
    (void)SSL_do_handshake(ssl_.get());
    std::array<std::byte, 4096> room{};
    std::size_t count = 0;
    while (SSL_read_ex(ssl_.get(), room.data(), room.size(), &count) == 1) {
      for (std::size_t at = 0; at < count; ++at) require(room[at] == letter(heard_ + at));
      heard_ += count;
    }
    ERR_clear_error();
  }
  void say(std::size_t count) {
    if (SSL_is_init_finished(ssl_.get()) == 0) return;
    const auto text = letters(said_, count);
    std::size_t written = 0;
    if (SSL_write_ex(ssl_.get(), text.data(), text.size(), &written) == 1) said_ += written;
    ERR_clear_error();
  }
  void ask_for_keys() {
    if (SSL_version(ssl_.get()) == TLS1_3_VERSION) {
      (void)SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED);
    } else {
      (void)SSL_renegotiate(ssl_.get());
    }
    (void)SSL_do_handshake(ssl_.get());
    ERR_clear_error();
  }
  void leave() {
    (void)SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  [[nodiscard]] std::size_t said() const noexcept { return said_; }

 private:
  ssl_ptr ssl_;
  std::size_t said_ = 0;
  std::size_t heard_ = 0;
};

// ----- the run ------------------------------------------------------------------------------------------------------

class run {
 public:
  explicit run(std::span<const std::byte> input)
      : input_{input},
        shape_{next()},
        unread_{std::array<std::size_t, 4>{0, 1000, 10'000, most_room}[(shape_ >> 4) & 3]},
        role_{(shape_ & 1) != 0 ? tls_role::caller : tls_role::callee},
        who_{static_cast<standing>(std::min((shape_ >> 2) & 3, 2))},
        other_{role_ == tls_role::caller ? tls_role::callee : tls_role::caller, who_,
               (shape_ & 2) != 0 ? TLS1_2_VERSION : TLS1_3_VERSION},
        ours_{everybody().ours, role_, role_ == tls_role::caller ? "b@localhost" : "", unread_} {}

  void go() {
    for (int step = 0; step < most_steps && !input_.empty(); ++step) {
      act();
      require(ours_.outgoing().size() <= own_flights + unread_ + most_room + written_ + written_ / 8);
    }
    look();
  }

 private:
  std::uint8_t next() {
    if (input_.empty()) return 0;
    const auto one = std::to_integer<std::uint8_t>(input_.front());
    input_ = input_.subspan(1);
    return one;
  }

  void act() {
    const auto choice = next();
    switch (choice % 16) {
      case 0: return add_raw(next());
      case 1: return change(next(), next());
      case 2: return lose(next() * piece);
      case 3: return repeat();
      case 4: return deliver(most_room);
      case 5: return deliver(next());
      case 6:
      case 7: return step();
      case 8:
      case 9: return other_.step(), gather();
      case 10: return meet();
      case 11: return write(next() * piece);
      case 12: return other_.say(next() * piece), gather();
      case 13: return ask(next() % 64);
      case 14: return (choice & 16) != 0 ? ours_.close() : (other_.leave(), gather());
      default: return hear(next() * piece);
    }
  }

  // The network.
  void gather() {
    const auto said = other_.take();
    wire_.insert(wire_.end(), said.begin(), said.end());
  }
  void add_raw(std::size_t count) {
    const auto raw = input_.first(std::min(count, input_.size()));
    wire_.insert(wire_.end(), raw.begin(), raw.end());
    input_ = input_.subspan(raw.size());
  }
  void change(std::size_t at, std::uint8_t by) {
    if (!wire_.empty()) wire_[at % wire_.size()] ^= static_cast<std::byte>(by | 1);
  }
  void lose(std::size_t count) {
    wire_.erase(wire_.begin(), wire_.begin() + static_cast<std::ptrdiff_t>(std::min(count, wire_.size())));
  }
  void repeat() {
    const auto once = wire_;
    if (wire_.size() < most_room) wire_.insert(wire_.end(), once.begin(), once.end());
  }
  void deliver(std::size_t most) {
    if (!wanting_) return;
    const auto room = ours_.room();
    require(room.size() <= most_room);
    const auto count = std::min({most, room.size(), wire_.size()});
    if (count == 0) return;
    std::copy_n(wire_.begin(), count, room.begin());
    ours_.received(count);
    wanting_ = false;
    lose(count);
  }
  void hear(std::size_t count) {
    const auto said = ours_.outgoing();
    const auto taken = said.first(std::min(count, said.size()));
    other_.hear(taken);
    ours_.sent(taken.size());
    if (ours_.outgoing().empty()) written_ = 0;
  }

  // Our end.
  void step() {
    if (shaken_) return read();
    const auto how = ours_.shake();
    judge(how);
    if (how != end::progress) return;
    require(who_ == standing::known);
    require(ours_.verified());
    shaken_ = true;
  }
  void read() {
    std::array<std::byte, 3000> room{};
    const auto done = ours_.read(room);
    judge(done.how);
    require(read_ + done.count <= other_.said());
    for (std::size_t at = 0; at < done.count; ++at) require(room[at] == letter(read_ + at));
    read_ += done.count;
  }
  void judge(end how) {
    require(!failed_ || how == end::failed);
    failed_ = how == end::failed;
    wanting_ = how == end::wanting || (wanting_ && how != end::progress);
  }
  void write(std::size_t count) {
    if (!shaken_) return;
    const auto text = letters(wrote_, count);
    const bool fine = ours_.write(text) && ours_.finish_record();
    require(!fine || !failed_);
    failed_ = !fine;
    wrote_ += count;
    written_ += count + piece;
  }
  // All that both have to say, until they are through or stuck.
  void meet() {
    for (int turn = 0; turn < 20 && !failed_; ++turn) {
      step();
      hear(SIZE_MAX);
      other_.step();
      gather();
      deliver(most_room);
    }
  }
  void ask(int times) {
    for (int asked = 0; asked < times; ++asked) other_.ask_for_keys();
    gather();
  }
  void look() {
    require(!ours_.reason().empty() && !ours_.reason_of_silence().empty());
    require(static_cast<bool>(ours_.failure()));
    (void)ours_.objection("b@localhost");
    (void)ours_.objection("@elsewhere");
    require(!ours_.version().empty());
  }

  std::span<const std::byte> input_;
  int shape_;
  std::size_t unread_;
  tls_role role_;
  standing who_;
  peer other_;
  tls_session ours_;
  bytes wire_;  // from the peer to us
  bool wanting_ = false;
  bool shaken_ = false;
  bool failed_ = false;
  std::size_t read_ = 0;
  std::size_t wrote_ = 0;
  std::size_t written_ = 0;  // of what is to be sent, with room for what records add
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)everybody();
  chance = 0x9E3779B97F4A7C15ULL;
  run{std::as_bytes(std::span{data, size})}.go();
  return 0;
}
