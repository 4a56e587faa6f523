// Where an envelope on its way to another node keeps its destination: in a field that its kind does not use, so that
// the common kinds need no second envelope.
#pragma once

#include <ergo/destination.hpp>
#include <ergo/detail/signal.hpp>

#include <cstddef>

namespace ergo::inline v0::detail {

/// An envelope as a process made it, with where it goes.
struct outgoing {
  signal* envelope = nullptr;
  destination to{pid{}};
};

/// Writes `to` into `envelope`, or around it: `down` and answers to callers without an alias need a second envelope.
/// `bytes` is what it counts for, see `size_of`. Throws `std::bad_alloc`, then nothing has changed.
[[nodiscard]] signal* pack(const destination& to, signal* envelope, std::size_t bytes);

/// The reverse. `node` is the name of the peer, which destinations by name do not carry.
[[nodiscard]] outgoing unpack(signal* packed, atom node) noexcept;

/// The process that `pack` was given an envelope of.
[[nodiscard]] pid sender_of(const signal& packed) noexcept;
/// What `pack` was told, to within 1 KiB above 32 KiB, at most 32 MiB.
[[nodiscard]] std::size_t size_of(const signal& packed) noexcept;
/// `bytes` as `size_of` will give them back.
[[nodiscard]] std::size_t rounded_size(std::size_t bytes) noexcept;

/// Whether a reply can go to an alias instead of a process: `[alias | Ref]` and `[[alias | Ref] | MRef]`.
[[nodiscard]] bool has_alias(const term& tag) noexcept;

}  // namespace ergo::inline v0::detail
