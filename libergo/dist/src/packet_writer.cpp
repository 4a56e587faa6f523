// Packets on their way out.
#include <ergo/dist/packet_writer.hpp>

#include "bytes.hpp"

#include <ergo/assert.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace ergo::inline v0::dist {
namespace {

constexpr std::size_t length_size = 4;
constexpr std::byte pass_through_tag{112};
constexpr std::byte term_version{131};
constexpr std::byte whole_tag{68};
constexpr std::byte first_fragment_tag{69};
constexpr std::byte fragment_tag{70};
constexpr std::size_t longest_packet = 0x7FFF'FFFF;
constexpr std::size_t longest_header = 2 + 16 + 1 + 128 + etf::packet_atoms::most * (1 + 2 + 1020);
constexpr std::size_t worth_gathering = 4U << 10;  // smaller parts of a binary are cheaper to copy

[[noreturn]] void stop(std::string_view reason) {
  std::fprintf(stderr, "ergo: refused to encode a distribution packet: %.*s\n", static_cast<int>(reason.size()),
               reason.data());
  std::abort();
}

void refuse_lethal(const header_plan& plan, flags negotiated) {
  if (const auto reason = lethal(plan, negotiated); !reason.empty()) stop(reason);
}

std::size_t slot_of(etf::atom name) { return name.index() % atom_cache_writer::slots; }

// Fills in the length of a packet of which all is there; false when no peer would take it.
bool close(etf::buffer& out, const etf::buffer::mark& before) {
  const std::size_t length = out.size() - (before.size + before.gathered) - length_size;
  if (length > longest_packet) return false;
  out.patch_u32(before.size, static_cast<std::uint32_t>(length));
  return true;
}

packet_start begin_pass_through(etf::buffer& out) {
  const packet_start start{out.here()};
  std::byte* to = out.reserve(length_size + 2);
  detail::store(to, std::uint32_t{0});
  to[length_size] = pass_through_tag;
  to[length_size + 1] = term_version;
  out.commit(length_size + 2);
  return start;
}

std::array<std::byte, 18> fragment_head(std::byte tag, std::uint64_t sequence, std::uint64_t number) {
  std::array<std::byte, 18> head{term_version, tag};
  detail::store(head.data() + 2, sequence);
  detail::store(head.data() + 10, number);
  return head;
}

std::string_view as_text(bytes_view bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

std::string_view lethal(const header_plan& plan, flags negotiated) {
  const bool cache = negotiated.has(flag::dist_hdr_atom_cache);
  const bool fragments = negotiated.has(flag::fragments);
  if (plan.form == packet_form::pass_through)
    return cache || fragments ? "a pass-through packet where a header was negotiated" : "";
  if (!cache && !fragments) return "a header where none was negotiated";
  if (plan.atoms > 0 && !cache) return "atom cache entries without a negotiated atom cache";
  if (plan.fragments > 1 && !fragments) return "fragments that were not negotiated";
  if (plan.fragments > 1 && plan.sequence == 0) return "a fragmented message with sequence 0";
  return {};
}

// ----- the header ---------------------------------------------------------------------------------------------------

// Entries take effect one after the other, also in the receiver: two atoms of one packet may share a slot.
std::size_t atom_cache_writer::plan(std::span<const etf::atom> atoms) noexcept {
  atoms_ = atoms;
  long_ = false;
  std::size_t texts = 0;
  std::size_t fresh = 0;
  for (std::size_t place = 0; place < atoms.size(); ++place) {
    auto& cached = cached_[slot_of(atoms[place])];
    fresh_[place] = cached != atoms[place].index() + 1;
    if (!fresh_[place]) continue;
    cached = atoms[place].index() + 1;
    const auto size = atoms[place].text().size();
    long_ = long_ || size > 255;
    texts += size;
    ++fresh;
  }
  if (atoms.empty()) return 1;
  return 1 + (atoms.size() / 2 + 1) + atoms.size() + fresh * (long_ ? 2 : 1) + texts;
}

std::byte* atom_cache_writer::write(std::byte* to) const noexcept {
  const auto count = atoms_.size();
  *to++ = static_cast<std::byte>(count);
  if (count == 0) return to;
  auto* const half_bytes = to;
  to += count / 2 + 1;
  std::fill(half_bytes, to, std::byte{0});
  const auto put_half = [half_bytes](std::size_t place, std::size_t value) {
    half_bytes[place / 2] |= static_cast<std::byte>(value << (place % 2 * 4));
  };
  for (std::size_t place = 0; place < count; ++place) {
    const auto slot = slot_of(atoms_[place]);
    put_half(place, (slot >> 8) | (fresh_[place] ? 8U : 0U));
    *to++ = static_cast<std::byte>(slot & 0xFF);
    if (!fresh_[place]) continue;
    const auto text = atoms_[place].text();
    if (long_) *to++ = static_cast<std::byte>(text.size() >> 8);
    *to++ = static_cast<std::byte>(text.size() & 0xFF);
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    to += text.size();
  }
  put_half(count, long_ ? 1 : 0);
  return to;
}

packet_writer::packet_writer(flags negotiated, packet_writer_options options)
    : negotiated_{negotiated}, options_{std::max(options.fragment, std::size_t{1})} {
  if (negotiated.has(flag::dist_hdr_atom_cache)) cache_ = std::make_unique<cache>();
}

std::span<const etf::atom> packet_writer::atoms() const {
  return cache_ ? cache_->atoms.atoms() : std::span<const etf::atom>{};
}

void packet_writer::forget() noexcept {
  if (cache_) cache_->known.forget();
}

// `head` and what names the atoms. From here on the peer is taken to know them.
bytes_view packet_writer::header(bytes_view head, std::span<const etf::atom> atoms) {
  const auto size = cache_ ? cache_->known.plan(atoms) : 1;
  try {
    scratch_.resize(head.size() + size);
  } catch (...) {
    forget();
    throw;
  }
  auto* const behind = std::ranges::copy(head, scratch_.data()).out;
  *behind = std::byte{0};
  if (cache_) cache_->known.write(behind);
  return scratch_;
}

// ----- whole packets ------------------------------------------------------------------------------------------------

packet_start packet_writer::begin(etf::buffer& out) {
  if (form_of(negotiated_) == packet_form::pass_through) return begin_pass_through(out);
  const packet_start start{out.here()};
  large_.reset();
  out.append_u32(0);
  if (cache_) {
    cache_->atoms.clear();
    out.set_atoms(&cache_->atoms);
  }
  return start;
}

bool packet_writer::end(etf::buffer& out, const packet_start& start) {
  if (form_of(negotiated_) == packet_form::pass_through) return close(out, start.before);
  const auto begin = start.before.size + start.before.gathered + length_size;
  const auto payload = start.payload == 0 ? 0 : out.size() - start.payload;
  if (payload > options_.fragment && negotiated_.has(flag::fragments)) {
    large_ = cut(out, start, out.size() - payload - begin);
    return true;
  }
  if (out.size() - begin > longest_packet - longest_header) return false;
  refuse_lethal({.form = packet_form::header, .atoms = atoms().size()}, negotiated_);
  static constexpr std::array head{term_version, whole_tag};
  const auto before_terms = header(head, atoms());
  try {
    out.insert(start.before.size + length_size, before_terms);
  } catch (...) {
    forget();
    throw;
  }
  out.set_atoms(nullptr);
  return close(out, start.before);
}

std::optional<fragmenter> packet_writer::take_large() { return std::exchange(large_, std::nullopt); }

packet_start begin_packet(etf::buffer& out, const encode_context& to) {
  if (to.writer) return to.writer->begin(out);
  refuse_lethal({}, to.negotiated);
  return begin_pass_through(out);
}

void begin_payload(etf::buffer& out, packet_start& start, const encode_context& to) {
  start.payload = out.size();
  if (form_of(to.negotiated) == packet_form::pass_through) out.append_u8(std::to_integer<std::uint8_t>(term_version));
}

bool end_packet(etf::buffer& out, const packet_start& start, const encode_context& to) {
  return to.writer ? to.writer->end(out, start) : close(out, start.before);
}

void drop_packet(etf::buffer& out, const packet_start& start) {
  out.set_atoms(nullptr);
  out.rewind(start.before);
}

void append_tick(etf::buffer& out) { out.append_u32(0); }

// ----- fragments ----------------------------------------------------------------------------------------------------

fragmenter packet_writer::cut(etf::buffer& out, const packet_start& start, std::size_t control) {
  std::vector<etf::atom> used{atoms().begin(), atoms().end()};
  fragmenter made{out.split(start.before), length_size};
  out.set_atoms(nullptr);
  made.atoms_ = std::move(used);
  made.size_ = made.message_.size() - length_size;
  made.fragment_ = options_.fragment;
  made.first_ = control + options_.fragment;
  made.sequence_ = ++last_sequence_;
  made.left_ = (made.size_ - control + options_.fragment - 1) / options_.fragment;
  return made;
}

void fragmenter::copy(etf::buffer& out, const etf::buffer& from, cursor& at, std::size_t count) {
  const auto collected = as_text(from.bytes());
  while (count > 0) {
    const auto* const piece = at.piece < from.pieces().size() ? &from.pieces()[at.piece] : nullptr;
    if (piece && piece->offset == at.at) {
      const auto part = piece->bytes.substr(at.within, count);
      if (part.size() < worth_gathering)
        out.append(part);
      else
        out.gather(piece->owner, part);
      count -= part.size();
      at.within += part.size();
      if (at.within < piece->bytes.size()) return;
      ++at.piece;
      at.within = 0;
    } else {
      const auto part = collected.substr(at.at, std::min(count, (piece ? piece->offset : collected.size()) - at.at));
      out.append(part);
      count -= part.size();
      at.at += part.size();
    }
  }
}

void fragmenter::next(etf::buffer& out, packet_writer& writer) {
  ERGO_ASSERT(left_ > 0, "the message has been sent");
  const bool first = first_ != 0;
  const auto count = std::min(size_, first ? first_ : fragment_);
  refuse_lethal({packet_form::header, sequence_, left_, first ? atoms_.size() : 0}, writer.negotiated_);
  const auto before = out.here();
  auto at = at_;
  try {
    out.append_u32(0);
    const auto head = fragment_head(first ? first_fragment_tag : fragment_tag, sequence_, left_);
    out.append(as_text(first ? writer.header(head, atoms_) : bytes_view{head}));
    copy(out, message_, at, count);
  } catch (...) {
    out.rewind(before);
    if (first) writer.forget();
    throw;
  }
  static_cast<void>(close(out, before));
  at_ = at;
  size_ -= count;
  first_ = 0;
  --left_;
}

}  // namespace ergo::inline v0::dist
