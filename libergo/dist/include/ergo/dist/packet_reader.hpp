// Packets on their way in (protocol §3): from bodies to complete messages with their atoms, in the form that was
// negotiated. Nothing here trusts a count, an order or a number of the peer's (attacks S12 and S13).
#pragma once

#include <ergo/dist/packet.hpp>
#include <ergo/etf/codec.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ergo::inline v0::dist {

/// What is wrong with a packet. Each of them ends the connection, as OTP does.
enum class packet_errc : std::uint8_t {
  wrong_form,        ///< Pass-through where a header was negotiated, or the reverse, or neither of them.
  truncated,         ///< Ends inside its header.
  no_atom_cache,     ///< Refers to atoms, and no atom cache was negotiated.
  unset_slot,        ///< Refers to a slot of the atom cache in which nothing was put.
  bad_atom,          ///< Puts a text into the atom cache that is, or may become, no atom (`etf`).
  no_fragments,      ///< A fragment, and none were negotiated.
  duplicate_start,   ///< Begins a message whose sequence is open.
  unknown_sequence,  ///< Continues a message that was not begun.
  wrong_order,       ///< A fragment is missing, or comes twice, or has number 0.
  too_many_open,     ///< More than `packet_reader_options::open_sequences`.
  too_many_bytes,    ///< More than `packet_reader_options::open_bytes`.
};

struct packet_error {
  packet_errc code;
  etf::error etf{};  ///< With `bad_atom`.

  friend bool operator==(const packet_error&, const packet_error&) = default;
};

[[nodiscard]] std::string_view to_string(packet_errc code);
/// One sentence for a human.
[[nodiscard]] std::string to_string(const packet_error& error);

struct packet_reader_options {
  /// Messages of which some fragments have arrived, at a time. OTP may have one open for each of its processes.
  std::size_t open_sequences{16U << 10};
  /// Bytes that have arrived of all of them, and thereby of one.
  std::size_t open_bytes{512U << 20};
  /// Memory for a message that announces a megabyte or more: at least `size` bytes from `malloc`, or null, and then it
  /// grows. Must not throw.
  std::byte* (*obtain)(std::size_t size){[](std::size_t size) { return static_cast<std::byte*>(std::malloc(size)); }};
  /// Frees the memory of a message that came in fragments: a block of `size` bytes from `malloc`. Called by whoever
  /// lets go of the message last; must not throw.
  void (*give_back)(std::byte* block, std::size_t size){[](std::byte* block, std::size_t) { std::free(block); }};
};

/// Control message and payload in one piece. Terms and atoms are valid until the next `read`, the terms longer with
/// their owner.
struct framed_message {
  packet_form form;
  bytes_view terms;                      ///< In pass-through form without the first 131.
  std::span<const etf::atom> atoms{};    ///< For `etf::decode_limits::cache`.
  std::shared_ptr<const void> memory{};  ///< Of a message that came in fragments.
  const std::shared_ptr<const void>* lent{};

  /// Who keeps the memory of the terms, for `etf::decode_limits::aliased`; null: copy binaries.
  [[nodiscard]] const std::shared_ptr<const void>* owner() const { return memory ? &memory : lent; }
};

/// The receiving end of one connection, from its handshake to its end: the atom cache that the peer fills, and the
/// messages of which fragments are missing. Owned by one thread. Memory follows the bytes received: half as much again
/// at most, and when a message is complete it is not copied. What a message announces beyond that is address space
/// only, which the system fills as bytes arrive, and never more than `packet_reader_options::open_bytes` for all of
/// them.
class packet_reader {
 public:
  explicit packet_reader(flags negotiated, packet_reader_options options = {})
      : negotiated_{negotiated}, options_{options} {}

  using result = std::expected<std::optional<framed_message>, packet_error>;

  /// Takes the body of a packet (without its length). Nothing: a fragment, and more are missing. `owner` keeps the body
  /// (`receive_buffer::owner_of`); `limits` says which new atoms are allowed. After an error, and after
  /// `std::bad_alloc`, the connection must end.
  [[nodiscard]] result read(bytes_view body, const std::shared_ptr<const void>* owner,
                            const etf::decode_limits& limits = {});

  /// Messages of which fragments are missing.
  [[nodiscard]] std::size_t open() const { return sequences_.size(); }
  /// Bytes that have come of them.
  [[nodiscard]] std::size_t open_bytes() const { return open_bytes_; }
  /// Bytes of memory that they hold.
  [[nodiscard]] std::size_t held() const;

 private:
  struct freed {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };
  // Bytes that grow where they are, as far as the system can do that.
  struct growing {
    std::unique_ptr<std::byte, freed> data;
    std::size_t size{};
    std::size_t capacity{};
    std::size_t reserved{};  // of that, asked for before it was needed

    void reserve(std::size_t announced, std::byte* (*obtain)(std::size_t)) noexcept;
    [[nodiscard]] std::size_t touched() const noexcept { return reserved != 0 ? size : capacity; }
    void append(bytes_view bytes);
    void resize(std::size_t wanted);
    [[nodiscard]] std::shared_ptr<const void> take(void (*give_back)(std::byte*, std::size_t));
  };
  struct sequence {
    std::uint64_t left;  // fragments that are missing
    growing bytes{};
    std::vector<etf::atom> atoms{};
  };
  using failure = std::optional<packet_error>;

  [[nodiscard]] failure read_atoms(bytes_view& rest, const etf::decode_limits& limits);
  [[nodiscard]] bool take_known(bytes_view& rest, bytes_view half_bytes, std::size_t count);
  [[nodiscard]] failure read_reference(bytes_view& rest, std::uint8_t half, std::size_t width,
                                       const etf::decode_limits& limits);
  [[nodiscard]] result begin(bytes_view rest, const std::shared_ptr<const void>* owner,
                             const etf::decode_limits& limits);
  [[nodiscard]] result go_on(bytes_view rest);
  [[nodiscard]] framed_message finish(std::map<std::uint64_t, sequence>::iterator whole);

  flags negotiated_;
  packet_reader_options options_;
  std::vector<std::uint32_t> cache_;  // index + 1 of each slot's atom
  std::array<etf::atom, 255> atoms_;  // of the present message
  std::size_t count_{};
  std::map<std::uint64_t, sequence> sequences_;  // by number; the peer chooses these
  std::size_t open_bytes_{};
  std::size_t reserved_{};
};

}  // namespace ergo::inline v0::dist
