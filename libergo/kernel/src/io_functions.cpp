#include "io_functions.hpp"

#include <ergo/otp/io.hpp>

#include <cstddef>
#include <initializer_list>
#include <span>
#include <utility>

namespace ergo::inline v0::kernel::detail {
namespace {

/// A device as `io` takes it: a pid, or the name of a process of this node.
result<destination> device_of(const process& self, const term& given) {
  const auto read = destination::from(given);
  if (!read || !read->by_name()) return read ? read : fail(errc::badarg);
  const bool there = read->name() == "standard_io"_atom || self.node().whereis(read->name());
  return there && read->node() == atom{} ? read : fail(errc::badarg);
}

// io:format fails with `badarg` for all that a device refuses, and with `terminated` where there is none.
result<term> as_result(const result<term>& reply) {
  if (!reply) return reply.error() == errc::calling_self ? reply : fail(errc::exited, "terminated"_atom);
  if (reply->is("ok"_atom)) return reply;
  const bool refused = etf::is_tagged(*reply, "error"_atom, 2);
  const bool lost = refused && reply->elements()[1].is("terminated"_atom);
  return lost ? fail(errc::exited, "terminated"_atom) : fail(errc::badarg);
}

task<result<term>> ask(process& self, result<destination> device, term request) {
  if (!device) co_return fail(errc::badarg);
  const auto reply = co_await otp::io::request(self, *device, std::move(request));
  co_return as_result(reply);
}

// What the device calls, as Erlang's `io` asks it to: also one of another node formats in its own way.
term call_of_io_lib(atom function, std::initializer_list<term> arguments) {
  return etf::tuple("put_chars"_atom, "unicode"_atom, "io_lib"_atom, function,
                    etf::make_list(std::span{arguments.begin(), arguments.size()}));
}

using arguments = std::span<const term>;

/// Provides `name` with and without a device as its first argument; `request` is made of the others.
void with_device(node& on, std::string_view name, std::size_t arity, term (*request)(arguments)) {
  (void)on.provide("io", name, arity, [request](process& self, arguments given) {
    return ask(self, otp::io::default_device(self), request(given));
  });
  (void)on.provide("io", name, arity + 1, [request](process& self, arguments given) {
    return ask(self, device_of(self, given[0]), request(given.subspan(1)));
  });
}

}  // namespace

void provide_io(node& on) {
  for (const auto* const name : {"format", "fwrite"}) {
    (void)on.provide("io", name, 1, [](process& self, arguments given) {
      return ask(self, otp::io::default_device(self), call_of_io_lib("format"_atom, {given[0], term{}}));
    });
    with_device(on, name, 2, [](arguments given) { return call_of_io_lib("format"_atom, {given[0], given[1]}); });
  }
  with_device(on, "put_chars", 1,
              [](arguments given) { return etf::tuple("put_chars"_atom, "unicode"_atom, given[0]); });
  (void)on.provide("io", "put_chars", 3, [](process& self, arguments given) {
    return ask(self, device_of(self, given[0]), etf::tuple("put_chars"_atom, given[1], given[2]));
  });
  with_device(on, "nl", 0,
              [](arguments /*none*/) { return etf::tuple("put_chars"_atom, "unicode"_atom, etf::binary("\n")); });
  with_device(on, "write", 1, [](arguments given) { return call_of_io_lib("write"_atom, {given[0]}); });
}

}  // namespace ergo::inline v0::kernel::detail
