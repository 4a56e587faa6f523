// What the command line of peer.erl means, and the start of a node by it.
#include <ergo/launch.hpp>

#include "origin.hpp"

#include <ergo/etf/codec.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace ergo::inline v0::kernel {
namespace {

std::unexpected<error> refuse(const std::string& sentence) { return fail(errc::badarg, etf::binary(sentence)); }

bool is_flag(std::string_view word) noexcept { return word.starts_with('-') || word.starts_with('+'); }

// The flags with what is behind them, as OTP's init reads them; without those of the emulator, and what is for nobody.
std::vector<launch_flag> flags_of(std::span<const std::string_view> words) {
  std::vector<launch_flag> flags;
  for (std::size_t place = 0; place < words.size() && words[place] != "-extra";) {
    const auto word = words[place++];
    std::vector<std::string> values;
    while (place < words.size() && !is_flag(words[place])) values.emplace_back(words[place++]);
    if (word.starts_with('-') && word != "--") flags.push_back({std::string{word.substr(1)}, std::move(values)});
  }
  return flags;
}

// Standard base64, as `base64:encode_to_string/1` writes it; nothing for anything else.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const char one : text) {
    const auto value = digits.find(one);
    if (value == digits.npos) return std::nullopt;
    held = (held << 6U | static_cast<std::uint32_t>(value)) & 0xFFFFU;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits);
  }
  return bytes;
}

template <typename Number>
std::optional<Number> number_of(const std::string& text) {
  Number value{};
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(at, begin), text.size());
    if (end != begin) parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

void lead_to_nowhere(int from, std::initializer_list<int> descriptors) {
  for (const int one : descriptors) ::dup2(from, one);
}

// Standard error stays until the program has started, so that a start that fails can say why.
result<void> leave_terminal() {
  const auto child = ::fork();
  if (child < 0) return refuse("cannot detach: " + std::string{std::strerror(errno)});
  if (child > 0) ::_exit(0);
  ::setsid();
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere < 0) return refuse("cannot open /dev/null: " + std::string{std::strerror(errno)});
  lead_to_nowhere(nowhere, {STDIN_FILENO, STDOUT_FILENO});
  ::close(nowhere);
  return {};
}

event readable_cookie() {
  return {.what = event::kind::cluster,
          .level = log_level::warning,
          .text =
              "the cookie came by the command line (-setcookie), where every user of this computer could read it "
              "until this program had started; prefer a cookie file",
          .reason = {}};
}

// The secret must not stay readable in the process list.
void hide_cookies(int argc, char** argv) {
  bool hides = false;
  for (int index = 1; index < argc; ++index) {
    const std::string_view word{argv[index]};
    if (hides && !is_flag(word)) std::fill_n(argv[index], word.size(), 'x');
    if (is_flag(word)) hides = word == "-setcookie";
  }
}

}  // namespace

/// Takes one flag after the other.
class launch_reader {
 public:
  explicit launch_reader(launch& into) noexcept : into_{into} {}

  [[nodiscard]] result<void> take(launch_flag flag) {
    static constexpr auto known = std::to_array<std::pair<std::string_view, result<void> (launch_reader::*)(values)>>({
        {"sname", &launch_reader::take_short_name},
        {"name", &launch_reader::take_long_name},
        {"setcookie", &launch_reader::take_cookie},
        {"hidden", &launch_reader::take_hidden},
        {"detached", &launch_reader::take_detached},
        {"origin", &launch_reader::take_origin},
        {"env", &launch_reader::take_variable},
        {"proto_dist", &launch_reader::take_carrier},
        {"start_epmd", &launch_reader::take_epmd},
        {"connect_all", &launch_reader::take_mesh},
        {"kernel", &launch_reader::take_settings},
        {"user", &launch_reader::ignore},
        {"peer_detached", &launch_reader::ignore},
        {"noinput", &launch_reader::ignore},
        {"noshell", &launch_reader::ignore},
    });
    static constexpr auto erlang_only = std::to_array<std::string_view>({"eval", "s", "run", "remsh"});
    if (std::ranges::find(erlang_only, flag.name) != erlang_only.end())
      return refuse("-" + flag.name + " needs Erlang's virtual machine, which this program is not");
    const auto found =
        std::ranges::find_if(known, [&](const auto& entry) { return entry.first == std::string_view{flag.name}; });
    if (found != known.end()) return (this->*found->second)(flag.values);
    into_.others_.push_back(std::move(flag));
    return {};
  }

 private:
  using values = const std::vector<std::string>&;

  result<void> take_short_name(values given) { return take_name(given, name_kind::short_names); }
  result<void> take_long_name(values given) { return take_name(given, name_kind::long_names); }
  result<void> take_name(values given, name_kind kind) {
    if (given.size() != 1) return refuse("-sname and -name want one name");
    into_.name_ = given.front();
    into_.names_ = kind;
    return {};
  }
  result<void> take_cookie(values given) {
    if (given.empty() || given.size() > 2) return refuse("-setcookie wants a cookie, or a node and a cookie");
    if (given.size() == 1) {
      into_.cookie_ = given.front();
    } else {
      into_.peer_cookies_[given.front()] = given.back();
    }
    return {};
  }
  result<void> take_hidden(values /*given*/) {
    into_.hidden_ = true;
    return {};
  }
  result<void> take_detached(values /*given*/) {
    into_.detached_ = true;
    return {};
  }
  result<void> take_origin(values given) {
    if (given.size() == 2) {
      const auto port = number_of<std::uint16_t>(given[1]);
      into_.addresses_ = split(given[0], ',');
      if (!port || into_.addresses_.empty()) return refuse("-origin wants addresses with commas, and a port");
      into_.port_ = *port;
      into_.by_ = launch::carrier::tcp;
      return {};
    }
    const auto bytes = given.size() == 1 ? decode_base64(given.front()) : std::nullopt;
    const auto read = bytes ? etf::decode_all(std::as_bytes(std::span{*bytes})) : std::unexpected{etf::error{}};
    const auto origin = read ? read->as_pid() : std::nullopt;
    if (!origin) return refuse("-origin wants a process in base64, or addresses and a port");
    into_.origin_ = *origin;
    into_.by_ = launch::carrier::distribution;
    return {};
  }
  result<void> take_variable(values given) {
    if (given.empty() || given.size() > 2) return refuse("-env wants a variable and its value");
    into_.environment_.emplace_back(given.front(), given.size() == 2 ? given.back() : std::string{});
    return {};
  }
  result<void> take_carrier(values given) {
    const auto name = given.size() == 1 ? std::string_view{given.front()} : std::string_view{};
    into_.encrypted_ = name == "inet_tls" || name == "inet6_tls";
    if (into_.encrypted_ || name == "inet_tcp" || name == "inet6_tcp") return {};
    return refuse("-proto_dist knows inet_tcp, inet6_tcp, inet_tls and inet6_tls");
  }
  result<void> take_epmd(values given) {
    into_.starts_epmd_ = given.size() != 1 || given.front() != "false";
    return {};
  }
  result<void> take_mesh(values given) {
    into_.connects_all_ = given.size() != 1 || given.front() != "false";
    return {};
  }
  result<void> take_settings(values given) {
    for (std::size_t place = 0; place + 1 < given.size(); place += 2) {
      const auto& name = given[place];
      const auto& text = given[place + 1];
      if (take_switch(name, text == "true")) continue;
      if (auto taken = take_number(name, text); !taken) return taken;
    }
    return {};
  }
  bool take_switch(std::string_view name, bool is_on) {
    if (name == "connect_all") {
      into_.connects_all_ = is_on;
    } else if (name == "start_pg") {
      into_.starts_pg_ = is_on;
    } else if (name == "prevent_overlapping_partitions") {
      into_.prevents_partitions_ = is_on;
    } else {
      return false;
    }
    return true;
  }
  result<void> take_number(std::string_view name, const std::string& text) {
    const auto number = number_of<std::uint16_t>(text);
    const bool is_port = name == "inet_dist_listen_min" || name == "inet_dist_listen_max";
    if (!is_port && name != "net_ticktime" && name != "net_tickintensity") {
      into_.others_.push_back({"kernel", {std::string{name}, text}});
      return {};
    }
    if (!number) return refuse("-kernel " + std::string{name} + " wants a number up to 65535, not " + text);
    if (name == "net_ticktime") into_.tick_time_ = std::chrono::seconds{*number};
    if (name == "net_tickintensity") into_.tick_intensity_ = *number;
    if (name == "inet_dist_listen_min") into_.listen_min_ = number;
    if (name == "inet_dist_listen_max") into_.listen_max_ = number;
    return {};
  }
  result<void> ignore(values /*given*/) { return {}; }

  launch& into_;
};

result<std::optional<launch>> launch::parse(std::span<const std::string_view> words) {
  auto flags = flags_of(words.empty() ? words : words.subspan(1));
  const bool by_peer = std::ranges::any_of(flags, [](const launch_flag& one) {
    return one.name == "user" && one.values.size() == 1 && one.values.front() == "peer";
  });
  if (!by_peer) return std::nullopt;
  launch made;
  launch_reader reader{made};
  for (auto& flag : flags) {
    if (auto taken = reader.take(std::move(flag)); !taken) return std::unexpected{taken.error()};
  }
  if (made.by_ == carrier::distribution && !made.name_) return refuse("-origin with a process wants -sname or -name");
  if (made.by_ == carrier::standard_io && made.detached_)
    return refuse("-detached leaves no standard input to be told by: it wants -origin");
  return made;
}

result<std::optional<launch>> launch::read(int argc, char** argv) {
  const std::vector<std::string_view> words(argv, argv + argc);
  auto made = parse(words);
  if (!made || !*made) return made;
  hide_cookies(argc, argv);
  for (const auto& [name, value] : (*made)->environment_) ::setenv(name.c_str(), value.c_str(), 1);
  std::signal(SIGPIPE, SIG_IGN);  // who has started us may close our output
  if (!(*made)->detached_) return made;
  if (auto left = leave_terminal(); !left) return std::unexpected{left.error()};
  return made;
}

node_options launch::configured(node_options own) const {
  own.name = name_.value_or("nonode@nohost");
  own.names = names_;
  own.named_by.clear();
  own.visibility = hidden_ ? visibility::hidden : visibility::visible;
  if (cookie_) own.cookie = *cookie_;
  if (!name_ && own.cookie.empty()) own.cookie = "nocookie";  // nobody is to show it
  for (const auto& [node, cookie] : peer_cookies_) own.peer_cookies.insert_or_assign(node, cookie);
  if (tick_time_) own.net_ticktime = *tick_time_;
  if (tick_intensity_) own.tick_intensity = *tick_intensity_;
  if (listen_min_) own.listen_port_min = *listen_min_;
  if (listen_max_) own.listen_port_max = *listen_max_;
  if (!starts_epmd_ && own.epmd == epmd_mode::embedded) own.epmd = epmd_mode::client_only;
  // Whoever has started a program may end it, from wherever.
  if (by_ == carrier::distribution)
    own.grants.insert(own.grants.begin(), {std::string{origin_.node.name().text()}, right::all});
  return own;
}

options launch::configured_services(options own) const {
  own.visibility = hidden_ ? visibility::hidden : visibility::visible;
  own.global = own.global && connects_all_ && name_.has_value();
  own.prevent_overlapping_partitions = prevents_partitions_.value_or(own.prevent_overlapping_partitions);
  own.user.enabled = false;  // what is printed goes to the origin
  const auto usual = "pg"_atom;
  if (starts_pg_ && std::ranges::find(own.pg_scopes, usual) == own.pg_scopes.end()) own.pg_scopes.push_back(usual);
  return own;
}

result<std::unique_ptr<node>> launch::start(node_options own, options services, runtime_options runtime) const {
  if (encrypted_ && !own.tls) return refuse("-proto_dist inet_tls wants a program with certificates of its own");
  auto wanted = configured(std::move(own));
  const auto& tell = wanted.on_event ? wanted.on_event : runtime.on_event;
  if (tell && (cookie_ || !peer_cookies_.empty())) tell(readable_cookie());
  if (by_ != carrier::distribution) {
    wanted.boot = [from = *this, after = std::move(wanted.boot)](node& on) -> result<void> {
      auto ends =
          from.by_ == carrier::tcp ? detail::connect_origin(from.addresses_, from.port_) : detail::take_standard_io();
      if (!ends) return std::unexpected{ends.error()};
      const auto how = from.by_ == carrier::tcp ? detail::framing::lengths : detail::framing::half_bytes;
      if (auto begun = detail::serve_channel(on, *std::move(ends), how); !begun || !after) return begun;
      return after(on);
    };
  }
  auto made = kernel::start(std::move(wanted), configured_services(std::move(services)), std::move(runtime));
  if (!made || by_ != carrier::distribution) return made;
  if (auto met = detail::meet_origin(**made, origin_); !met) return std::unexpected{met.error()};
  return made;
}

void launch::started(node& on) const {
  if (by_ == carrier::distribution) {
    on.send(origin_, etf::tuple("started"_atom, on.name()));
  } else {
    on.send("user"_atom, etf::tuple("init"_atom, "started"_atom));
  }
  const int nowhere = detached_ ? ::open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
  if (nowhere < 0) return;
  lead_to_nowhere(nowhere, {STDERR_FILENO});
  ::close(nowhere);
}

}  // namespace ergo::inline v0::kernel
