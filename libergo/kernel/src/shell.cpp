// shell:start/0, 'Elixir.IEx':start/2, edlin_expand:expand/1,2 (protocol §6.8; kernel user_drv.erl, group.erl,
// IEx.CLI).
#include "shell.hpp"

#include "console.hpp"
#include "graded.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace ergo::inline v0::kernel::detail {
namespace {

using hall_pointer = std::shared_ptr<console_hall>;

// ----- starting -----------------------------------------------------------------------------------------------------

task<result<term>> start_for_erl(process& self, hall_pointer hall, right held) {
  auto started = start_console(self, std::move(hall), held);
  if (!started) co_return std::unexpected{started.error()};
  co_return term{*started};
}

/// {'Elixir.IEx.CLI', remote_start, [Parent, Ref]}
std::optional<console_greeting> read_greeting(const term& call) {
  if (!call.is_tuple(3)) return std::nullopt;
  const auto parts = call.elements();
  const auto arguments = parts[2].items();
  if (!parts[0].is("Elixir.IEx.CLI"_atom) || !parts[1].is("remote_start"_atom) || arguments.size() != 2)
    return std::nullopt;
  const auto whom = arguments[0].as_pid();
  const auto ref = arguments[1].as_reference();
  if (!whom || !ref) return std::nullopt;
  return console_greeting{*whom, *ref};
}

task<result<term>> start_for_iex(process& self, hall_pointer hall, right held, term arguments) {
  const auto greeting = read_greeting(arguments.items()[1]);
  if (!greeting) co_return fail(errc::badarg);
  auto started = start_console(self, std::move(hall), held, greeting);
  if (!started) co_return std::unexpected{started.error()};
  co_return term{*started};
}

// ----- completing ---------------------------------------------------------------------------------------------------

/// What stands before the cursor, which Erlang gives from right to left.
std::optional<std::string> read_before_cursor(const term& reversed) {
  if (!reversed.is_list()) return std::nullopt;
  std::string text;
  for (const auto& one : reversed.items()) {
    const auto code = one.as_integer();
    if (!code || *code < 0x20 || *code > 0x7E) return std::nullopt;
    text.push_back(static_cast<char>(*code));
  }
  std::ranges::reverse(text);
  return text;
}

std::string common_start(const std::vector<std::string>& words) {
  std::string common = words.front();
  for (const auto& word : words) {
    const auto [end, other] = std::ranges::mismatch(common, word);
    common.erase(end, common.end());
  }
  return common;
}

/// {yes | no, what may be added, [what it could be]}
term completion_of(const command_list& commands, const std::string& typed, right held) {
  const auto found = commands.beginning_with(typed, held);
  if (found.empty()) return etf::tuple("no"_atom, term{}, term{});
  const auto added = etf::text_list(common_start(found).substr(typed.size()));
  if (found.size() == 1)
    return etf::tuple("yes"_atom, etf::text_list(found.front().substr(typed.size()) + " "), term{});
  if (!added.is_nil()) return etf::tuple("yes"_atom, added, term{});
  std::vector<term> choices;
  std::ranges::transform(found, std::back_inserter(choices), [](const auto& word) { return etf::text_list(word); });
  return etf::tuple("yes"_atom, term{}, etf::make_list(choices));
}

task<result<term>> expand(hall_pointer hall, right held, term arguments) {
  const auto typed = read_before_cursor(arguments.items()[0]);
  co_return typed ? completion_of(hall->commands, *typed, held) : etf::tuple("no"_atom, term{}, term{});
}

}  // namespace

result<void> provide_shell(node& on, std::vector<shell_command> commands, std::size_t most) {
  auto all = own_commands(on, {});
  std::ranges::move(commands, std::back_inserter(all));
  const auto hall = std::make_shared<console_hall>(command_list{std::move(all)}, most);
  if (const auto wrong = hall->commands.trouble()) return fail(errc::badarg, etf::binary(*wrong));
  const auto erl = [hall](process& self, right held, const term& /*none*/) { return start_for_erl(self, hall, held); };
  const auto iex = [hall](process& self, right held, const term& arguments) {
    return start_for_iex(self, hall, held, arguments);
  };
  const auto complete = [hall](process& /*self*/, right held, const term& arguments) {
    return expand(hall, held, arguments);
  };
  for (const auto& done : {on.provide_graded("shell", "start", 0, for_each_right(erl)),
                           on.provide_graded("Elixir.IEx", "start", 2, for_each_right(iex)),
                           on.provide_graded("edlin_expand", "expand", 1, for_each_right(complete)),
                           on.provide_graded("edlin_expand", "expand", 2, for_each_right(complete))}) {
    if (!done) return std::unexpected{done.error()};
  }
  return {};
}

}  // namespace ergo::inline v0::kernel::detail
