// Certificates, keys and rules of a node, ready for use.
#pragma once

#include <ergo/tls_options.hpp>

#include <openssl/types.h>

#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ergo::inline v0::detail {

/// Who began a connection.
enum class tls_role : std::uint8_t { caller, callee };

/// What `tls_options` come to. Immutable; connections that began with it go on when it is replaced.
class tls_setup {
 public:
  /// Reads what is in files. The error is a sentence that names the option.
  [[nodiscard]] static std::expected<std::shared_ptr<const tls_setup>, std::string> make(const tls_options& options);

  [[nodiscard]] SSL_CTX* context(tls_role ours) const noexcept {
    return ours == tls_role::caller ? calling_.get() : called_.get();
  }
  /// What the peer must show.
  [[nodiscard]] tls_check check(tls_role ours) const noexcept {
    return ours == tls_role::caller ? options_.called : options_.callers;
  }
  [[nodiscard]] tls_version minimum() const noexcept { return options_.minimum; }
  [[nodiscard]] std::uint64_t rekey_after() const noexcept { return options_.rekey_after; }
  /// What works and yet will not do: sentences.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
  struct context_free {
    void operator()(SSL_CTX* context) const noexcept;
  };
  using context_ptr = std::unique_ptr<SSL_CTX, context_free>;
  struct material;

  tls_setup() = default;
  [[nodiscard]] std::expected<context_ptr, std::string> make_context(const material& from, tls_role ours) const;

  tls_options options_;  // without secrets
  context_ptr calling_;
  context_ptr called_;
  std::vector<std::string> warnings_;
};

/// The setup of a node at present. Any thread.
class tls_keeper {
 public:
  explicit tls_keeper(std::shared_ptr<const tls_setup> first) : now_{std::move(first)} {}
  [[nodiscard]] std::shared_ptr<const tls_setup> get() const {
    const std::scoped_lock lock{mutex_};
    return now_;
  }
  void replace(std::shared_ptr<const tls_setup> next) {
    const std::scoped_lock lock{mutex_};
    now_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const tls_setup> now_;
};

}  // namespace ergo::inline v0::detail
