// Error codes, their Erlang reasons and their texts.
#include <ergo/error.hpp>

#include <ergo/etf/text.hpp>

#include <array>

namespace ergo::inline v0 {
namespace {

struct meaning {
  std::string_view name;  // the Erlang reason, where it is one atom
  std::string_view text;
};

// By value of `errc`.
constexpr std::array<meaning, 22> meanings{{
    {"ok", "no error"},
    {"timeout", "no answer within the time limit"},
    {"noproc", "no such process or registered name"},
    {"nodedown", "the node cannot be reached"},
    {"exit", "the process died before it answered"},
    {"calling_self", "a process called itself"},
    {"badarg", "an argument has the wrong shape"},
    {"bad_answer", "the answer is of another type"},
    {"name_taken", "the name is registered already"},
    {"system_limit", "a limit of the node was reached"},
    {"busy", "the connection is over its busy limit"},
    {"stopped", "the runtime is stopping"},
    {"not_alive", "this node has no name"},
    {"ignore", "the server's init returned ignore"},
    {"not_found", "nothing of that name"},
    {"already_present", "something of that name exists already"},
    {"cancelled", "the operation was given up"},
    {"permission_denied", "the peer does not have the right for this"},
    {"notsup", "the other node does not know this kind of request"},
    {"nocatch", "the function threw"},
    {"exception", "the function ended its process"},
    {"exception", "the function failed"},
}};

const meaning& meaning_of(errc code) noexcept {
  const auto index = static_cast<std::size_t>(code);
  return meanings[index < meanings.size() ? index : 0];
}

class node_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "ergo"; }
  [[nodiscard]] std::string message(int code) const override {
    return std::string{meaning_of(static_cast<errc>(code)).text};
  }
};

}  // namespace

const std::error_category& category() noexcept {
  static const node_category instance;
  return instance;
}

term error::reason() const {
  if (code_ == errc::exited) return context_;
  const auto name = atom::of(meaning_of(code_).name);
  if (code_ >= errc::remote_throw) return etf::tuple(name, context_);
  const bool precise =
      !context_.is_nil() && code_ != errc::timeout && code_ != errc::noproc && code_ != errc::calling_self;
  return precise ? etf::tuple(name, context_) : term{name};
}

std::string error::message() const {
  std::string text{meaning_of(code_).text};
  if (context_.is_nil()) return text;
  // The sentence of a structured reason, as `{Step, Sentence, …}`.
  const auto parts = context_.elements();
  if (code_ == errc::nodedown && parts.size() > 1 && parts[1].is_binary())
    return text + ": " + std::string{parts[1].bytes()};
  return text + ": " + etf::to_text(context_, {.limit = 512});
}

bool exit_reason::is_ordinary() const noexcept {
  return is_normal() || is("shutdown"_atom) || etf::is_tagged(value_, "shutdown"_atom, 2);
}

}  // namespace ergo::inline v0
