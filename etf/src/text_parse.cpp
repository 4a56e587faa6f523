// Erlang text to terms. Containers that are still open are frames on a stack of our own and their children so far lie
// on another one, so that the depth of a text is bounded by memory alone.
#include "text_scan.hpp"
#include "utf8.hpp"

#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/text.hpp>

#include <span>
#include <utility>
#include <vector>

namespace ergo::inline v0::etf {

namespace {

using namespace detail;

constexpr std::size_t max_arity = 16'777'215;
constexpr std::int64_t max_fun_arity = 255;
constexpr std::int64_t max_segment_bits = 64;

/// Collects the segments of a `<<…>>`.
class bit_collector {
 public:
  void add(std::uint64_t value, unsigned bits) {
    if (used_ == 8 && bits == 8) {
      bytes_ += static_cast<char>(value & 0xFFU);
      return;
    }
    for (; bits > 0; --bits) add_bit(static_cast<unsigned>(value >> (bits - 1)) & 1U);
  }
  void add_bytes(std::string_view bytes) {
    for (const char byte : bytes) add(static_cast<unsigned char>(byte), 8);
  }

  [[nodiscard]] term take() { return used_ == 8 ? adopt_binary(std::move(bytes_)) : bit_string(bytes_, used_); }

 private:
  void add_bit(unsigned bit) {
    if (used_ == 8) {
      bytes_ += '\0';
      used_ = 0;
    }
    ++used_;
    bytes_.back() = static_cast<char>(static_cast<unsigned char>(bytes_.back()) | (bit << (8U - used_)));
  }

  std::string bytes_;
  unsigned used_ = 8;  // bits of the last byte; 8 also when there is none
};

/// The low 64 bits of an integer in two's complement.
std::uint64_t low_bits(const term& integer) {
  if (const auto small = integer.as_integer()) return static_cast<std::uint64_t>(*small);
  const auto big = *integer.as_big_integer();
  const big_integer magnitude = abs(big) & big_integer{UINT64_MAX};
  const auto low = static_cast<std::uint64_t>(magnitude);
  return big.sign() < 0 ? ~low + 1 : low;
}

class parser {
 public:
  explicit parser(std::string_view text) noexcept : scan_{text} {}

  [[nodiscard]] std::expected<term, error> run() {
    if (!whole_term() || !end_of_text()) return std::unexpected{scan_.failure()};
    return std::move(values_.back());
  }

 private:
  enum class place : std::uint8_t { tuple, list, tail, key, value };

  /// An open container and where in it we are.
  struct frame {
    place where;
    std::size_t base;        // its first child in `values_`
    std::size_t nested = 0;  // lists opened as the tail of this one: `[a|[b|[c]]]` is read as one list
  };

  /// What a step of the parser found out.
  enum class found : std::uint8_t { failure, opening, complete };

  [[nodiscard]] bool whole_term() {
    for (;;) {
      auto state = value();
      while (state == found::complete && !frames_.empty()) state = after_value();
      if (state != found::opening) return state == found::complete;
    }
  }

  [[nodiscard]] bool end_of_text() noexcept {
    scan_.skip_blank();
    if (scan_.take_full_stop()) scan_.skip_blank();
    return scan_.at_end() || scan_.fail_here();
  }

  [[nodiscard]] found done(bool well) const noexcept { return well ? found::complete : found::failure; }

  template <typename Value>
  [[nodiscard]] found done(const std::optional<Value>& value) {
    if (value) values_.emplace_back(*value);
    return done(value.has_value());
  }

  /// Reads a value, or the beginning of a container.
  [[nodiscard]] found value() {
    scan_.skip_blank();
    switch (scan_.peek()) {
      case '{': return open("{", "}", place::tuple);
      case '[': return open("[", "]", place::list);
      case '#': return open("#{", "}", place::key);
      case '<': return done(bits());
      case '"': return done(string());
      case '\'': return done(scan_.name());
      default: break;
    }
    if (const char next = scan_.peek(); is_digit(next) || next == '-' || next == '+' || next == '$')
      return done(number());
    return word();
  }

  [[nodiscard]] found open(std::string_view opening, std::string_view closing, place where) {
    if (!scan_.expect(opening)) return found::failure;
    scan_.skip_blank();
    if (scan_.take(closing)) {
      values_.push_back(where == place::tuple ? make_tuple({}) : where == place::list ? term{} : make_map({}));
      return found::complete;
    }
    frames_.push_back({where, values_.size()});
    return found::opening;
  }

  /// Reads what may stand behind a value in the innermost container: `opening` when another value must follow.
  [[nodiscard]] found after_value() {
    scan_.skip_blank();
    auto& top = frames_.back();
    switch (top.where) {
      case place::tuple: return scan_.take(",") ? found::opening : close_braces(top);
      case place::list: return after_item(top);
      case place::tail: return close_list(top);
      case place::key: top.where = place::value; return scan_.expect("=>") ? found::opening : found::failure;
      case place::value: break;
    }
    if (!scan_.take(",")) return close_braces(top);
    top.where = place::key;
    return found::opening;
  }

  [[nodiscard]] found after_item(frame& top) {
    if (scan_.take(",")) return found::opening;
    if (!scan_.take("|")) return close_list(top);
    scan_.skip_blank();
    if (!scan_.take("[")) {
      top.where = place::tail;
      return found::opening;
    }
    ++top.nested;
    scan_.skip_blank();
    return scan_.peek() == ']' ? close_list(top) : found::opening;
  }

  [[nodiscard]] found close_list(const frame& top) {
    for (std::size_t closed = 0; closed <= top.nested; ++closed) {
      if (!scan_.expect("]")) return found::failure;
    }
    const auto base = top.base;
    if (top.where == place::tail) {
      const auto tail = std::move(values_.back());
      values_.pop_back();
      return replace(base, make_list(children(base), tail));
    }
    return replace(base, move_to_list(children(base)));
  }

  [[nodiscard]] found close_braces(const frame& top) {
    if (!scan_.expect("}")) return found::failure;
    const auto base = top.base;
    if (top.where == place::value) return replace(base, make_map(children(base)));
    if (values_.size() - base > max_arity) return done(scan_.fail(errc::too_big, scan_.offset()));
    return replace(base, move_to_tuple(children(base)));
  }

  [[nodiscard]] std::span<term> children(std::size_t base) noexcept { return std::span{values_}.subspan(base); }

  /// Puts a finished container in the place of its children.
  [[nodiscard]] found replace(std::size_t base, term made) {
    values_.resize(base);
    values_.push_back(std::move(made));
    frames_.pop_back();
    return found::complete;
  }

  [[nodiscard]] std::optional<term> number() {
    const std::string_view sign = scan_.take("-") ? "-" : scan_.take("+") ? "+" : "";
    if (!sign.empty()) scan_.skip_blank();
    if (scan_.take("$")) {
      const auto code = scan_.character();
      if (!code) return std::nullopt;
      return term{sign == "-" ? -std::int64_t{*code} : std::int64_t{*code}};
    }
    return scan_.number(sign);
  }

  [[nodiscard]] std::optional<term> string() {
    const auto text = scan_.strings();
    if (!text) return std::nullopt;
    return text_list(*text);
  }

  /// Reads an atom without quotes, or a fun.
  [[nodiscard]] found word() {
    const auto from = scan_.offset();
    auto ahead = scan_;
    if (ahead.word() != "fun") return done(scan_.name());
    scan_ = ahead;
    return done(fun(from));
  }

  [[nodiscard]] std::optional<term> fun(std::size_t from) {
    const auto module = scan_.name();
    if (!module || !scan_.expect(":")) return std::nullopt;
    const auto function = scan_.name();
    if (!function || !scan_.expect("/")) return std::nullopt;
    scan_.skip_blank();
    const auto arity = scan_.number("");
    if (!arity) return std::nullopt;
    const auto count = arity->as_integer();
    if (!count || *count > max_fun_arity) {
      scan_.fail(errc::bad_fun, from);
      return std::nullopt;
    }
    return external_fun(*module, *function, static_cast<unsigned>(*count));
  }

  [[nodiscard]] std::optional<term> bits() {
    bit_collector into;
    if (!scan_.expect("<<")) return std::nullopt;
    scan_.skip_blank();
    if (scan_.take(">>")) return into.take();
    do {
      scan_.skip_blank();
      if (!(scan_.peek() == '"' ? string_segment(into) : integer_segment(into))) return std::nullopt;
      scan_.skip_blank();
    } while (scan_.take(","));
    if (!scan_.expect(">>")) return std::nullopt;
    return into.take();
  }

  /// Reads `/utf8` when it comes next.
  [[nodiscard]] bool utf8_suffix() noexcept {
    scan_.skip_blank();
    return scan_.take("/utf8");
  }

  [[nodiscard]] bool string_segment(bit_collector& into) {
    const auto text = scan_.strings();
    if (!text) return false;
    if (utf8_suffix()) {
      into.add_bytes(*text);
      return true;
    }
    for (std::string_view rest{*text}; !rest.empty();) {
      const auto read = next_character(rest);
      into.add(read.value, 8);  // the low byte, as in Erlang
      rest.remove_prefix(read.bytes);
    }
    return true;
  }

  [[nodiscard]] bool integer_segment(bit_collector& into) {
    const auto from = scan_.offset();
    const auto value = number();
    if (!value) return false;
    if (value->kind() != kind::integer) return scan_.fail(errc::syntax, from);
    scan_.skip_blank();
    if (scan_.take(":")) return sized_segment(into, *value);
    if (!utf8_suffix()) {
      into.add(low_bits(*value), 8);
      return true;
    }
    const auto code = value->as_integer().value_or(-1);
    if (code < 0 || !is_character(static_cast<std::uint64_t>(code))) return scan_.fail(errc::syntax, from);
    std::string bytes;
    append_character(bytes, static_cast<std::uint32_t>(code));
    into.add_bytes(bytes);
    return true;
  }

  [[nodiscard]] bool sized_segment(bit_collector& into, const term& value) {
    scan_.skip_blank();
    const auto from = scan_.offset();
    const auto size = scan_.number("");
    if (!size) return false;
    const auto bits = size->as_integer();
    if (!bits) return scan_.fail(errc::syntax, from);
    if (*bits > max_segment_bits) return scan_.fail(errc::too_big, from);
    into.add(low_bits(value), static_cast<unsigned>(*bits));
    return true;
  }

  scanner scan_;
  std::vector<frame> frames_;
  std::vector<term> values_;
};

}  // namespace

std::expected<term, error> parse(std::string_view text) { return parser{text}.run(); }

}  // namespace ergo::inline v0::etf
