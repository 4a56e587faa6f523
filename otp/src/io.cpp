// The client's side of the I/O protocol, after OTP's io.erl.
#include <ergo/otp/io.hpp>

#include <ergo/local_node.hpp>
#include <ergo/otp/io_format.hpp>

#include <utility>

namespace ergo::inline v0::otp::io {
namespace {

bool is_self(const process& self, const destination& device) {
  if (!device.by_name()) return device.process() == self.id();
  const bool here = device.node() == atom{} || device.node() == self.node().name();
  return here && self.node().whereis(device.name()) == self.id();
}

// How a monitor tells that there is no answer to come.
error as_error(const destination& device, const down& ended, const process& self) {
  const auto& why = ended.reason;
  if (why.is("noproc"_atom)) return errc::noproc;
  if (!why.is("noconnection"_atom)) return {errc::exited, why.value()};
  if (!device.by_name()) return {errc::nodedown, device.process().node.name()};
  return {errc::nodedown, device.node() == atom{} ? self.node().name() : device.node()};
}

std::unexpected<error> refused(const term& reply) {
  if (!etf::is_tagged(reply, "error"_atom, 2)) return fail(errc::bad_answer, reply);
  const auto& why = reply.elements()[1];
  // Some old devices know only {error, request}.
  const bool unknown = why.is("enotsup"_atom) || why.is("request"_atom);
  return fail(unknown ? errc::not_supported : errc::badarg, why);
}

ergo::result<void> as_done(const ergo::result<term>& reply) {
  if (!reply) return std::unexpected{reply.error()};
  if (!reply->is("ok"_atom)) return refused(*reply);
  return {};
}

ergo::result<std::optional<std::string>> as_input(const ergo::result<term>& reply) {
  if (!reply) return std::unexpected{reply.error()};
  if (reply->is("eof"_atom)) return std::nullopt;
  if (reply->is_binary()) return std::string{reply->bytes()};
  if (!reply->is_list()) return refused(*reply);
  auto text = reply->as_text();
  if (!text) return refused(*reply);
  return text;
}

task<ergo::result<void>> put(process& self, destination device, ergo::result<std::string> text) {
  if (!text) co_return std::unexpected{text.error()};
  auto wanted = etf::tuple("put_chars"_atom, "unicode"_atom, etf::adopt_binary(*std::move(text)));
  const auto reply = co_await request(self, device, std::move(wanted));
  co_return as_done(reply);
}

task<ergo::result<std::optional<std::string>>> read(process& self, destination device, term wanted) {
  const auto reply = co_await request(self, device, std::move(wanted));
  co_return as_input(reply);
}

ergo::result<std::string> formatted(std::string_view format, const term& arguments) {
  auto text = io_format(etf::text_list(format), arguments);
  if (text) return *std::move(text);
  return text.error() == io_format_error::too_big ? fail(errc::system_limit, "io_format"_atom)
                                                  : fail(errc::badarg, "format"_atom);
}

}  // namespace

destination default_device(const process& self) {
  if (self.group_leader() == pid{}) return {"user"_atom};
  return {self.group_leader()};
}

task<ergo::result<term>> request(process& self, destination device, term what) {
  if (device.by_name() && device.node() == atom{} && device.name() == "standard_io"_atom) device = default_device(self);
  if (is_self(self, device)) co_return fail(errc::calling_self);
  const auto watch = self.monitor(device);
  self.send(device, etf::tuple("io_request"_atom, self.id(), watch.ref, what));
  const auto is_answer = [ref = watch.ref](const message& received) {
    if (const auto ended = received.as<down>()) return ended->ref == ref;
    if (received.kind() != ergo::detail::signal_kind::message) return false;
    const auto& told = received.payload();
    return etf::is_tagged(told, "io_reply"_atom, 3) && told.elements()[1].as_reference() == ref;
  };
  const auto answer = co_await self.receive_if(is_answer);
  if (const auto ended = answer.as<down>()) co_return std::unexpected{as_error(device, *ended, self)};
  self.demonitor(watch, demonitor_mode::flush);
  co_return answer.payload().elements()[2];
}

task<ergo::result<void>> put_chars(process& self, destination device, std::string text) {
  return put(self, device, std::move(text));
}

task<ergo::result<void>> put_chars(process& self, std::string text) {
  return put(self, default_device(self), std::move(text));
}

task<ergo::result<void>> format(process& self, destination device, std::string_view format, const term& arguments) {
  return put(self, device, formatted(format, arguments));
}

task<ergo::result<void>> format(process& self, std::string_view format, const term& arguments) {
  return put(self, default_device(self), formatted(format, arguments));
}

task<ergo::result<std::optional<std::string>>> get_line(process& self, destination device, std::string prompt) {
  return read(self, device, etf::tuple("get_line"_atom, "unicode"_atom, etf::adopt_binary(std::move(prompt))));
}

task<ergo::result<std::optional<std::string>>> get_line(process& self, std::string prompt) {
  return get_line(self, default_device(self), std::move(prompt));
}

task<ergo::result<std::optional<std::string>>> get_chars(process& self, destination device, std::string prompt,
                                                         std::size_t count) {
  return read(self, device, etf::tuple("get_chars"_atom, "unicode"_atom, etf::adopt_binary(std::move(prompt)), count));
}

task<ergo::result<std::optional<std::string>>> get_chars(process& self, std::string prompt, std::size_t count) {
  return get_chars(self, default_device(self), std::move(prompt), count);
}

}  // namespace ergo::inline v0::otp::io
