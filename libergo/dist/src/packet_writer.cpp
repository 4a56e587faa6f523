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
constexpr std::uint16_t spelled_out = 8U << 8;     // in the half-byte of a reference
constexpr std::uint16_t long_atoms = 1U << 8;      // in the one behind the last reference
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
  spelled_ = 0;
  if (atoms.empty()) return 1;
  std::size_t texts = 0;
  bool longer = false;
  for (std::size_t place = 0; place < atoms.size(); ++place) {
    const auto slot = slot_of(atoms[place]);
    auto& cached = cached_[slot];
    references_[place] = static_cast<std::uint16_t>(slot);
    if (cached == atoms[place].index() + 1) continue;
    cached = atoms[place].index() + 1;
    references_[place] |= spelled_out;
    const auto size = atoms[place].text().size();
    longer = longer || size > 255;
    texts += size;
    ++spelled_;
  }
  references_[atoms.size()] = longer ? long_atoms : 0;
  references_[atoms.size() + 1] = 0;
  return 1 + (atoms.size() / 2 + 1) + atoms.size() + spelled_ * (longer ? 2 : 1) + texts;
}

std::byte* atom_cache_writer::write(std::byte* to) const noexcept {
  const auto count = atoms_.size();
  *to++ = static_cast<std::byte>(count);
  if (count == 0) return to;
  const auto half_byte = [this](std::size_t place) { return unsigned{references_[place]} >> 8; };
  for (std::size_t place = 0; place <= count; place += 2)
    *to++ = static_cast<std::byte>(half_byte(place) | half_byte(place + 1) << 4);
  if (spelled_ != 0) return write_spelled(to);
  for (std::size_t place = 0; place < count; ++place) *to++ = static_cast<std::byte>(references_[place]);
  return to;
}

std::byte* atom_cache_writer::write_spelled(std::byte* to) const noexcept {
  const bool longer = references_[atoms_.size()] == long_atoms;
  for (std::size_t place = 0; place < atoms_.size(); ++place) {
    *to++ = static_cast<std::byte>(references_[place]);
    if ((references_[place] & spelled_out) == 0) continue;
    const auto text = atoms_[place].text();
    if (longer) *to++ = static_cast<std::byte>(text.size() >> 8);
    *to++ = static_cast<std::byte>(text.size() & 0xFF);
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    to += text.size();
  }
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

// Bytes that name the atoms. From here on the peer is taken to know them.
std::size_t packet_writer::plan(std::span<const etf::atom> atoms) noexcept {
  return cache_ ? cache_->known.plan(atoms) : 1;
}

std::byte* packet_writer::write_atoms(std::byte* to) const noexcept {
  if (cache_) return cache_->known.write(to);
  *to = std::byte{0};
  return to + 1;
}

void packet_writer::append_atoms(etf::buffer& out, std::span<const etf::atom> atoms) {
  const auto size = plan(atoms);
  write_atoms(out.reserve(size));
  out.commit(size);
}

// ----- whole packets ------------------------------------------------------------------------------------------------

// Room for a header as long as the last one is left, so that most need not move what stands behind them.
packet_start packet_writer::begin(etf::buffer& out) {
  if (form_of(negotiated_) == packet_form::pass_through) return begin_pass_through(out);
  const packet_start start{.before = out.here(), .header = usual_header_};
  large_.reset();
  static_cast<void>(out.reserve(length_size + usual_header_));
  out.commit(length_size + usual_header_);
  if (cache_) {
    cache_->atoms.clear();
    out.set_atoms(&cache_->atoms);
  }
  return start;
}

bool packet_writer::end(etf::buffer& out, const packet_start& start) {
  if (form_of(negotiated_) == packet_form::pass_through) return close(out, start.before);
  const auto begin = start.before.size + start.before.gathered + length_size + start.header;
  const auto payload = start.payload == 0 ? 0 : out.size() - start.payload;
  if (payload > options_.fragment && negotiated_.has(flag::fragments)) {
    large_ = cut(out, start, out.size() - payload - begin);
    return true;
  }
  if (out.size() - begin > longest_packet - longest_header) return false;
  refuse_lethal({.form = packet_form::header, .atoms = atoms().size()}, negotiated_);
  write_header(out, start);
  out.set_atoms(nullptr);
  return close(out, start.before);
}

void packet_writer::write_header(etf::buffer& out, const packet_start& start) {
  static constexpr std::array head{term_version, whole_tag};
  const auto size = head.size() + plan(atoms());
  std::byte* to = nullptr;
  try {
    to = out.make_gap(start.before.size + length_size, start.header, size);
  } catch (...) {
    forget();
    throw;
  }
  write_atoms(std::ranges::copy(head, to).out);
  if (!cache_ || cache_->known.spelled() == 0) usual_header_ = size;
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
  const auto terms = length_size + start.header;
  fragmenter made{out.split(start.before), terms};
  out.set_atoms(nullptr);
  made.atoms_ = std::move(used);
  made.size_ = made.message_.size() - terms;
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
    out.append(as_text(head));
    if (first) writer.append_atoms(out, atoms_);
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
