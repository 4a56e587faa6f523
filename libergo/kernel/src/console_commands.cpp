// Looking at processes, ending them, talking to them.
#include "console_commands.hpp"

#include "console_text.hpp"

#include <ergo/calls.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/rpc.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ergo::inline v0::kernel::detail {
namespace {

std::string shown(const term& value, std::size_t limit) { return etf::to_text(value, {.limit = limit}); }

std::string usage(std::string_view how) { return "Usage: " + std::string{how}; }

// ----- looking ------------------------------------------------------------------------------------------------------

constexpr std::size_t cell = 60;  // bytes of a term in a table

std::vector<std::string> row_of(const pid& who, const term& facts) {
  const auto name = fact_of(facts, "registered_name"_atom);
  const auto call = fact_of(facts, "initial_call"_atom);
  return {etf::to_text(term{who}), name.is_nil() ? "" : shown(name, cell),
          shown(fact_of(facts, "message_queue_len"_atom), cell), call.is_nil() ? "" : shown(call, cell)};
}

std::optional<std::size_t> read_count(std::string_view text, std::size_t otherwise) {
  if (text.empty()) return otherwise;
  std::size_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return count;
}

task<std::string> list_processes(process& self, std::string rest, console_limits limits) {
  const auto most = read_count(rest, limits.processes);
  if (!most) co_return usage("processes [COUNT]");
  auto all = self.runtime().processes(self.node());
  std::erase(all, self.id());
  std::ranges::sort(all, [](const pid& left, const pid& right) { return etf::compare(left, right) < 0; });
  std::vector<std::vector<std::string>> rows;
  const std::vector<std::string> heads{"PROCESS", "NAME", "UNREAD", "STARTED AS"};
  rows.push_back(heads);
  for (std::size_t index = 0; index < std::min(*most, all.size()); ++index) {
    const auto facts = co_await process_info(self, all[index], limits.glance);
    if (facts) rows.push_back(row_of(all[index], *facts));
  }
  auto text = as_table(rows);
  text += counted(all.size(), "process", "processes");
  if (*most < all.size()) text += ", of which " + std::to_string(*most) + " are shown";
  co_return text;
}

task<std::string> list_names(process& self) {
  auto all = self.node().registered();
  std::ranges::sort(all, {}, [](const auto& one) { return one.first.text(); });
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, who] : all) rows.push_back({etf::to_text(name), etf::to_text(term{who})});
  co_return as_table(rows) + counted(all.size(), "name", "names");
}

/// What a process tells about itself, or a sentence.
task<std::expected<term, std::string>> ask_about(process& self, std::string whom, duration within) {
  const auto found = find_process(self.node(), whom);
  if (!found) co_return std::unexpected{found.error()};
  const auto facts = co_await process_info(self, *found, within);
  if (facts) co_return *facts;
  co_return std::unexpected{facts.error() == errc::timeout ? whom + " is busy and has not answered."
                                                           : whom + " is not alive."};
}

task<std::string> show_process(process& self, std::string rest, console_limits limits) {
  if (rest.empty()) co_return usage("info PROCESS");
  auto asking = ask_about(self, rest, limits.answer);
  const auto facts = co_await std::move(asking);
  if (!facts) co_return facts.error();
  std::vector<std::vector<std::string>> rows;
  for (const auto& fact : facts->items())
    rows.push_back({shown(fact.elements()[0], cell), shown(fact.elements()[1], limits.characters)});
  co_return as_table(rows);
}

void add_each(std::vector<std::vector<std::string>>& rows, std::string_view head, const term& list) {
  for (const auto& one : list.items()) {
    const bool process = etf::is_tagged(one, "process"_atom, 2);
    rows.push_back({std::string{head}, shown(process ? one.elements()[1] : one, cell)});
  }
}

task<std::string> show_links(process& self, std::string rest, console_limits limits) {
  if (rest.empty()) co_return usage("links PROCESS");
  auto asking = ask_about(self, rest, limits.answer);
  const auto facts = co_await std::move(asking);
  if (!facts) co_return facts.error();
  std::vector<std::vector<std::string>> rows;
  add_each(rows, "linked to", fact_of(*facts, "links"_atom));
  add_each(rows, "monitors", fact_of(*facts, "monitors"_atom));
  add_each(rows, "monitored by", fact_of(*facts, "monitored_by"_atom));
  if (rows.empty()) co_return "No links and no monitors.";
  co_return as_table(rows);
}

task<std::string> list_nodes(process& /*self*/, node& on) {
  std::vector<std::vector<std::string>> rows;
  for (const auto one : on.nodes(node_set::visible)) rows.push_back({etf::to_text(one), ""});
  for (const auto one : on.nodes(node_set::hidden)) rows.push_back({etf::to_text(one), "hidden"});
  const auto own = etf::to_text(on.name());
  co_return as_table(rows) + own + " is connected to " + counted(rows.size(), "node", "nodes");
}

task<std::string> show_memory(process& self) {
  const rpc::at here{self.node().name()};
  const auto kinds = co_await rpc::call(self, here, "erlang", "memory");
  if (!kinds) co_return "The node does not tell: " + kinds.error().message();
  std::vector<std::vector<std::string>> rows;
  for (const auto& kind : kinds->items())
    rows.push_back({shown(kind.elements()[0], cell), as_size(kind.elements()[1].as_integer().value_or(0))});
  co_return as_table(rows);
}

// ----- acting -------------------------------------------------------------------------------------------------------

task<std::string> end_process(process& self, std::string whom, term reason) {
  const auto found = find_process(self.node(), whom);
  if (!found) co_return found.error();
  self.exit(*found, reason);
  co_return "Told " + etf::to_text(term{*found}) + " to end: " + etf::to_text(reason);
}

task<std::string> kill_process(process& self, std::string rest) {
  if (rest.empty()) co_return usage("kill PROCESS");
  auto ending = end_process(self, std::move(rest), term{"kill"_atom});
  co_return co_await std::move(ending);
}

std::expected<term, std::string> read_term(std::string_view text) {
  auto read = etf::parse(text);
  if (read) return *std::move(read);
  return std::unexpected{"\"" + std::string{text} + "\" is no Erlang term."};
}

task<std::string> exit_process(process& self, std::string rest) {
  std::string_view line{rest};
  std::string whom{take_word(line)};
  if (whom.empty()) co_return usage("exit PROCESS [REASON]");
  const auto reason = read_term(line.empty() ? "shutdown" : line);
  if (!reason) co_return reason.error();
  auto ending = end_process(self, std::move(whom), *reason);
  co_return co_await std::move(ending);
}

struct addressed {
  destination to;
  term content;
};

/// PROCESS TERM
std::expected<addressed, std::string> read_message(const local_node& on, std::string_view rest, std::string_view how) {
  const auto whom = take_word(rest);
  if (rest.empty()) return std::unexpected{usage(std::string{how} + " PROCESS TERM")};
  const auto found = find_process(on, whom);
  if (!found) return std::unexpected{found.error()};
  auto content = read_term(rest);
  if (!content) return std::unexpected{content.error()};
  return addressed{*found, *std::move(content)};
}

task<std::string> call_server(process& self, std::string rest, console_limits limits) {
  const auto said = read_message(self.node(), rest, "call");
  if (!said) co_return said.error();
  const auto answer = co_await call(self, said->to, said->content, limits.answer);
  if (!answer) co_return "No answer: " + answer.error().message();
  co_return shown(*answer, limits.characters);
}

task<std::string> cast_to_server(process& self, std::string rest) {
  const auto said = read_message(self.node(), rest, "cast");
  if (!said) co_return said.error();
  self.send_cast(said->to, said->content);
  co_return "ok";
}

task<std::string> send_message(process& self, std::string rest) {
  const auto said = read_message(self.node(), rest, "send");
  if (!said) co_return said.error();
  self.send(said->to, said->content);
  co_return "ok";
}

std::optional<trace_category> read_category(std::string_view word) {
  if (word.empty() || word == "all") return trace_category::all;
  if (word == "node") return trace_category::node;
  if (word == "dist") return trace_category::dist;
  return std::nullopt;
}

task<std::string> switch_trace(process& /*self*/, std::string rest, node& on) {
  std::string_view line{rest};
  const auto way = take_word(line);
  const auto what = read_category(line);
  if (!what || (way != "on" && way != "off")) co_return usage("trace on|off [node|dist]");
  if (way == "on") {
    on.trace(*what);
    co_return "The node writes its trace where it was told to when it started.";
  }
  on.untrace(*what);
  co_return "The trace is off.";
}

// ----- the list -----------------------------------------------------------------------------------------------------

using runner = std::function<task<std::string>(process&, std::string)>;

shell_command made(std::string_view name, std::string_view arguments, std::string_view help, right needed, runner run) {
  return {std::string{name}, std::string{arguments}, std::string{help}, needed, std::move(run)};
}

std::vector<shell_command> looking(node& on, const console_limits& limits) {
  std::vector<shell_command> all;
  const auto add = [&](std::string_view name, std::string_view arguments, std::string_view help, runner run) {
    all.push_back(made(name, arguments, help, right::observe, std::move(run)));
  };
  add("processes", "[COUNT]", "the first processes of this node",
      [limits](process& self, std::string rest) { return list_processes(self, std::move(rest), limits); });
  add("names", "", "registered names", [](process& self, const std::string& /*rest*/) { return list_names(self); });
  add("info", "PROCESS", "everything that a process tells about itself",
      [limits](process& self, std::string rest) { return show_process(self, std::move(rest), limits); });
  add("links", "PROCESS", "its links and monitors",
      [limits](process& self, std::string rest) { return show_links(self, std::move(rest), limits); });
  add("nodes", "", "connected nodes",
      [&on](process& self, const std::string& /*rest*/) { return list_nodes(self, on); });
  add("memory", "", "memory in use", [](process& self, const std::string& /*rest*/) { return show_memory(self); });
  return all;
}

std::vector<shell_command> acting(node& on, const console_limits& limits) {
  std::vector<shell_command> all;
  const auto add = [&](std::string_view name, std::string_view arguments, std::string_view help, runner run) {
    all.push_back(made(name, arguments, help, right::manage, std::move(run)));
  };
  add("call", "PROCESS TERM", "calls a gen_server and prints its answer",
      [limits](process& self, std::string rest) { return call_server(self, std::move(rest), limits); });
  add("cast", "PROCESS TERM", "sends it a cast",
      [](process& self, std::string rest) { return cast_to_server(self, std::move(rest)); });
  add("send", "PROCESS TERM", "sends a process a message",
      [](process& self, std::string rest) { return send_message(self, std::move(rest)); });
  add("exit", "PROCESS [REASON]", "sends it an exit signal, by default `shutdown`",
      [](process& self, std::string rest) { return exit_process(self, std::move(rest)); });
  add("kill", "PROCESS", "kills it",
      [](process& self, std::string rest) { return kill_process(self, std::move(rest)); });
  add("trace", "on|off [node|dist]", "traces routing, messages of the protocol, or both",
      [&on](process& self, std::string rest) { return switch_trace(self, std::move(rest), on); });
  return all;
}

/// Words that the console itself obeys.
constexpr std::array<std::string_view, 3> reserved{"help", "q", "quit"};

bool is_word(std::string_view name) {
  return !name.empty() && name.find_first_of(" \t\r\n'\"") == std::string_view::npos;
}

std::vector<std::string> help_row(const shell_command& of) {
  return {"  " + of.name + (of.arguments.empty() ? "" : " " + of.arguments), of.help};
}

}  // namespace

std::vector<shell_command> own_commands(node& on, const console_limits& limits) {
  auto all = looking(on, limits);
  for (auto& one : acting(on, limits)) all.push_back(std::move(one));
  return all;
}

std::optional<std::string> command_list::trouble() const {
  for (auto one = commands_.begin(); one != commands_.end(); ++one) {
    const auto twice = std::any_of(commands_.begin(), one, [&](const auto& other) { return other.name == one->name; });
    if (twice || std::ranges::find(reserved, one->name) != reserved.end())
      return "the shell has two commands of the name " + one->name;
    if (!is_word(one->name) || !one->run) return "\"" + one->name + "\" is no command of a shell";
  }
  return std::nullopt;
}

const shell_command* command_list::find(std::string_view name, right held) const noexcept {
  const auto found = std::ranges::find(commands_, name, &shell_command::name);
  return found != commands_.end() && contains(held, found->needed) ? &*found : nullptr;
}

std::string command_list::help(std::string_view name, right held) const {
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : commands_) {
    if ((name.empty() || one.name == name) && contains(held, one.needed)) rows.push_back(help_row(one));
  }
  if (rows.empty()) return "There is no command \"" + std::string{name} + "\".";
  if (!name.empty()) return as_table(rows);
  rows.push_back({"  help [COMMAND]", "this text"});
  rows.push_back({"  q", "leaves the console; the node goes on"});
  return as_table(rows) + "PROCESS is a registered name or a pid such as 12.0; TERM is written as in Erlang.";
}

std::vector<std::string> command_list::beginning_with(std::string_view start, right held) const {
  std::vector<std::string> found;
  for (const auto& one : commands_) {
    if (one.name.starts_with(start) && contains(held, one.needed)) found.push_back(one.name);
  }
  for (const auto word : reserved) {
    if (word.size() > 1 && word.starts_with(start)) found.emplace_back(word);
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace ergo::inline v0::kernel::detail
