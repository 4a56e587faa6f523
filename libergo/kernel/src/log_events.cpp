// After OTP's logger_proxy.erl, logger.erl and error_logger.erl.
#include "log_events.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/otp/io_format.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace ergo::inline v0::kernel::detail {
namespace {

struct named_level {
  std::string_view name;
  log_level level;
};

template <std::size_t Size>
std::optional<log_level> find_level(const named_level (&table)[Size], const term& name) {
  const auto known = name.as_atom();
  for (const auto& row : table) {
    if (known && known->text() == row.name) return row.level;
  }
  return std::nullopt;
}

constexpr named_level levels[] = {{"emergency", log_level::critical}, {"alert", log_level::critical},
                                  {"critical", log_level::critical},  {"error", log_level::error},
                                  {"warning", log_level::warning},    {"notice", log_level::notice},
                                  {"info", log_level::info},          {"debug", log_level::debug}};

// Of error_logger: with a format, and with a report.
constexpr named_level message_tags[] = {
    {"error", log_level::error}, {"warning_msg", log_level::warning}, {"info_msg", log_level::notice}};
constexpr named_level report_tags[] = {
    {"error_report", log_level::error}, {"warning_report", log_level::warning}, {"info_report", log_level::notice}};

// At most `longest` bytes, cut between characters.
std::string shortened(std::string text, std::size_t longest) {
  if (text.size() <= longest) return text;
  while (longest > 0 && (static_cast<unsigned char>(text[longest]) & 0xC0U) == 0x80) --longest;
  text.resize(longest);
  return text + "...";
}

std::string shown(const term& value, std::size_t longest) {
  return etf::to_text(value, {.strings = true, .unicode = true, .limit = longest});
}

// What is far too long is not formatted only to be cut: a few bytes may ask for millions of characters.
otp::io_format_options at_most(std::size_t longest) {
  otp::io_format_options made;
  made.unicode = true;
  made.characters = 4 * longest;
  return made;
}

std::string formatted(const term& format, const term& arguments, std::size_t longest) {
  auto text = otp::io_format(format, arguments, at_most(longest));
  if (text) return shortened(*std::move(text), longest);
  const auto* const why = text.error() == otp::io_format_error::too_big ? "" : "FORMAT ERROR: ";
  return shortened(why + shown(format, longest) + " - " + shown(arguments, longest), longest);
}

// A string is what `~ts` can show and is no list of other things.
std::optional<std::string> as_string(const term& value, std::size_t longest) {
  if (!value.is_binary() && (!value.is_list() || value.is_nil())) return std::nullopt;
  auto text = otp::io_format(etf::binary("~ts"), etf::list(value), at_most(longest));
  if (!text) return std::nullopt;
  return *std::move(text);
}

const term* entry_of(const term& map, atom key) { return map.find(term{key}); }

// What error_logger's own functions log is a report around a format.
std::string report_text(const term& report, std::size_t longest) {
  const auto* const format = entry_of(report, "format"_atom);
  const auto* const arguments = entry_of(report, "args"_atom);
  if (format != nullptr && arguments != nullptr && arguments->is_list()) return formatted(*format, *arguments, longest);
  return shown(report, longest);
}

void add_metadata(event& to, const term& meta) {
  const auto entries = meta.entries();
  for (std::size_t at = 0; at + 1 < entries.size(); at += 2) {
    const auto key = entries[at].as_atom();
    if (key) to.fields.emplace_back(std::string{key->text()}, entries[at + 1]);
  }
  const auto* const who = entry_of(meta, "pid"_atom);
  if (who != nullptr) to.process = who->as_pid().value_or(pid{});
}

event log_event(log_level level, std::string text) {
  event made;
  made.what = event::kind::log;
  made.level = level;
  made.text = std::move(text);
  return made;
}

event with_report(event made, const term& report) {
  made.fields.emplace_back("report", report);
  return made;
}

}  // namespace

std::optional<event> read_log_event(const term& told, std::size_t longest) {
  const bool with_format = etf::is_tagged(told, "log"_atom, 5);
  if (!with_format && !etf::is_tagged(told, "log"_atom, 4)) return std::nullopt;
  const auto parts = told.elements();
  const auto level = find_level(levels, parts[1]);
  if (!level || !parts.back().is_map()) return std::nullopt;
  event made;
  if (with_format) {
    made = log_event(*level, formatted(parts[2], parts[3], longest));
  } else if (auto text = as_string(parts[2], longest)) {
    made = log_event(*level, shortened(*std::move(text), longest));
  } else {
    made = with_report(log_event(*level, report_text(parts[2], longest)), parts[2]);
  }
  add_metadata(made, parts.back());
  return made;
}

std::optional<event> read_old_event(const term& told, std::size_t longest) {
  if (!etf::is_tagged(told, "notify"_atom, 2)) return std::nullopt;
  const auto& content = told.elements()[1];
  if (!content.is_tuple(3) || !content.elements()[2].is_tuple(3)) return std::nullopt;
  const auto outer = content.elements();
  const auto inner = outer[2].elements();
  const auto message = find_level(message_tags, outer[0]);
  const auto report = find_level(report_tags, outer[0]);
  if (!message && !report) return std::nullopt;
  auto made = message ? log_event(*message, formatted(inner[1], inner[2], longest))
                      : with_report(log_event(*report, shown(inner[2], longest)), inner[2]);
  if (report) made.fields.emplace_back("type", inner[1]);
  made.fields.emplace_back("gl", outer[1]);
  made.fields.emplace_back("pid", inner[0]);
  made.process = inner[0].as_pid().value_or(pid{});
  return made;
}

}  // namespace ergo::inline v0::kernel::detail
