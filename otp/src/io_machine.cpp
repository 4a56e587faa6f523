// The server's side of the I/O protocol, after user.erl and group.erl.
#include "io_machine.hpp"

#include <algorithm>
#include <utility>

namespace ergo::inline v0::otp::io::detail {
namespace {

term refusal(const term& why) { return etf::tuple("error"_atom, why); }

bool is_proper_list(const term& value) noexcept { return value.is_list() && value.list_tail().is_nil(); }

std::optional<encoding> encoding_of(const term& name) {
  if (name.is("unicode"_atom)) return encoding::unicode;
  if (name.is("latin1"_atom)) return encoding::latin1;
  return std::nullopt;
}

// A request's elements behind its name, with the encoding that requests before OTP R13 do not name.
std::vector<term> with_encoding(std::span<const term> parts, std::size_t old_arity) {
  std::vector<term> all(parts.begin() + 1, parts.end());
  if (parts.size() == old_arity) all.insert(all.begin(), term{"latin1"_atom});
  return all;
}

// The options of `setopts`, read.
struct wanted_options {
  std::optional<bool> binary;
  std::optional<bool> echo;
  std::optional<encoding> bytes;
};

bool read_flag(std::optional<bool>& into, const term& value, bool meaning) {
  if (!value.is("true"_atom) && !value.is("false"_atom)) return false;
  into = value.is("true"_atom) == meaning;
  return true;
}

bool read_encoding(std::optional<encoding>& into, const term& name) {
  into = name.is("utf8"_atom) ? encoding::unicode : encoding_of(name);
  return into.has_value();
}

bool read_option(wanted_options& into, const term& option) {
  if (option.is("binary"_atom) || option.is("list"_atom)) {
    into.binary = option.is("binary"_atom);
    return true;
  }
  if (option.is_atom()) return read_encoding(into.bytes, option);
  if (!option.is_tuple(2)) return false;
  const auto& name = option.elements()[0];
  const auto& value = option.elements()[1];
  if (name.is("binary"_atom)) return read_flag(into.binary, value, true);
  if (name.is("list"_atom)) return read_flag(into.binary, value, false);
  if (name.is("echo"_atom)) return read_flag(into.echo, value, true);
  return name.is("encoding"_atom) && read_encoding(into.bytes, value);
}

// "\r\n" at the end of a line is one character to its reader.
std::string without_return(std::string line) {
  if (line.ends_with("\r\n")) line.erase(line.size() - 2, 1);
  return line;
}

}  // namespace

void io_machine::ask(const pid& from, const term& as, const term& request, const io_abilities& able) {
  able_ = able;
  running_ = job{from, as, {etf::list(request)}};
}

void io_machine::feed(std::string_view bytes) {
  wanting_ = false;
  if (!ended_) input_ += bytes;
}

void io_machine::end_input() {
  wanting_ = false;
  ended_ = true;
}

std::optional<io_step> io_machine::next() {
  for (;;) {
    if (running_) {
      if (auto step = advance()) return step;
    } else if (auto step = serve_reader()) {
      return step;
    } else if (!running_) {
      return std::nullopt;
    }
  }
}

void io_machine::written(const std::expected<void, term>& how) {
  if (std::exchange(prompting_, false)) return;
  if (running_) running_->last = how ? term{"ok"_atom} : refusal(how.error());
  if (!readers_.empty()) readers_.front().input.prompted = false;
}

// The next step of the job that runs; none when it waits for input.
std::optional<io_step> io_machine::advance() {
  auto& rest = running_->rest;
  while (!rest.empty() && !etf::is_tagged(running_->last, "error"_atom, 2)) {
    if (rest.back().is_nil()) {
      rest.pop_back();
      continue;
    }
    const auto request = rest.back().items()[0];
    rest.back() = rest.back().drop(1);
    if (auto step = perform(request)) return step;
    if (!running_) return std::nullopt;
  }
  io_reply done{running_->from, std::move(running_->as), std::move(running_->last)};
  running_.reset();
  return done;
}

// Lets whoever reads first go on, if there is input; else asks for some.
std::optional<io_step> io_machine::serve_reader() {
  if (readers_.empty()) return std::nullopt;
  auto& first = readers_.front();
  if (!std::exchange(first.input.prompted, true)) {
    if (auto prompt = prompt_text(first.input.prompt, encoding_); !prompt.empty()) {
      prompting_ = true;
      return io_write{printed(std::move(prompt), encoding_)};
    }
  }
  if (auto got = take_input(first.input)) {
    const auto given = read_as(*got, encoding_, {first.input.wanted, binary_});
    const bool nothing = got->empty() && first.input.characters != 0;
    first.last = nothing ? term{"eof"_atom} : given ? *given : given.error();
    running_ = std::move(first);
    readers_.pop_front();
    return std::nullopt;
  }
  if (std::exchange(wanting_, true)) return std::nullopt;
  return io_want{first.input.secret ? input_kind::secret : input_kind::plain};
}

// What a reader gets: empty at the end of the input. Nothing while there is too little.
std::optional<std::string> io_machine::take_input(reading& wanted) {
  bool there = false;
  if (wanted.characters) {
    wanted.seen = pass_characters(input_, wanted.seen, encoding_);
    there = wanted.seen.missing == 0;
  } else {
    const auto end = input_.find('\n', wanted.seen.bytes);
    there = end != std::string::npos;
    wanted.seen.bytes = there ? end + 1 : input_.size();
  }
  if (!there && !ended_) return std::nullopt;
  auto taken = input_.substr(0, there ? wanted.seen.bytes : input_.size());
  input_.erase(0, taken.size());
  return wanted.characters ? taken : without_return(std::move(taken));
}

// One request of the job that runs: prints, or sets its result, or makes it wait among the readers.
std::optional<io_step> io_machine::perform(const term& request) {
  auto& last = running_->last;
  const auto parts = request.elements();
  const auto is = [&](atom name, std::size_t arity) { return etf::is_tagged(request, name, arity); };
  if (is("put_chars"_atom, 2) || is("put_chars"_atom, 3)) {
    const auto all = with_encoding(parts, 2);
    return print(all[0], all[1]);
  }
  if (is("put_chars"_atom, 4) || is("put_chars"_atom, 5)) {
    const auto all = with_encoding(parts, 4);
    return print_result(all[0], std::span{all}.subspan(1));
  }
  if (is("get_line"_atom, 2) || is("get_line"_atom, 3)) {
    const auto all = with_encoding(parts, 2);
    read(all[0], all[1], nullptr);
  } else if (is("get_chars"_atom, 3) || is("get_chars"_atom, 4)) {
    const auto all = with_encoding(parts, 3);
    read(all[0], all[1], &all[2]);
  } else if (is("get_until"_atom, 5) || is("get_until"_atom, 6)) {
    last = refusal("enotsup"_atom);
  } else if (request.is("get_password"_atom) || is("get_password"_atom, 2)) {
    read_secret(parts.empty() ? term{"latin1"_atom} : parts[1]);
  } else if (is("requests"_atom, 2) && is_proper_list(parts[1])) {
    last = "ok"_atom;
    running_->rest.push_back(parts[1]);
  } else if (request.is("getopts"_atom)) {
    last = options();
  } else if (is("setopts"_atom, 2)) {
    last = set_options(parts[1]);
  } else if (is("get_geometry"_atom, 2)) {
    last = geometry_of(parts[1]);
  } else {
    last = refusal("request"_atom);
  }
  return std::nullopt;
}

std::optional<io_step> io_machine::print(const term& as, const term& characters) {
  const auto known = encoding_of(as);
  auto text = known ? etf::characters_of(characters, *known) : std::nullopt;
  if (text) return print_text(*std::move(text));
  running_->last = refusal(known ? "put_chars"_atom : "request"_atom);
  return std::nullopt;
}

// {put_chars, Encoding, Module, Function, Arguments}: `call` is what follows the encoding.
std::optional<io_step> io_machine::print_result(const term& as, std::span<const term> call) {
  const auto known = encoding_of(as);
  auto text = known ? result_of(call) : std::unexpected{term{"request"_atom}};
  const auto is_wide = [](char one) { return static_cast<unsigned char>(one) > 0xC3; };  // leads characters above 255
  if (text && known == encoding::latin1 && std::ranges::any_of(*text, is_wide)) text = std::unexpected{call[1]};
  if (text) return print_text(*std::move(text));
  running_->last = refusal(text.error());
  return std::nullopt;
}

std::optional<io_step> io_machine::print_text(std::string utf8) {
  return io_write{printed(std::move(utf8), encoding_)};
}

std::expected<std::string, io_format_error> io_machine::formatted(const term& format, const term& arguments) const {
  return io_format(format, arguments, {.unicode = options_.unicode, .characters = options_.characters});
}

// The functions that clients have called for them: nothing else is run for others.
std::expected<std::string, term> io_machine::result_of(std::span<const term> call) const {
  const auto& function = call[1];
  const auto refused = [&] { return std::unexpected{function.is_atom() ? function : term{"request"_atom}}; };
  if (!call[0].is("io_lib"_atom) || !is_proper_list(call[2])) return refused();
  const auto arguments = call[2].items();
  const auto is = [&](atom name, std::size_t arity) { return function.is(name) && arguments.size() == arity; };
  if (is("nl"_atom, 0)) return "\n";
  std::expected<std::string, io_format_error> text = std::unexpected{io_format_error::badarg};
  if (is("format"_atom, 2) || is("fwrite"_atom, 2)) text = formatted(arguments[0], arguments[1]);
  if (is("write"_atom, 1)) text = formatted(etf::binary("~w"), call[2]);
  if (is("print"_atom, 1)) text = formatted(etf::binary("~p"), call[2]);
  if (!text) return refused();
  return *std::move(text);
}

void io_machine::read(const term& as, const term& prompt, const term* count) {
  const auto known = encoding_of(as);
  const auto number = count != nullptr ? count->as_integer() : std::nullopt;
  if (!known || (count != nullptr && number.value_or(-1) < 0)) {
    running_->last = refusal("request"_atom);
    return;
  }
  reading wanted{.characters = std::nullopt, .wanted = *known, .prompt = prompt, .secret = !echo_};
  if (number) {
    wanted.characters = static_cast<std::size_t>(*number);
    wanted.seen.missing = *wanted.characters;
  }
  wait_for_input(std::move(wanted));
}

void io_machine::read_secret(const term& as) {
  const auto known = encoding_of(as);
  if (known && able_.keeps_secrets)
    return wait_for_input({.characters = std::nullopt, .wanted = *known, .prompt = ""_atom, .secret = true});
  running_->last = refusal(known ? "enotsup"_atom : "request"_atom);
}

// Whoever reads for the second time in one list of requests still has its turn.
void io_machine::wait_for_input(reading wanted) {
  running_->input = std::move(wanted);
  if (std::exchange(running_->has_read, true)) {
    readers_.push_front(*std::move(running_));
  } else {
    readers_.push_back(*std::move(running_));
  }
  running_.reset();
}

term io_machine::geometry_of(const term& which) const {
  const bool columns = which.is("columns"_atom);
  if (!columns && !which.is("rows"_atom)) return refusal("request"_atom);
  if (!able_.size) return refusal("enotsup"_atom);
  return term{columns ? able_.size->columns : able_.size->rows};
}

term io_machine::options() const {
  const auto name = encoding_ == encoding::latin1 ? "latin1"_atom : "unicode"_atom;
  return etf::list(etf::tuple("echo"_atom, echo_), etf::tuple("binary"_atom, binary_),
                   etf::tuple("encoding"_atom, name));
}

// All of them, or none.
term io_machine::set_options(const term& wanted) {
  wanted_options read;
  const bool known = is_proper_list(wanted) &&
                     std::ranges::all_of(wanted.items(), [&](const term& option) { return read_option(read, option); });
  if (!known || (!read.echo.value_or(true) && !able_.keeps_secrets)) return refusal("enotsup"_atom);
  binary_ = read.binary.value_or(binary_);
  echo_ = read.echo.value_or(echo_);
  encoding_ = read.bytes.value_or(encoding_);
  return "ok"_atom;
}

}  // namespace ergo::inline v0::otp::io::detail
