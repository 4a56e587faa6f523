// Peers of peer.erl: its io server, its relay, and its supervision.
#include "origin.hpp"

#include <ergo/asio.hpp>
#include <ergo/etf/codec.hpp>
#include <ergo/guard.hpp>
#include <ergo/rpc.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <future>
#include <memory>
#include <optional>

namespace ergo::inline v0::kernel::detail {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t longest_frame = 512U << 20;  // that is what a message may be
constexpr std::size_t chunk = 64U << 10;
constexpr timeval connect_limit{.tv_sec = 10, .tv_usec = 0};  // as in peer.erl
constexpr auto answer_limit = 5s;

// ----- the alternative connection -----------------------------------------------------------------------------------

// How a called function ended, as peer.erl's do_call tells it: a class, and `{Reason, StackTrace}` unless it is `ok`.
std::pair<atom, term> told_as(const result<term>& outcome) {
  if (outcome) return {"ok"_atom, *outcome};
  const auto& failed = outcome.error();
  switch (failed.code()) {
    case errc::remote_throw: return {"throw"_atom, etf::tuple(failed.context(), term{})};
    case errc::remote_exit: return {"exit"_atom, etf::tuple(failed.context(), term{})};
    case errc::remote_error: return {"error"_atom, failed.context()};
    case errc::exited: return {"crash"_atom, failed.context()};
    default: return {"error"_atom, etf::tuple(failed.reason(), term{})};
  }
}

task<> answer_call(process& self, pid user, term request) {
  const auto parts = request.elements();
  const rpc::at here{self.node().name(), forever};
  const rpc::detail::function_call what{*parts[2].as_atom(), *parts[3].as_atom(), parts[4]};
  rpc::typed_call<term> calling{self, here, what};
  const auto outcome = co_await calling;
  const auto how = told_as(outcome);
  self.send(user, etf::tuple("reply"_atom, parts[1], how.first, how.second));
}

bool names_function(std::span<const term> parts) {
  return parts[0].as_atom() && parts[1].as_atom() && parts[2].is_list() && parts[2].list_tail().is_nil();
}

// What the origin wants; what it never says is ignored.
void obey(process& self, const pid& user, const term& order) {
  const auto parts = order.elements();
  if (etf::is_tagged(order, "call"_atom, 5) && names_function(parts.subspan(2))) {
    spawn_options options;
    options.group_leader = user;
    (void)self.try_spawn(options, make_body(answer_call, user, order));
  } else if (etf::is_tagged(order, "cast"_atom, 4) && names_function(parts.subspan(1))) {
    rpc::detail::cast(self, self.node().name(), {*parts[1].as_atom(), *parts[2].as_atom(), parts[3]});
  } else if (etf::is_tagged(order, "message"_atom, 3)) {
    if (const auto to = destination::from(parts[1])) self.send(*to, parts[2]);
  } else if (etf::is_tagged(order, "io_reply"_atom, 4)) {
    if (const auto to = parts[1].as_pid()) self.send(*to, etf::tuple("io_reply"_atom, parts[2], parts[3]));
  }
}

task<exit_reason> read_origin(process& self, descriptor in, framing how, pid user) {
  asio::posix::stream_descriptor stream{reactor_of(self), in.release()};
  frame_reader frames{how, longest_frame};
  std::string room(chunk, '\0');
  const auto buffer = asio::buffer(room);
  for (;;) {
    const auto done = co_await stream.async_read_some(buffer, self.use());
    if (std::get<0>(done)) co_return exit_reason{"connection_closed"_atom};
    frames.feed(std::string_view{room}.substr(0, std::get<1>(done)));
    while (const auto bytes = frames.next()) {
      const auto order = etf::decode_all(std::as_bytes(std::span{*bytes}));
      if (!order) co_return exit_reason{"bad_term"_atom};
      obey(self, user, *order);
    }
    if (frames.broken()) co_return exit_reason{"bad_frame"_atom};
  }
}

// What goes to the origin of what `user` is told; nothing of anything else.
std::optional<term> for_origin(process& self, const message& told) {
  if (told.kind() != ergo::detail::signal_kind::message) return std::nullopt;
  const auto& content = told.payload();
  const auto parts = content.elements();
  if (etf::is_tagged(content, "io_request"_atom, 4) && parts[1].as_pid()) return content;
  if (etf::is_tagged(content, "reply"_atom, 4) || etf::is_tagged(content, "message"_atom, 3)) return content;
  if (etf::is_tagged(content, "init"_atom, 2)) return etf::tuple("started"_atom, self.node().name());
  return std::nullopt;
}

task<exit_reason> write_origin(process& self, descriptor out, framing how) {
  asio::posix::stream_descriptor stream{reactor_of(self), out.release()};
  for (;;) {
    const auto told = co_await self.receive_any();
    const auto content = for_origin(self, told);
    if (!content) continue;
    const auto bytes = framed(how, etf::encode_to_string(*content));
    const auto buffer = asio::buffer(bytes);
    const auto done = co_await asio::async_write(stream, buffer, self.use());
    if (std::get<0>(done)) co_return exit_reason{"connection_closed"_atom};
  }
}

// ----- distribution -------------------------------------------------------------------------------------------------

using outcome = std::shared_ptr<std::promise<result<void>>>;

// `user` of a peer without alternative connection: hands everything to the group leader of the origin.
//
// Its origin is not told `{starting, node()}`, as OTP 27's peers do: that asks for cover compilation, of which there is
// nothing here, and ends the origin of OTP 25, which does not know it.
task<exit_reason> relay(process& self, pid origin, outcome met) {
  const destination to{origin};
  const term question{"group_leader"_atom};
  const auto answer = co_await call(self, to, question, answer_limit);
  const auto leader = answer ? answer->as_pid() : std::nullopt;
  if (!leader) {
    met->set_value(answer ? fail(errc::bad_answer, *answer) : std::unexpected{answer.error()});
    co_return exit_reason{"no_origin"_atom};
  }
  met->set_value({});
  for (;;) {
    const auto told = co_await self.receive_any();
    self.send(*leader, told.to_term());
  }
}

// ----- both ---------------------------------------------------------------------------------------------------------

// Ends the program when one of `parts` ends; `shutdown` of one of this node says that it ends already.
task<> supervise(process& self, std::vector<pid> parts) {
  for (const auto& part : parts) (void)self.monitor(part);
  for (;;) {
    const auto ended = co_await self.receive<down>();
    const auto who = ended->object.as_pid();
    if (who && who->node == self.id().node && ended->reason.is("shutdown"_atom)) co_return;
    self.log(log_level::info, "ends with what has started it",
             {{"lost", ended->object}, {"reason", ended->reason.value()}});
    rpc::cast(self, self.node().name(), "init", "stop");
    co_return;
  }
}

result<void> start_supervision(node& on, std::vector<pid> parts) {
  spawn_options options;
  options.name = "peer_supervision"_atom;
  guard(on, options.name.text());
  guard(on, "user");
  const auto started = on.spawn(options, make_body(supervise, std::move(parts)));
  if (!started) return std::unexpected{started.error()};
  return {};
}

result<descriptor> connect_to(const std::string& address, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found); failed != 0)
    return fail(errc::nodedown, etf::binary(address + ": " + gai_strerror(failed)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
  descriptor made{::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  ::setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &connect_limit, sizeof connect_limit);
  if (::connect(made.get(), found->ai_addr, found->ai_addrlen) != 0)
    return fail(errc::nodedown, etf::binary(address + ": " + std::strerror(errno)));
  constexpr int on = 1;
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return made;
}

// Each direction is used by a process of its own.
result<channel_ends> both_ways(int in, int out) {
  channel_ends ends{descriptor{::fcntl(in, F_DUPFD_CLOEXEC, 3)}, descriptor{::fcntl(out, F_DUPFD_CLOEXEC, 3)}};
  if (ends.in.get() < 0 || ends.out.get() < 0) return fail(errc::system_limit, etf::binary(std::strerror(errno)));
  return ends;
}

}  // namespace

result<channel_ends> connect_origin(const std::vector<std::string>& addresses, std::uint16_t port) {
  result<descriptor> made = fail(errc::nodedown);
  for (const auto& address : addresses) {
    made = connect_to(address, port);
    if (made) return both_ways(made->get(), made->get());
  }
  return std::unexpected{made.error()};
}

result<channel_ends> take_standard_io() { return both_ways(STDIN_FILENO, STDOUT_FILENO); }

result<void> serve_channel(node& on, channel_ends ends, framing how) {
  spawn_options writing;
  writing.name = "user"_atom;
  writing.pinned = true;
  const auto user = on.spawn(writing, make_body(write_origin, std::move(ends.out), how));
  if (!user) return std::unexpected{user.error()};
  spawn_options reading;
  reading.pinned = true;
  reading.group_leader = *user;
  const auto reader = on.spawn(reading, make_body(read_origin, std::move(ends.in), how, *user));
  if (!reader) return std::unexpected{reader.error()};
  return start_supervision(on, {*user, *reader});
}

result<void> meet_origin(node& on, const pid& origin) {
  if (auto connected = on.connect(origin.node.name().text()); !connected) return connected;
  const auto met = std::make_shared<std::promise<result<void>>>();
  auto told = met->get_future();
  spawn_options options;
  options.name = "user"_atom;
  const auto user = on.spawn(options, make_body(relay, origin, met));
  if (!user) return std::unexpected{user.error()};
  if (told.wait_for(2 * answer_limit) != std::future_status::ready) return fail(errc::timeout);
  if (auto done = told.get(); !done) return done;
  return start_supervision(on, {origin, *user});
}

}  // namespace ergo::inline v0::kernel::detail
