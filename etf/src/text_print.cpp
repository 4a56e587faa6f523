// Terms as Erlang text. A stack of frames of our own takes the place of recursion: a frame is one open container,
// and printing goes on with its next child until all frames are closed or the limit is reached.
#include "text_chars.hpp"
#include "text_number.hpp"

#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/digits.hpp>
#include <ergo/etf/text.hpp>

#include <algorithm>
#include <vector>

namespace ergo::inline v0::etf {

namespace {

using namespace detail;

constexpr char32_t highest_latin1 = 0xFF;
constexpr char32_t highest_unicode = 0x10FFFF;

/// The letter behind the backslash for a control character, or 0.
constexpr char short_escape(char32_t code) noexcept {
  switch (code) {
    case '\b': return 'b';
    case '\t': return 't';
    case '\n': return 'n';
    case '\v': return 'v';
    case '\f': return 'f';
    case '\r': return 'r';
    case 27: return 'e';
    case 127: return 'd';
    default: return 0;
  }
}

/// Appends one character of a quoted text, escaped as `io_lib:write_string/2` does.
void append_quoted(std::string& out, char32_t code, char quote) {
  if (code == static_cast<char32_t>(quote) || code == '\\') {
    out += '\\';
    out += static_cast<char>(code);
  } else if ((code >= 0x20 && code < 0x7F) || code >= 0xA0) {
    append_character(out, code);
  } else if (const char letter = short_escape(code); letter != 0) {
    out += '\\';
    out += letter;
  } else {
    out += '\\';
    for (const unsigned shift : {6U, 3U, 0U}) out += static_cast<char>('0' + ((code >> shift) & 7U));
  }
}

/// The byte at the front of `text` as a Latin-1 character.
code_point next_byte(std::string_view text) noexcept { return {static_cast<unsigned char>(text.front()), 1}; }

/// Appends all of `text`, which is UTF-8, in quotes.
void append_quoted(std::string& out, std::string_view text, char quote) {
  out += quote;
  while (!text.empty()) {
    const auto read = next_character(text);
    append_quoted(out, read.value, quote);
    text.remove_prefix(read.bytes);
  }
  out += quote;
}

bool is_plain_atom(std::string_view text) noexcept {
  if (text.empty() || is_reserved_somewhere(text)) return false;
  auto read = next_character(text);
  if (read.bytes == 0 || !starts_atom(read.value)) return false;
  for (text.remove_prefix(read.bytes); !text.empty(); text.remove_prefix(read.bytes)) {
    read = next_character(text);
    if (read.bytes == 0 || !continues_atom(read.value)) return false;
  }
  return true;
}

void append_atom(std::string& out, atom value) {
  const auto text = value.text();
  if (is_plain_atom(text)) {
    out += text;
  } else {
    append_quoted(out, text, '\'');
  }
}

/// A node inside `<…>`: its name, quoted where it could tear a log line; 0 for a node without a name.
void append_node(std::string& out, node_id node) {
  if (node == node_id{}) {
    out += '0';
    return;
  }
  const auto name = node.name().text();
  const auto plain = [](char c) { return continues_atom(static_cast<unsigned char>(c)) || c == '.' || c == '-'; };
  if (!name.empty() &&
      std::ranges::all_of(name, [&](char c) { return static_cast<unsigned char>(c) < 0x80 && plain(c); })) {
    out += name;
  } else {
    append_atom(out, node.name());
  }
}

void append_pid(std::string& out, const pid& value) {
  out += '<';
  append_node(out, value.node);
  out += '.';
  append_unsigned(out, value.id);
  out += '.';
  append_unsigned(out, value.serial);
  out += '>';
}

void append_reference(std::string& out, const reference& value) {
  out += "#Ref<";
  append_node(out, value.node);
  for (std::size_t word = value.size; word > 0; --word) {
    out += '.';
    append_unsigned(out, value.words[word - 1]);
  }
  out += '>';
}

void append_port(std::string& out, const port& value) {
  out += "#Port<";
  append_node(out, value.node);
  out += '.';
  append_unsigned(out, value.id);
  out += '>';
}

/// How a binary is best shown.
enum class binary_form : std::uint8_t { numbers, latin1, utf8 };

/// What `~p` makes of `bytes`; with `partial` they are the front of a longer binary and may end inside a character.
binary_form choose_form(std::string_view bytes, bool partial, char32_t highest) noexcept {
  auto rest = bytes;
  bool printable = true;
  bool ascii = true;
  while (!rest.empty()) {
    const auto read = next_character(rest);
    if (read.bytes == 0) break;
    printable = printable && is_printable(read.value, highest);
    ascii = ascii && read.bytes == 1;
    rest.remove_prefix(read.bytes);
  }
  if (rest.empty() || (partial && rest.size() < 4)) {
    return !printable ? binary_form::numbers : ascii && rest.empty() ? binary_form::latin1 : binary_form::utf8;
  }
  const auto shown = [](char c) { return is_printable(static_cast<unsigned char>(c), highest_latin1); };
  return std::ranges::all_of(bytes, shown) ? binary_form::latin1 : binary_form::numbers;
}

class printer {
 public:
  explicit printer(const text_options& options)
      : options_{options}, highest_{options.unicode ? highest_unicode : highest_latin1} {}

  [[nodiscard]] std::string print(const term& root) {
    open(root);
    while (!frames_.empty() && !full()) step();
    if (!frames_.empty() || out_.size() > options_.limit) cut();
    return std::move(out_);
  }

 private:
  /// An open container: the term itself (it lives in its parent) and what is left of its children.
  struct frame {
    const term* self;
    const term* next;
    const term* end;
  };

  [[nodiscard]] bool full() const noexcept { return out_.size() > options_.limit; }
  /// How many of `count` characters are worth a look: those that the limit may leave in the text, and one more.
  [[nodiscard]] std::size_t worth_a_look(std::size_t count) const noexcept {
    const auto room = full() ? 0 : options_.limit - out_.size();
    return room < count ? room + 1 : count;
  }

  void open(const term& value) {
    switch (value.kind()) {
      case kind::tuple: out_ += '{'; return push(value, value.elements());
      case kind::map: out_ += "#{"; return push(value, value.entries());
      case kind::list: return open_list(value);
      case kind::record: return open_record(value);
      case kind::bitstring: return append_bits(value);
      default: append_leaf(value);
    }
  }

  void open_list(const term& value) {
    if (options_.strings && is_string(value)) return append_string(value);
    out_ += '[';
    push(value, children_of(value));
  }

  void open_record(const term& value) {
    const auto record = *value.as_record();
    out_ += '#';
    append_atom(out_, record.module);
    out_ += ':';
    append_atom(out_, record.name);
    out_ += '{';
    push(value, record.values);
  }

  /// The items of a list and, when it is improper, its tail: the term behind them.
  [[nodiscard]] static std::span<const term> children_of(const term& list) noexcept {
    const auto items = list.items();
    const bool improper = (term_access::node_of(list)->flags & node_flag::improper) != 0;
    return {items.data(), items.size() + (improper ? 1 : 0)};
  }

  void push(const term& value, std::span<const term> children) {
    frames_.push_back({&value, children.data(), children.data() + children.size()});
  }

  void step() {
    auto& top = frames_.back();
    if (top.next == top.end) {
      out_ += top.self->is_list() ? ']' : '}';
      frames_.pop_back();
      return;
    }
    separate(top);
    const auto& child = *top.next++;
    open(child);  // may move the frames
  }

  /// Writes what stands before the next child of `top`.
  void separate(const frame& top) {
    switch (top.self->kind()) {
      case kind::tuple: return comma_after(top.self->elements().data(), top.next);
      case kind::map: return separate_entry(static_cast<std::size_t>(top.next - top.self->entries().data()));
      case kind::record: return name_field(top);
      default: break;
    }
    const auto items = top.self->items();
    if (top.next == items.data() + items.size()) {
      out_ += '|';
    } else {
      comma_after(items.data(), top.next);
    }
  }

  void comma_after(const term* first, const term* next) {
    if (next != first) out_ += ',';
  }

  void separate_entry(std::size_t position) {
    if (position % 2 != 0) {
      out_ += " => ";
    } else if (position != 0) {
      out_ += ',';
    }
  }

  void name_field(const frame& top) {
    const auto record = *top.self->as_record();
    comma_after(record.values.data(), top.next);
    append_atom(out_, *record.names[static_cast<std::size_t>(top.next - record.values.data())].as_atom());
    out_ += " = ";
  }

  void append_leaf(const term& value) {
    switch (value.kind()) {
      case kind::nil: out_ += "[]"; break;
      case kind::atom: append_atom(out_, *value.as_atom()); break;
      case kind::floating: append_double(out_, *value.as_double()); break;
      case kind::pid: append_pid(out_, *value.as_pid()); break;
      case kind::reference: append_reference(out_, *value.as_reference()); break;
      case kind::port: append_port(out_, *value.as_port()); break;
      case kind::fun: append_fun(value); break;
      default: append_number(value);
    }
  }

  void append_number(const term& value) {
    if (const auto small = value.as_integer()) {
      append_integer(out_, *small);
    } else if (const auto big = value.as_big_integer()) {
      if (big->sign() < 0) out_ += '-';
      out_ += digits_of(*big, 10);
    }
  }

  void append_fun(const term& value) {
    const auto fun = *value.as_fun();
    out_ += fun.external ? "fun " : "#Fun<";
    append_atom(out_, fun.module);
    if (fun.external) {
      out_ += ':';
      append_atom(out_, fun.function);
      out_ += '/';
      append_unsigned(out_, fun.arity);
    } else {
      out_ += '.';
      append_integer(out_, fun.old_index);
      out_ += '.';
      append_integer(out_, fun.old_uniq);
      out_ += '>';
    }
  }

  [[nodiscard]] bool is_string(const term& list) const {
    if (!list.list_tail().is_nil()) return false;
    const auto items = list.items();
    const auto looked_at = items.first(worth_a_look(items.size()));
    return std::ranges::all_of(looked_at, [this](const term& item) {
      const auto code = item.as_integer();
      return code && *code >= 0 && is_printable(static_cast<std::uint64_t>(*code), highest_);
    });
  }

  void append_string(const term& list) {
    out_ += '"';
    for (const auto& item : list.items()) {
      if (full()) return;
      append_quoted(out_, static_cast<char32_t>(*item.as_integer()), '"');
    }
    out_ += '"';
  }

  void append_bits(const term& value) {
    const auto bytes = value.bytes();
    if (!options_.strings || !value.is_binary() || bytes.empty()) return append_bytes(value);
    const auto looked_at = bytes.substr(0, worth_a_look(bytes.size()));
    const auto form = choose_form(looked_at, looked_at.size() < bytes.size(), highest_);
    if (form == binary_form::numbers) return append_bytes(value);
    append_binary_string(bytes, form);
  }

  void append_binary_string(std::string_view bytes, binary_form form) {
    out_ += "<<\"";
    while (!bytes.empty()) {
      if (full()) return;
      const auto read = form == binary_form::utf8 ? next_character(bytes) : next_byte(bytes);
      append_quoted(out_, read.value, '"');
      bytes.remove_prefix(read.bytes);
    }
    out_ += form == binary_form::utf8 ? "\"/utf8>>" : "\">>";
  }

  void append_bytes(const term& value) {
    const auto bytes = value.bytes();
    out_ += "<<";
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      if (full()) return;
      if (at != 0) out_ += ',';
      const auto byte = static_cast<unsigned char>(bytes[at]);
      const auto bits = at + 1 == bytes.size() ? value.last_byte_bits() : 8U;
      append_unsigned(out_, byte >> (8U - bits));
      if (bits == 8) continue;
      out_ += ':';
      append_unsigned(out_, bits);
    }
    out_ += ">>";
  }

  /// Shortens the text to the limit, between two characters, and says so.
  void cut() {
    auto length = std::min(out_.size(), options_.limit);
    while (length > 0 && length < out_.size() && (static_cast<unsigned char>(out_[length]) & 0xC0U) == 0x80) --length;
    out_.resize(length);
    out_ += "...";
  }

  const text_options options_;
  const char32_t highest_;
  std::string out_;
  std::vector<frame> frames_;
};

}  // namespace

std::string to_text(const term& value, const text_options& options) { return printer{options}.print(value); }

std::string to_text(atom value) {
  std::string out;
  append_atom(out, value);
  return out;
}

}  // namespace ergo::inline v0::etf
