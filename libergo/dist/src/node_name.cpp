// Node name rules (protocol §2.1 and §2.3).
#include <ergo/dist/node_name.hpp>

#include <algorithm>

namespace ergo::inline v0::dist {
namespace {

// OTP accepts the characters from `!` to `ÿ` in the name of a local node.
bool printable(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f;
}

// The name in Latin-1 when it may appear in the handshake at all.
std::optional<std::string> plain(std::string_view name) {
  auto latin1 = utf8_to_latin1(name);
  if (!latin1 || latin1->empty() || latin1->size() > max_name_length) return std::nullopt;
  if (!std::ranges::all_of(*latin1, printable)) return std::nullopt;
  return latin1;
}

}  // namespace

bool valid_node_name(std::string_view name) {
  const auto latin1 = plain(name);
  if (!latin1 || std::ranges::count(*latin1, '@') != 1) return false;
  return latin1->front() != '@' && latin1->back() != '@';
}

bool valid_host(std::string_view host) {
  const auto latin1 = plain(host);
  return latin1 && latin1->find('@') == std::string::npos;
}

std::string_view host_of(std::string_view name) {
  const auto at = name.find('@');
  return at == std::string_view::npos ? name : name.substr(at + 1);
}

naming naming_of(std::string_view name) {
  return host_of(name).find_first_of(".:") == std::string_view::npos ? naming::short_names : naming::long_names;
}

bool fits(std::string_view name, naming kind) { return kind == naming::any || naming_of(name) == kind; }

std::string latin1_to_utf8(std::string_view latin1) {
  std::string utf8;
  utf8.reserve(latin1.size());
  for (char c : latin1) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xC0 | (byte >> 6));
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return utf8;
}

std::optional<std::string> utf8_to_latin1(std::string_view utf8) {
  std::string latin1;
  latin1.reserve(utf8.size());
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      latin1 += utf8[i];
      continue;
    }
    // U+0080 … U+00FF are the two-byte sequences that begin with C2 or C3.
    if ((lead != 0xC2 && lead != 0xC3) || i + 1 == utf8.size()) return std::nullopt;
    const auto next = static_cast<unsigned char>(utf8[++i]);
    if ((next & 0xC0) != 0x80) return std::nullopt;
    latin1 += static_cast<char>(((lead & 0x03) << 6) | (next & 0x3F));
  }
  return latin1;
}

}  // namespace ergo::inline v0::dist
