// What `sys` asks of a behaviour, after OTP's sys.erl: the same requests, the same answers.
#include <ergo/otp/detail/system_messages.hpp>

#include "remote_function.hpp"

#include <ergo/detail/process_exit.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/otp/io.hpp>
#include <ergo/spawn.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <deque>

namespace ergo::inline v0::otp::detail {
namespace {

constexpr std::size_t usual_log = 10;           // events, as in OTP
constexpr std::size_t longest_log = 10'000;     // whoever asks is another node, which may ask for more than there is
constexpr std::size_t unprinted_lines = 1'000;  // of a trace, for a device that is slow; later ones are lost

term local_time() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  localtime_r(&now, &parts);
  return etf::tuple(etf::tuple(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday),
                    etf::tuple(parts.tm_hour, parts.tm_min, parts.tm_sec));
}

term failed(const term& why) { return etf::tuple("error"_atom, why); }

// As a callback of OTP's modules fails: what was thrown is a reason, not the end of the process.
term callback_failed(const system_host& host, atom callback) {
  callback_failure what;
  try {
    throw;
  } catch (callback_failure& told) {
    what = std::move(told);
  } catch (ergo::detail::process_exit& told) {
    what.class_of_exception = "exit"_atom;
    what.reason = told.reason.value();
  } catch (...) {
    what.class_of_exception = "error"_atom;
    what.reason = ergo::detail::reason_of_current_exception().value();
  }
  return failed(etf::tuple("callback_failed"_atom, etf::tuple(host.system_module(), callback),
                           etf::tuple(what.class_of_exception, what.reason)));
}

// A state as the node of who asks expects it.
task<term> in_form(process& self, pid asker, term state) {
  const destination whom{asker};
  const bool wraps = co_await wraps_states(self, whom);
  co_return wraps ? etf::tuple("ok"_atom, state) : state;
}

// Prints the lines of a trace one after the other, so that the traced process need not wait for the device.
task<> print_trace(process& self, pid traced) {
  (void)self.monitor(traced);
  for (;;) {
    const auto told = co_await self.receive_any();
    if (told.kind() == ergo::detail::signal_kind::down || told.payload().is("stop"_atom)) co_return;
    std::string line{told.payload().bytes()};
    const auto printed = co_await io::put_chars(self, std::move(line));
    if (!printed) co_return;
  }
}

struct message_counts {
  term since = local_time();
  std::uint64_t in = 0;
  std::uint64_t out = 0;
};

}  // namespace

/// What a process was told to keep of its events.
struct system_messages::watch {
  std::optional<std::size_t> log_size;  // empty: no log
  std::deque<term> log;
  std::optional<message_counts> counted;
  std::optional<pid> printer;
  std::vector<atom> installed;  // the latest first, as in OTP's list of debug options

  void install(atom what) {
    if (std::ranges::find(installed, what) == installed.end()) installed.insert(installed.begin(), what);
  }
  void keep(term event) {
    log.push_back(std::move(event));
    while (log.size() > *log_size) log.pop_front();
  }
};

/// What becomes of a process after a request.
struct system_messages::answer {
  term value;
  atom state;
  std::optional<exit_reason> end;
};

system_messages::system_messages() noexcept = default;
system_messages::~system_messages() = default;

system_messages::watch& system_messages::watching() {
  if (!watch_) watch_ = std::make_unique<watch>();
  return *watch_;
}

void system_messages::tidy() noexcept {
  if (watch_ && watch_->installed.empty()) watch_.reset();
}

// ----- events
// ---------------------------------------------------------------------------------------------------------

void system_messages::note(process& self, const system_host& host, term event) {
  if (!watch_) return;
  if (watch_->counted && event.is_tuple()) {
    const auto parts = event.elements();
    if (parts[0].is("in"_atom)) ++watch_->counted->in;
    if (parts[0].is("out"_atom)) ++watch_->counted->out;
  }
  if (watch_->printer) trace(self, host, event);
  if (watch_->log_size) watch_->keep(std::move(event));
}

void system_messages::trace(process& self, const system_host& host, const term& event) {
  self.send(*watch_->printer, etf::adopt_binary(host.describe_event(self, event)));
}

term system_messages::log() const {
  if (!watch_ || watch_->log.empty()) return {};
  const std::vector<term> events{watch_->log.begin(), watch_->log.end()};
  return etf::make_list(events);
}

// ----- the conversation
// -----------------------------------------------------------------------------------------------

task<std::optional<exit_reason>> system_messages::serve(process& self, system_host& host, message first) {
  auto state = "running"_atom;
  auto next = std::move(first);
  for (;;) {
    if (next.kind() == ergo::detail::signal_kind::exit_message) co_return exit_reason{next.payload()};
    const auto parts = next.payload().elements();
    const auto from = parts[1].elements();
    const auto asker = from.size() == 2 ? from[0].as_pid() : std::nullopt;
    if (asker) {
      const caller whom{*asker, from[1]};
      auto answered = co_await obey(self, host, state, parts[2], *asker);
      self.reply(whom, std::move(answered.value));
      if (answered.end) co_return std::move(answered.end);
      state = answered.state;
    }
    if (state == "running"_atom) co_return std::nullopt;
    const auto wanted = [&host](const message& candidate) {
      if (concerns(candidate)) return true;
      if (candidate.kind() != ergo::detail::signal_kind::exit_message) return false;
      return candidate.sender() == host.system_parent() || candidate.sender() == pid{};
    };
    auto waiting = self.receive_if(wanted);
    next = co_await waiting;
  }
}

task<system_messages::answer> system_messages::obey(process& self, system_host& host, atom state, term request,
                                                    pid asker) {
  answer given{.value = "ok"_atom, .state = state, .end = {}};
  const auto parts = request.elements();
  if (request.is("suspend"_atom)) {
    given.state = "suspended"_atom;
  } else if (request.is("resume"_atom)) {
    given.state = "running"_atom;
  } else if (request.is("get_state"_atom)) {
    bool known = true;
    try {
      given.value = host.system_state();
    } catch (...) {
      given.value = callback_failed(host, "system_get_state"_atom);
      known = false;
    }
    if (known) given.value = co_await in_form(self, asker, given.value);
  } else if (request.is("get_status"_atom)) {
    given.value = status(self, host, state);
  } else if (etf::is_tagged(request, "replace_state"_atom, 2)) {
    try {
      const new_state next{parts[1], asker};
      const auto now = co_await host.replace_system_state(self, next);
      given.value = co_await in_form(self, asker, now);
    } catch (...) {
      given.value = callback_failed(host, "system_replace_state"_atom);
    }
  } else if (etf::is_tagged(request, "debug"_atom, 2)) {
    given.value = co_await debug(self, host, parts[1]);
  } else if (etf::is_tagged(request, "terminate"_atom, 2)) {
    given.end = exit_reason{parts[1]};
  } else if (etf::is_tagged(request, "change_code"_atom, 4) && state == "suspended"_atom) {
    std::optional<term> refused;
    try {
      refused = host.change_code(self, parts[1], parts[2], parts[3]);
    } catch (...) {
      refused = etf::tuple("EXIT"_atom, ergo::detail::reason_of_current_exception().value());
    }
    if (refused) given.value = failed(*refused);
  } else {
    given.value = failed(etf::tuple("unknown_system_msg"_atom, request));
  }
  co_return given;
}

// ----- debug options
// --------------------------------------------------------------------------------------------------

task<term> system_messages::debug(process& self, const system_host& host, term what) {
  if (what.is("no_debug"_atom)) {
    if (watch_ && watch_->printer) self.send(*watch_->printer, "stop"_atom);
    watch_.reset();
    co_return "ok"_atom;
  }
  const auto parts = what.elements();
  if (parts.size() != 2) co_return "unknown_debug"_atom;
  const auto& flag = parts[1];
  if (parts[0].is("log"_atom) && flag.is("print"_atom)) {
    std::string text;
    const auto kept = log();
    for (const auto& event : kept.items()) text += host.describe_event(self, event);
    if (watch_ && watch_->printer) {  // behind what it has to print already
      self.send(*watch_->printer, etf::adopt_binary(std::move(text)));
    } else if (!text.empty()) {
      (void)co_await io::put_chars(self, std::move(text));
    }
    co_return "ok"_atom;
  }
  if (parts[0].is("log"_atom)) co_return log_command(flag);
  if (parts[0].is("statistics"_atom)) co_return statistics_command(flag);
  if (parts[0].is("trace"_atom)) co_return trace_command(self, flag);
  // A file of this machine at the wish of another one: no.
  if (parts[0].is("log_to_file"_atom)) co_return flag.is("false"_atom) ? term{"ok"_atom} : failed("open_file"_atom);
  if (parts[0].is("install"_atom)) {
    co_return failed(etf::tuple("not_supported"_atom, etf::binary("functions of Erlang do not run here")));
  }
  if (parts[0].is("remove"_atom)) co_return "ok"_atom;
  co_return "unknown_debug"_atom;
}

term system_messages::trace_command(process& self, const term& flag) {
  const bool on = flag.is("true"_atom);
  if (!on && !flag.is("false"_atom)) return "unknown_debug"_atom;
  auto& watch = watching();
  if (on && !watch.printer) {
    const spawn_options how{.mailbox_bound = unprinted_lines, .initial_call = {}};
    watch.printer = self.spawn(how, make_body(print_trace, self.id()));
    watch.install("trace"_atom);
  } else if (!on && watch.printer) {
    self.send(*watch.printer, "stop"_atom);
    watch.printer.reset();
    std::erase(watch.installed, "trace"_atom);
  }
  tidy();
  return "ok"_atom;
}

term system_messages::log_command(const term& flag) {
  if (flag.is("get"_atom)) return etf::tuple("ok"_atom, log());
  if (flag.is("false"_atom)) {
    if (watch_) {
      watch_->log_size.reset();
      watch_->log.clear();
      std::erase(watch_->installed, "log"_atom);
    }
    tidy();
    return "ok"_atom;
  }
  std::size_t size = usual_log;
  if (!flag.is("true"_atom)) {
    const auto wanted = etf::is_tagged(flag, "true"_atom, 2) ? flag.elements()[1].as_integer().value_or(0) : 0;
    if (wanted < 1) return "unknown_debug"_atom;
    size = std::min(static_cast<std::size_t>(wanted), longest_log);
  }
  auto& watch = watching();
  if (!watch.log_size) watch.log_size = size;  // as in OTP, a log that there is keeps its size
  watch.install("log"_atom);
  return "ok"_atom;
}

term system_messages::statistics_command(const term& flag) {
  if (flag.is("get"_atom)) {
    if (!watch_ || !watch_->counted) return etf::tuple("ok"_atom, "no_statistics"_atom);
    const auto& counted = *watch_->counted;
    // Nobody counts reductions here.
    return etf::tuple(
        "ok"_atom, etf::list(etf::tuple("start_time"_atom, counted.since),
                             etf::tuple("current_time"_atom, local_time()), etf::tuple("reductions"_atom, 0),
                             etf::tuple("messages_in"_atom, counted.in), etf::tuple("messages_out"_atom, counted.out)));
  }
  if (flag.is("true"_atom)) {
    auto& watch = watching();
    if (!watch.counted) watch.counted.emplace();
    watch.install("statistics"_atom);
    return "ok"_atom;
  }
  if (!flag.is("false"_atom)) return "unknown_debug"_atom;
  if (watch_) {
    watch_->counted.reset();
    std::erase(watch_->installed, "statistics"_atom);
  }
  tidy();
  return "ok"_atom;
}

// ----- status
// ---------------------------------------------------------------------------------------------------------

term system_messages::status(process& self, const system_host& host, atom state) const {
  const auto module = host.system_module();
  const auto parent = host.system_parent() == pid{} ? self.id() : host.system_parent();
  const auto dictionary =
      etf::list(etf::tuple("$ancestors"_atom, self.ancestors()), etf::tuple("$initial_call"_atom, self.initial_call()));
  term shown;
  try {
    shown = host.system_status(self, {.dictionary = dictionary, .state = state, .parent = parent, .log = log()});
  } catch (...) {
    shown = callback_failed(host, "format_status"_atom);
  }
  return etf::tuple("status"_atom, self.id(), etf::tuple("module"_atom, module),
                    etf::list(dictionary, state, parent, options(self, host), shown));
}

// OTP's list of debug options. Its log is `[Free | Latest…]` until it is full, then `[[] | Oldest…]`.
term system_messages::options(const process& self, const system_host& host) const {
  if (!watch_) return {};
  std::vector<term> all;
  for (const auto what : watch_->installed) {
    if (what == "trace"_atom) all.push_back(etf::tuple(what, true));
    if (what == "statistics"_atom) {
      const auto& counted = *watch_->counted;
      all.push_back(
          etf::tuple(what, etf::tuple(counted.since, etf::tuple("reductions"_atom, 0), counted.in, counted.out)));
    }
    if (what != "log"_atom) continue;
    const auto printed_by = etf::external_fun(host.system_module(), "print_event"_atom, 3);
    std::vector<term> kept;
    for (const auto& event : watch_->log) kept.push_back(etf::tuple(event, host.system_name(self), printed_by));
    const auto free = *watch_->log_size - kept.size();
    if (free != 0) std::ranges::reverse(kept);
    kept.insert(kept.begin(), free == 0 ? term{} : term{free});
    all.push_back(etf::tuple(what, etf::make_list(kept)));
  }
  return etf::make_list(all);
}

term status_header(std::string_view text, const term& name) {
  if (const auto known = name.as_atom()) return etf::text_list(std::string{text} + ' ' + std::string{known->text()});
  if (name.as_pid()) return etf::text_list(std::string{text} + ' ' + etf::to_text(name));
  return etf::tuple(etf::text_list(text), name);
}

// ----- new states
// -----------------------------------------------------------------------------------------------------

task<term> new_state::made_of(process& self, term present) const {
  if (!function_.as_fun()) co_return function_;
  auto made = co_await run_function(self, asker_, function_, present);
  co_return made;
}

// ----- reports
// --------------------------------------------------------------------------------------------------------

namespace {

term shortened(const term& value, std::size_t depth, std::size_t level);

std::vector<term> first_of(std::span<const term> all, std::size_t depth, std::size_t level) {
  std::vector<term> kept;
  const auto count = std::min(all.size(), depth);
  kept.reserve(count + 1);
  for (const auto& one : all.first(count)) kept.push_back(shortened(one, depth, level + 1));
  return kept;
}

// Recursive to `depth` levels only.
term shortened(const term& value, std::size_t depth, std::size_t level) {
  constexpr std::size_t bytes_per_level = 32;
  const bool compound = value.is_tuple() || value.is_map() || (value.is_list() && !value.is_nil());
  if (compound && level >= depth) return "..."_atom;
  if (value.is_tuple()) {
    auto kept = first_of(value.elements(), depth, level);
    if (kept.size() < value.elements().size()) kept.emplace_back("..."_atom);
    return etf::make_tuple(kept);
  }
  if (value.is_map()) {
    const auto entries = value.entries();
    auto kept = first_of(entries.first(std::min(entries.size(), 2 * (depth / 2))), depth, level);
    if (kept.size() < entries.size()) kept.insert(kept.end(), 2, "..."_atom);
    return etf::make_map(kept);
  }
  if (value.is_list() && !value.is_nil()) {
    const auto begin = value.items().first(std::min(value.items().size(), depth * bytes_per_level));
    if (etf::make_list(begin).as_text()) {
      return begin.size() < value.items().size() ? etf::make_list(begin, "..."_atom) : value;
    }
    const auto kept = first_of(value.items(), depth, level);
    if (kept.size() < value.items().size()) return etf::make_list(kept, "..."_atom);
    return etf::make_list(kept, shortened(value.list_tail(), depth, level + 1));
  }
  const auto bytes = value.bytes();
  if (bytes.size() > depth * bytes_per_level) {
    return etf::binary(std::string{bytes.substr(0, depth * bytes_per_level)} + "...");
  }
  return value;
}

}  // namespace

term bounded(const term& value, std::size_t depth) { return shortened(value, depth, 0); }

}  // namespace ergo::inline v0::otp::detail
