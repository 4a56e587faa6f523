// The table of distribution flags and the texts made from it.
#include <ergo/dist/flags.hpp>

#include <algorithm>
#include <array>

namespace ergo::inline v0::dist {
namespace {

// Releases before 20 are written as 20: nothing older can be told apart or accepted anyway.
constexpr std::array table{
    flag_info{flag::published, "PUBLISHED", "is visible in nodes()", 20, 0},
    flag_info{flag::atom_cache, "ATOM_CACHE", "obsolete atom cache", 0, 0},
    flag_info{flag::extended_references, "EXTENDED_REFERENCES", "references of several words", 20, 23},
    flag_info{flag::dist_monitor, "DIST_MONITOR", "monitors a process", 20, 0},
    flag_info{flag::fun_tags, "FUN_TAGS", "funs (historic form)", 20, 25},
    flag_info{flag::dist_monitor_name, "DIST_MONITOR_NAME", "monitors a registered name", 20, 0},
    flag_info{flag::hidden_atom_cache, "HIDDEN_ATOM_CACHE", "obsolete atom cache", 0, 0},
    flag_info{flag::new_fun_tags, "NEW_FUN_TAGS", "funs", 20, 23},
    flag_info{flag::extended_pids_ports, "EXTENDED_PIDS_PORTS", "pids and ports above 15 bits", 20, 23},
    flag_info{flag::export_ptr_tag, "EXPORT_PTR_TAG", "external funs", 20, 25},
    flag_info{flag::bit_binaries, "BIT_BINARIES", "bit strings", 20, 25},
    flag_info{flag::new_floats, "NEW_FLOATS", "binary floats", 20, 25},
    flag_info{flag::unicode_io, "UNICODE_IO", "unicode in the I/O protocol", 20, 0},
    flag_info{flag::dist_hdr_atom_cache, "DIST_HDR_ATOM_CACHE", "atom cache in the packet header", 20, 0},
    flag_info{flag::small_atom_tags, "SMALL_ATOM_TAGS", "atoms with a one-byte length", 20, 0},
    flag_info{flag::ets_compressed, "ETS_COMPRESSED", "internal to a node", 0, 0},
    flag_info{flag::utf8_atoms, "UTF8_ATOMS", "UTF-8 atoms", 20, 23},
    flag_info{flag::map_tag, "MAP_TAG", "maps", 20, 25},
    flag_info{flag::big_creation, "BIG_CREATION", "creations of 32 bits", 22, 23},
    flag_info{flag::send_sender, "SEND_SENDER", "messages that name their sender", 21, 0},
    flag_info{flag::big_seqtrace_labels, "BIG_SEQTRACE_LABELS", "any term as a trace label", 21, 0},
    flag_info{flag::pending_connect, "PENDING_CONNECT", "internal to a node", 0, 0},
    flag_info{flag::exit_payload, "EXIT_PAYLOAD", "exit reasons outside the control message", 22, 0},
    flag_info{flag::fragments, "FRAGMENTS", "large messages in pieces", 22, 0},
    flag_info{flag::handshake_23, "HANDSHAKE_23", "handshake with 64-bit flags", 23, 25},
    flag_info{flag::unlink_id, "UNLINK_ID", "unlink with acknowledgement", 24, 26},
    flag_info{flag::mandatory_25_digest, "MANDATORY_25_DIGEST", "shorthand for what OTP 25 requires", 25, 0},
    flag_info{flag::spawn, "SPAWN", "spawn requests", 23, 0},
    flag_info{flag::name_me, "NAME_ME", "wants a node name from its peer", 0, 0},
    flag_info{flag::v4_nc, "V4_NC", "32-bit pids, 64-bit ports, references of five words", 24, 26},
    flag_info{flag::alias, "ALIAS", "process aliases", 24, 0},
    flag_info{flag::local_ext, "LOCAL_EXT", "internal to a node", 0, 0},
    flag_info{flag::altact_sig, "ALTACT_SIG", "alternative action signals", 28, 0},
    flag_info{flag::native_records, "NATIVE_RECORDS", "native records", 29, 0},
};

const flag_info* find(unsigned bit) {
  auto it = std::ranges::find(table, static_cast<flag>(bit), &flag_info::bit);
  return it == table.end() ? nullptr : &*it;
}

template <typename Visit>
void for_each_bit(flags set, Visit visit) {
  for (unsigned bit = 0; bit < 64; ++bit)
    if (set.has(static_cast<flag>(bit))) visit(bit);
}

}  // namespace

std::span<const flag_info> flag_table() { return table; }

std::string to_string(flags set) {
  std::string text;
  for_each_bit(set, [&](unsigned bit) {
    if (!text.empty()) text += ", ";
    const flag_info* info = find(bit);
    text += info ? std::string{info->name} : "bit " + std::to_string(bit);
  });
  return text;
}

int first_release_with(flags set) {
  int release = 20;
  for_each_bit(set, [&](unsigned bit) {
    const flag_info* info = find(bit);
    const int since = info ? info->since : 0;
    release = since == 0 || release == 0 ? 0 : std::max(release, since);
  });
  return release;
}

}  // namespace ergo::inline v0::dist
