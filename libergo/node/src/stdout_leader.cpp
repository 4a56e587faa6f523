// The I/O protocol, as far as output goes ("The Erlang I/O Protocol").
#include "stdout_leader.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {
namespace {

enum class encoding : std::uint8_t { latin1, unicode };

void append_character(std::string& to, std::uint32_t code) {
  const auto tail = [&](unsigned shift) { to += static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x1'0000) {
    to += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    to += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_character(std::int64_t code, encoding as) noexcept {
  if (as == encoding::latin1) return code >= 0 && code <= 0xFF;
  return code >= 0 && code <= 0x10'FFFF && (code < 0xD800 || code > 0xDFFF);
}

// One item that is no list; false where it is no text.
bool append_item(std::string& to, const term& item, encoding as) {
  if (const auto code = item.as_integer()) {
    if (!is_character(*code, as)) return false;
    append_character(to, static_cast<std::uint32_t>(*code));
    return true;
  }
  if (!item.is_binary()) return false;
  for (const char one : item.bytes()) {
    if (as == encoding::unicode) {
      to += one;
    } else {
      append_character(to, static_cast<unsigned char>(one));
    }
  }
  return true;
}

// Nested lists of characters and binaries, as UTF-8; of any depth. Empty where it is anything else.
std::optional<std::string> text_of(const term& characters, encoding as) {
  std::string text;
  std::vector<term> left{characters};
  while (!left.empty()) {
    const auto next = std::move(left.back());
    left.pop_back();
    if (!next.is_list()) {
      if (!append_item(text, next, as)) return std::nullopt;
      continue;
    }
    if (!next.list_tail().is_nil()) left.push_back(next.list_tail());
    const auto items = next.items();
    for (auto item = items.rbegin(); item != items.rend(); ++item) left.push_back(*item);
  }
  return text;
}

class stdout_leader final : public behaviour {
 public:
  explicit stdout_leader(const pid& reader) : reader_{reader} {}
  void start(process& /*self*/) override {}
  void task_ended(process& /*self*/) override {}
  void receive(process& self, message received) override {
    if (received.kind() != signal_kind::message) return;
    const auto& told = received.payload();
    if (etf::is_tagged(told, "answer"_atom, 2)) {
      self.send(reader_, etf::tuple("rex"_atom, told.elements()[1]));
      return self.stop(exit_reason::normal());
    }
    if (!etf::is_tagged(told, "io_request"_atom, 4)) return;
    if (const auto from = told.elements()[1].as_pid())
      self.send(*from, etf::tuple("io_reply"_atom, told.elements()[2], answer(self, told.elements()[3])));
  }

 private:
  [[nodiscard]] term answer(process& self, const term& request) const {
    const auto parts = request.elements();
    if (etf::is_tagged(request, "put_chars"_atom, 3)) return put(self, parts[1], parts[2]);
    if (etf::is_tagged(request, "put_chars"_atom, 2)) return put(self, term{"latin1"_atom}, parts[1]);
    if (etf::is_tagged(request, "put_chars"_atom, 5)) return refusal(parts[3]);
    if (!etf::is_tagged(request, "requests"_atom, 2)) return refusal(term{"enotsup"_atom});
    for (const auto& one : parts[1].items()) {
      const bool nested = etf::is_tagged(one, "requests"_atom, 2);
      auto given = nested ? refusal(term{"request"_atom}) : answer(self, one);
      if (!given.is("ok"_atom)) return given;
    }
    return term{"ok"_atom};
  }
  [[nodiscard]] term put(process& self, const term& as, const term& characters) const {
    const auto text = text_of(characters, as.is("latin1"_atom) ? encoding::latin1 : encoding::unicode);
    if (!text) return refusal(term{"put_chars"_atom});
    self.send(reader_, etf::tuple("rex_stdout"_atom, etf::binary(*text)));
    return term{"ok"_atom};
  }
  [[nodiscard]] static term refusal(const term& why) { return etf::tuple("error"_atom, why); }

  pid reader_;
};

}  // namespace

std::unique_ptr<behaviour> make_stdout_leader(const pid& reader) { return std::make_unique<stdout_leader>(reader); }

}  // namespace ergo::inline v0::detail
