// What gen_servers wrap around requests, answers and casts, looked at in its bytes: no tuple is made of it.
// Source: OTP `gen`, `gen_server`; protocol §4.4.
#pragma once

#include <ergo/etf/codec.hpp>
#include <ergo/etf/ids.hpp>

#include <cstddef>
#include <span>

namespace ergo::inline v0::detail {

using payload_view = std::span<const std::byte>;

// Each advances `payload` to the first part that is still to be decoded. False where the payload is anything else, or
// written in an uncommon way: then `payload` is as it was, and whoever decodes all of it has the last word.

/// `{'$gen_cast', Request}`: up to the request.
[[nodiscard]] bool unwrap_cast(payload_view& payload, const etf::decode_limits& limits);
/// `{'$gen_call', {Caller, Tag}, Request}`: up to the tag, behind which the request stands.
[[nodiscard]] bool unwrap_call(payload_view& payload, etf::pid& caller, const etf::decode_limits& limits);
/// `{Tag, Answer}` with `[alias | Reference]` or a bare reference as its tag: up to the answer.
[[nodiscard]] bool unwrap_answer(payload_view& payload, etf::reference& tag, const etf::decode_limits& limits);

}  // namespace ergo::inline v0::detail
