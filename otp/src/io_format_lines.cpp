// Where `~p` breaks lines: pp and cind of OTP's io_lib_pretty.erl, whose decisions this repeats one by one, odd ones
// too. Columns count from 1; `used` is the width of what stands on this line within the brackets around it.
#include "io_format_term.hpp"

#include <algorithm>
#include <utility>

namespace ergo::inline v0::otp::detail {

namespace {

using form = printed::form;
using ending = printed::ending;

/// The closing brackets behind the last element, given those behind its container.
std::int64_t brackets_behind(const printed& in, std::size_t at, std::int64_t closing) noexcept {
  return at + 1 < in.count() ? 0 : closing + 1;
}

bool is_flat_pair(const printed& part) noexcept { return part.parts[0].is_text() && part.parts[1].is_text(); }

/// What both passes share: the line and what fits into it.
struct page {
  std::int64_t width;
  std::int64_t most;        ///< characters of the whole term
  std::int64_t tag_indent;  ///< of what follows the tag of a tuple; not positive: as long as the tag

  [[nodiscard]] bool fits(const printed& part, std::int64_t column, std::int64_t closing,
                          std::int64_t used) const noexcept {
    return part.length < width - column - closing && part.length + used + closing <= most;
  }
  /// Whether an element fits behind the one before it and a comma.
  [[nodiscard]] bool fits_behind(const printed& part, std::int64_t column, std::int64_t closing,
                                 std::int64_t used) const noexcept {
    const auto length = part.length + 1;
    if (closing == 0) return length + 1 < width - column && used + length + 1 <= most;
    return length < width - column - closing && used + length + closing <= most;
  }
  [[nodiscard]] bool tail_fits(const printed& part, std::int64_t column, std::int64_t closing,
                               std::int64_t used) const noexcept {
    return part.length + 1 < width - column - (closing + 1) && part.length + 1 + used + (closing + 1) <= most &&
           part.is_text();
  }
  [[nodiscard]] bool breaks_behind(std::int64_t tag) const noexcept { return tag_indent > 0 && tag > tag_indent; }
  [[nodiscard]] std::int64_t value_indent() const noexcept { return tag_indent > 0 ? tag_indent : 4; }
};

/// Whether an indentation leaves room for the parts of a term.
class trial {
 public:
  explicit trial(const page& on) noexcept : page_{on} {}

  [[nodiscard]] bool passes(const printed& root, std::int64_t column) {
    any(root, column, 0, 0);
    return passes_;
  }

 private:
  void any(const printed& part, std::int64_t column, std::int64_t closing, std::int64_t used) {
    if (!passes_ || page_.fits(part, column, closing, used)) return;
    switch (part.shape) {
      case form::list:
      case form::tuple: return elements(part, 0, column + 1, column + 1, closing, used + 1);
      case form::tagged_tuple: return tagged(part, column, closing, used + 1);
      case form::map: return map(part, column + 2, closing, used + 2);
      default: return;
    }
  }

  void tagged(const printed& part, std::int64_t column, std::int64_t closing, std::int64_t used) {
    const auto tag = part.parts[0].length + 2;
    if (page_.breaks_behind(tag)) {
      const auto inner = column + page_.tag_indent;
      passes_ = page_.most + inner <= page_.width || inner <= page_.width / 2;
      return tail(part, 1, inner, column + tag, closing, used + tag - 2);
    }
    const auto inner = column + tag;
    passes_ = page_.most + inner < page_.width || inner < page_.width / 2;
    elements(part, 1, inner, inner, closing, used + tag - 1);
  }

  void elements(const printed& in, std::size_t first, std::int64_t start, std::int64_t column, std::int64_t closing,
                std::int64_t used) {
    if (first >= in.count()) return;
    const auto taken = element(in.parts[first], start, brackets_behind(in, first, closing), used);
    tail(in, first + 1, start, column + taken, closing, used + taken);
  }

  void tail(const printed& in, std::size_t at, std::int64_t start, std::int64_t column, std::int64_t closing,
            std::int64_t used) {
    for (; passes_ && at < in.count(); ++at) {
      const auto& part = in.parts[at];
      const auto behind = brackets_behind(in, at, closing);
      if (page_.fits_behind(part, column, behind, used) && part.is_text()) {
        column += part.length + 1;
        used += part.length + 1;
      } else {
        used = element(part, start, behind, 0);
        column = start + used;
      }
    }
    if (in.end == ending::tail && passes_ && !page_.tail_fits(in.parts.back(), column, closing, used))
      any(in.parts.back(), column, closing + 1, 0);
  }

  std::int64_t element(const printed& part, std::int64_t column, std::int64_t closing, std::int64_t used) {
    if (page_.fits(part, column, closing, used) && part.is_text()) return part.length;
    any(part, column, closing, used);
    return page_.width;
  }

  void map(const printed& in, std::int64_t start, std::int64_t closing, std::int64_t used) {
    auto taken = pair(in.parts[0], start, brackets_behind(in, 0, closing), used);
    auto column = start + taken;
    used += taken;
    for (std::size_t at = 1; passes_ && at < in.count(); ++at) {
      const auto& part = in.parts[at];
      const auto behind = brackets_behind(in, at, closing);
      if (page_.fits_behind(part, column, behind, used) && is_flat_pair(part)) {
        column += part.length + 1;
        used += part.length + 1;
      } else {
        used = pair(part, start, behind, 0);
        column = start + used;
      }
    }
  }

  std::int64_t pair(const printed& part, std::int64_t column, std::int64_t closing, std::int64_t used) {
    if (page_.fits(part, column, closing, used)) return is_flat_pair(part) ? part.length : page_.width;
    any(part.parts[0], column, closing, used);
    any(part.parts[1], column + page_.value_indent(), closing, 0);
    return page_.width;
  }

  const page page_;
  bool passes_ = true;
};

/// Writes a term in lines.
class writer {
 public:
  writer(chars& out, const page& on, std::size_t limit) noexcept : out_{out}, page_{on}, limit_{limit} {}

  /// Where a part begins, and how far the lines below it are indented.
  struct place {
    std::int64_t column;
    std::int64_t indent;

    [[nodiscard]] place right(std::int64_t by) const noexcept { return {column + by, indent + by}; }
  };

  void any(const printed& part, place at, std::int64_t closing, std::int64_t used) {
    if (out_.size() > limit_) refuse_size();
    if (page_.fits(part, at.column, closing, used)) return write_line(out_, part);
    switch (part.shape) {
      case form::list:
        out_ += U'[';
        elements(part, 0, at.right(1), closing, used + 1);
        out_ += U']';
        return;
      case form::tuple:
        out_ += U'{';
        elements(part, 0, at.right(1), closing, used + 1);
        out_ += U'}';
        return;
      case form::tagged_tuple:
        out_ += U'{';
        tagged(part, at, closing, used + 1);
        out_ += U'}';
        return;
      case form::map:
        out_ += U"#{";
        map(part, at.right(2), closing, used + 1);
        out_ += U'}';
        return;
      case form::bytes: return bytes(part, at.right(2), closing, used);
      default: out_ += part.text;
    }
  }

 private:
  void new_line(std::int64_t indent) {
    if (out_.size() > limit_) refuse_size();
    out_ += U'\n';
    out_ += repeated(U' ', indent, limit_);
  }

  void tagged(const printed& part, place at, std::int64_t closing, std::int64_t used) {
    const auto tag = part.parts[0].length + 2;
    out_ += part.parts[0].text;
    if (page_.breaks_behind(tag))
      return tail(part, 1, at.right(page_.tag_indent), at.column + tag, closing, used + tag - 2);
    out_ += U',';
    elements(part, 1, at.right(tag), closing, used + tag - 1);
  }

  void elements(const printed& in, std::size_t first, place start, std::int64_t closing, std::int64_t used) {
    if (first >= in.count()) {
      out_ += U"...";
      return;
    }
    const auto taken = element(in.parts[first], start, brackets_behind(in, first, closing), used);
    tail(in, first + 1, start, start.column + taken, closing, used + taken);
  }

  void tail(const printed& in, std::size_t at, place start, std::int64_t column, std::int64_t closing,
            std::int64_t used) {
    for (; at < in.count(); ++at) {
      const auto& part = in.parts[at];
      const auto behind = brackets_behind(in, at, closing);
      out_ += U',';
      if (page_.fits_behind(part, column, behind, used) && part.is_text()) {
        write_line(out_, part);
        column += part.length + 1;
        used += part.length + 1;
      } else {
        new_line(start.indent);
        used = element(part, start, behind, 0);
        column = start.column + used;
      }
    }
    if (in.end != ending::proper) last(in, start, column, closing, used);
  }

  /// Dots, or the tail of an improper list.
  void last(const printed& in, place start, std::int64_t column, std::int64_t closing, std::int64_t used) {
    out_ += in.shape == form::list ? U'|' : U',';
    if (in.end == ending::dots) {
      out_ += U"...";
    } else if (const auto& part = in.parts.back(); page_.tail_fits(part, column, closing, used)) {
      write_line(out_, part);
    } else {
      new_line(start.indent);
      any(part, start, closing + 1, 0);
    }
  }

  std::int64_t element(const printed& part, place at, std::int64_t closing, std::int64_t used) {
    any(part, at, closing, used);
    return page_.fits(part, at.column, closing, used) && part.is_text() ? part.length : page_.width;
  }

  void map(const printed& in, place start, std::int64_t closing, std::int64_t used) {
    used = pair(in.parts[0], start, brackets_behind(in, 0, closing), used);
    auto column = start.column + used;
    for (std::size_t at = 1; at < in.count(); ++at) {
      const auto& part = in.parts[at];
      const auto behind = brackets_behind(in, at, closing);
      out_ += U',';
      if (page_.fits_behind(part, column, behind, used) && is_flat_pair(part)) {
        write_line(out_, part);
        column += part.length + 1;
        used += part.length + 1;
      } else {
        new_line(start.indent);
        used = pair(part, start, behind, 0);
        column = start.column + used;
      }
    }
    if (in.end == ending::dots) out_ += U",...";
  }

  std::int64_t pair(const printed& part, place at, std::int64_t closing, std::int64_t used) {
    if (page_.fits(part, at.column, closing, used)) {
      write_line(out_, part);
      return is_flat_pair(part) ? part.length : page_.width;
    }
    any(part.parts[0], at, closing, used);
    out_ += U" =>";
    const auto inner = at.right(page_.value_indent());
    new_line(inner.indent);
    any(part.parts[1], inner, closing, 0);
    return page_.width;
  }

  /// The numbers of a binary, as many in a line as it takes.
  void bytes(const printed& part, place at, std::int64_t closing, std::int64_t used) {
    constexpr std::int64_t fewest = 8;
    const auto room = std::max(fewest, std::min(page_.width - at.column, page_.most - 4 - used) - closing);
    auto left = room;
    out_ += U"<<";
    auto rest = std::u32string_view{part.text}.substr(2, part.text.size() - 4);
    for (auto comma = rest.find(U','); comma != rest.npos; comma = rest.find(U',')) {
      const auto length = static_cast<std::int64_t>(comma) + 1;
      if (left < length) {
        new_line(at.indent);
        left = room;
      }
      left -= length;
      out_ += rest.substr(0, comma + 1);
      rest.remove_prefix(comma + 1);
    }
    if (static_cast<std::int64_t>(rest.size()) > left) new_line(at.indent);
    out_ += rest;
    out_ += U">>";
  }

  chars& out_;
  const page page_;
  const std::size_t limit_;
};

void write_parts(chars& out, const printed& part) {
  for (std::size_t at = 0; at < part.count(); ++at) {
    if (at != 0) out += U',';
    write_line(out, part.parts[at]);
  }
  if (part.end == ending::proper) return;
  if (part.count() != 0) out += part.shape == form::list ? U'|' : U',';
  if (part.end == ending::dots) {
    out += U"...";
  } else {
    write_line(out, part.parts.back());
  }
}

}  // namespace

void write_line(chars& out, const printed& part) {
  switch (part.shape) {
    case form::text:
    case form::bytes: out += part.text; return;
    case form::list: out += U'['; break;
    case form::tuple:
    case form::tagged_tuple: out += U'{'; break;
    case form::map: out += U"#{"; break;
    case form::pair:
      write_line(out, part.parts[0]);
      out += U" => ";
      return write_line(out, part.parts[1]);
  }
  write_parts(out, part);
  out += part.shape == form::list ? U']' : U'}';
}

void write_lines(chars& out, const printed& part, std::int64_t column, std::int64_t width, std::size_t limit) {
  column = std::max<std::int64_t>(column, 1);
  if (width == 0 || part.length < width - column) return write_line(out, part);
  page on{width, part.length, -1};
  if (!trial{on}.passes(part, column)) {
    constexpr std::int64_t short_indent = 4;
    on.tag_indent = short_indent;
    if (!trial{on}.passes(part, column)) on.tag_indent = 1;
  }
  writer{out, on, limit}.any(part, {column, column - 1}, 0, 0);
}

}  // namespace ergo::inline v0::otp::detail
