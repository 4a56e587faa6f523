// Both ends of a connection with headers, an atom cache and fragments. First, any bytes as packets: memory follows what
// was received, and what is refused is refused for good reasons only. Then messages that the bytes describe, written in
// each form, cut and mixed as the bytes say: they arrive complete, in order and equal.
#include <ergo/dist/control_decode.hpp>
#include <ergo/dist/control_encode.hpp>
#include <ergo/dist/packet_reader.hpp>
#include <ergo/dist/packet_writer.hpp>
#include <ergo/etf/codec.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ergo::dist;
namespace etf = ergo::etf;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

/// Takes numbers from the input until it is used up, then zeros.
class source {
 public:
  explicit source(bytes_view bytes) : rest_{bytes} {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::size_t byte() {
    if (rest_.empty()) return 0;
    const auto value = std::to_integer<std::size_t>(rest_[0]);
    rest_ = rest_.subspan(1);
    return value;
  }
  bytes_view take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  bytes_view rest_;
};

flags form(std::size_t number) {
  auto negotiated = pass_through_offer;
  if ((number & 1) != 0) negotiated = negotiated.with(flag::dist_hdr_atom_cache);
  if ((number & 2) != 0) negotiated = negotiated.with(flag::fragments);
  return negotiated;
}

/// Atoms of all lengths, more than the cache has slots; no others, so that long runs do not fill the table.
const std::vector<etf::atom>& atoms() {
  static const auto made = [] {
    std::vector<etf::atom> all;
    for (int number = 0; number < 3'000; ++number) {
      auto text = "fuzz_" + std::to_string(number);
      if (number % 10 == 0)
        while (text.size() < 500) text += "\xe2\x82\xac";
      all.push_back(etf::atom::of(text));
    }
    return all;
  }();
  return made;
}

etf::decode_limits limits() {
  etf::decode_limits made;
  made.atoms = etf::atom_policy::known_only;
  made.memory = 16U << 20;
  return made;
}

std::optional<received_control> understand(const framed_message& message, flags negotiated, etf::term& payload) {
  static const auto peer = etf::atom::of("peer@h");
  const control_context context{peer, negotiated, limits()};
  auto control = decode_control(message, context);
  if (!control) return std::nullopt;
  if (!control->payload.empty()) {
    auto with = limits();
    with.cache = message.atoms;
    with.aliased = message.owner();
    auto decoded = etf::decode_bare(control->payload, with);
    if (!decoded) return std::nullopt;
    payload = std::move(decoded->value);
  }
  return std::move(*control);
}

void read_anything(source input) {
  const auto negotiated = form(input.byte());
  constexpr packet_reader_options small{.open_sequences = 4, .open_bytes = 2'000};
  packet_reader reader{negotiated, small};
  std::size_t received = 0;
  while (!input.empty()) {
    const auto body = input.take(input.byte());
    const std::vector<std::byte> copy{body.begin(), body.end()};  // so that a read behind its end is seen
    received += copy.size();
    const auto got = reader.read(copy, nullptr, limits());
    if (!got) return require(!to_string(got.error()).empty());
    require(reader.open() <= small.open_sequences);
    require(reader.held() <= 2 * received + 64 && reader.held() <= 2 * small.open_bytes + 4 * 1'100);
    if (!*got) continue;
    etf::term payload;
    static_cast<void>(understand(**got, negotiated, payload));
  }
}

etf::term message_of(source& input) {
  std::vector<etf::term> parts;
  const auto count = input.byte() * (input.byte() % 8 == 0 ? 4 : 1) / 4;
  auto at = input.byte() * 12;
  for (std::size_t part = 0; part < count; ++part, at += 1 + part % 3) parts.emplace_back(atoms()[at % atoms().size()]);
  const auto blob = input.take(input.byte());
  parts.push_back(etf::binary({reinterpret_cast<const char*>(blob.data()), blob.size()}));
  return etf::make_tuple(parts);
}

void mix(source input) {
  static const etf::pid from{etf::node_id::make(etf::atom::of("peer@h"), 1).value(), 1, 1};
  const auto negotiated = form(input.byte());
  packet_writer writer{negotiated, {.fragment = 1 + input.byte() * 4}};
  packet_reader reader{negotiated, {.open_sequences = 1'000}};
  etf::buffer out;
  std::deque<std::pair<fragmenter, etf::term>> open;
  std::deque<etf::term> expected;
  const auto turn = [&] {
    auto one = std::move(open.front());
    open.pop_front();
    one.first.next(out, writer);
    if (one.first.left() == 0)
      expected.push_back(std::move(one.second));
    else
      open.push_back(std::move(one));
  };
  while (!input.empty()) {
    const auto payload = message_of(input);
    const etf::encode_options options{.gather_from = input.byte()};
    require(encode(out, control::send{from, from}, payload, writer, options).has_value());
    if (auto large = writer.take_large())
      open.emplace_back(std::move(*large), payload);
    else
      expected.push_back(payload);
    for (auto turns = input.byte() % 8; turns > 0 && !open.empty(); --turns) turn();
  }
  while (!open.empty()) turn();
  receive_buffer stream;
  const auto bytes = out.to_string();
  stream.feed(std::as_bytes(std::span{bytes}));
  for (auto next = stream.next(); next.what == receive_buffer::outcome::packet; next = stream.next()) {
    const auto got = reader.read(next.body, stream.owner_of(next.body), limits());
    require(got.has_value());
    if (!*got) continue;
    etf::term payload;
    const auto control = understand(**got, negotiated, payload);
    require(control.has_value() && !expected.empty() && payload == expected.front());
    require(control->message == control::message{control::send{from, from}});
    expected.pop_front();
  }
  require(expected.empty() && reader.open() == 0 && stream.unread() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(atoms());
  const auto input = std::as_bytes(std::span{data, size});
  read_anything(source{input});
  mix(source{input});
  return 0;
}
