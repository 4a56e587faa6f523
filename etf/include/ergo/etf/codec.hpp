// The external term format: bytes to terms and back.
// Decoding never trusts a length and never recurses; encoding writes exactly what `encoded_size` says.
#pragma once

#include <ergo/etf/buffer.hpp>
#include <ergo/etf/term.hpp>

#include <cstddef>
#include <expected>
#include <memory>
#include <span>

namespace ergo::inline v0::etf {

/// Who may make new atoms while decoding.
enum class atom_policy : std::uint8_t {
  create,      ///< unknown atoms are interned, within budget and capacity
  known_only,  ///< unknown atoms are refused with `unknown_atom`, as `binary_to_term(B, [safe])` does
};

/// How many new atoms one peer may still make; kept by node name and address, not by connection. Any thread.
class atom_budget {
 public:
  explicit atom_budget(std::size_t atoms) noexcept : left_{static_cast<std::int64_t>(atoms)} {}
  [[nodiscard]] bool take() noexcept {
    return left_.fetch_sub(1, std::memory_order_relaxed) > 0;
  }  ///< uses up one; false when none is left
  void give_back() noexcept { left_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> left_;
};

/// The limits of one decode; the defaults are those of a node.
struct decode_limits {
  std::size_t depth = 10'000'000;             ///< nested containers
  std::size_t memory = 512U << 20;            ///< bytes of terms that one message may turn into
  std::size_t big_integer_bytes = 64U << 10;  ///< magnitude of one integer
  std::size_t inflated = 128U << 20;          ///< announced size of a COMPRESSED term
  std::size_t inflate_ratio = 200;            ///< inflated : deflated, checked above 1 MiB
  bool compressed = true;                     ///< COMPRESSED accepted at the top of a stand-alone term
  atom_policy atoms = atom_policy::create;
  atom_budget* budget = nullptr;                         ///< not owned; null: only the table's capacity counts
  std::span<const atom> cache = {};                      ///< atoms of the distribution header, for ATOM_CACHE_REF
  const std::shared_ptr<const void>* aliased = nullptr;  ///< owner of the input; when set, large binaries may alias it
};

/// A decoded term, and how many bytes it took.
struct decoded {
  term value;
  std::size_t consumed = 0;
};

/// Decodes a stand-alone term (131 first); bytes may follow it, as with `binary_to_term(B, [used])`. Any thread.
[[nodiscard]] std::expected<decoded, error> decode(std::span<const std::byte> input, const decode_limits& limits = {});
/// The same, and `trailing_bytes` is an error.
[[nodiscard]] std::expected<term, error> decode_all(std::span<const std::byte> input, const decode_limits& limits = {});
/// Decodes a term without its 131, as it stands in a distribution packet behind a header. COMPRESSED is refused.
[[nodiscard]] std::expected<decoded, error> decode_bare(std::span<const std::byte> input,
                                                        const decode_limits& limits = {});

/// The atom of a text that a peer sent outside of a term, within `limits.atoms` and `limits.budget`. Any thread.
[[nodiscard]] std::expected<atom, error> make_atom(std::string_view utf8, const decode_limits& limits);

/// What an encoder may assume about the reader.
struct encode_options {
  std::size_t gather_from = SIZE_MAX;  ///< binaries of at least so many bytes are referred to instead of copied
};

/// The exact number of bytes of `value` without the leading 131. From the 25th level of nesting on it takes memory, and
/// ends the program where there is none.
/// Atoms count in full.
[[nodiscard]] std::size_t encoded_size(const term& value) noexcept;
/// Appends 131 and `value`; refers to atoms by their position where the buffer has `atoms`. Throws `std::length_error`
/// where no encoding exists (a 4 GiB binary), and `std::bad_alloc`; then nothing was appended.
void encode(buffer& out, const term& value, const encode_options& options = {});
/// Appends `value` without 131; throws as `encode` does.
void encode_bare(buffer& out, const term& value, const encode_options& options = {});
/// 131 and `value` as a string of bytes.
[[nodiscard]] std::string encode_to_string(const term& value);

/// Pieces of terms for encoders that know their structure and build no term, such as control messages. All without 131.
void encode_atom(buffer& out, atom value);
void encode_integer(buffer& out, std::int64_t value);
void encode_pid(buffer& out, const pid& value);
void encode_reference(buffer& out, const reference& value);
void encode_tuple_header(buffer& out, std::size_t arity);

/// Reads one value from the front of `input` without building a term, and advances it; false leaves `input` as it was.
[[nodiscard]] bool scan_tuple_header(std::span<const std::byte>& input, std::size_t& arity) noexcept;
[[nodiscard]] bool scan_integer(std::span<const std::byte>& input, std::int64_t& value) noexcept;
[[nodiscard]] bool scan_atom(std::span<const std::byte>& input, atom& value, const decode_limits& limits);
[[nodiscard]] bool scan_pid(std::span<const std::byte>& input, pid& value, const decode_limits& limits);
[[nodiscard]] bool scan_reference(std::span<const std::byte>& input, reference& value, const decode_limits& limits);

}  // namespace ergo::inline v0::etf
