// Messages as terms and as C++ types; destinations; errors and their Erlang reasons.
#include "fixture.hpp"

namespace ergo::test {
namespace {

const pid somebody{etf::node_id{}, 5, 1};
const reference ref{etf::node_id{}, 3, {1, 2, 3}};

message made(detail::signal_kind kind, const pid& from, term tag, term payload, atom name = {}) {
  auto* const envelope = detail::make_signal(kind, from, std::move(tag), std::move(payload));
  envelope->name = name;
  return message{envelope};
}

TEST_CASE("each kind of message is the term that an Erlang process would see") {
  using kind = detail::signal_kind;
  CHECK(made(kind::message, somebody, {}, 5).to_term() == term{5});
  CHECK(made(kind::timer_message, somebody, {}, 5).to_term() == term{5});
  CHECK(made(kind::cast, somebody, {}, 5).to_term() == etf::tuple("$gen_cast"_atom, 5));
  CHECK(made(kind::call, somebody, ref, 5).to_term() == etf::tuple("$gen_call"_atom, etf::tuple(somebody, ref), 5));
  CHECK(made(kind::exit_message, somebody, {}, "bad"_atom).to_term() == etf::tuple("EXIT"_atom, somebody, "bad"_atom));
  CHECK(made(kind::down, somebody, ref, "bad"_atom).to_term() ==
        etf::tuple("DOWN"_atom, ref, "process"_atom, somebody, "bad"_atom));
  CHECK(made(kind::down, somebody, ref, "bad"_atom, "name"_atom).to_term() ==
        etf::tuple("DOWN"_atom, ref, "process"_atom, etf::tuple("name"_atom, "nonode@nohost"_atom), "bad"_atom));
  CHECK(made(kind::node_down, {}, {}, "a@b"_atom).to_term() == etf::tuple("nodedown"_atom, "a@b"_atom));
}

TEST_CASE("a message converts to the type that fits it and to no other") {
  using kind = detail::signal_kind;
  const auto plain_one = made(kind::message, somebody, {}, 5);
  CHECK(plain_one.as<std::int64_t>() == 5);
  CHECK_FALSE(plain_one.as<std::string>());
  CHECK_FALSE(plain_one.as<down>());
  CHECK_FALSE(plain_one.as<exit_message>());
  CHECK(plain_one.is_info());
  const auto call_one = made(kind::call, somebody, ref, 5);
  CHECK(call_one.is_call());
  CHECK_FALSE(call_one.as<std::int64_t>());  // a request is no plain message
  CHECK(call_one.from().process == somebody);
  CHECK(call_one.from().to_term() == etf::tuple(somebody, ref));
  const auto down_one = made(kind::down, somebody, ref, "bad"_atom);
  REQUIRE(down_one.as<down>());
  CHECK(down_one.as<down>()->ref == ref);
  CHECK(down_one.as<down>()->reason == exit_reason{"bad"_atom});
  const auto node_one = made(kind::node_down, {}, {}, "a@b"_atom);
  CHECK(node_one.as<node_down>()->node == "a@b"_atom);
}

TEST_CASE("destinations are read from and written as the terms that Erlang's ! takes") {
  CHECK(destination::from(term{somebody}) == destination{somebody});
  CHECK(destination::from(term{"name"_atom}) == destination{"name"_atom});
  CHECK(destination::from(etf::tuple("name"_atom, "a@b"_atom)) == destination{"name"_atom, "a@b"_atom});
  for (const auto& wrong : {term{5}, etf::tuple("name"_atom, 5), etf::tuple("a"_atom, "b"_atom, "c"_atom), term{}}) {
    const auto read = destination::from(wrong);
    REQUIRE_FALSE(read);
    CHECK(read.error() == errc::badarg);
  }
  for (const auto& one : {destination{somebody}, destination{"name"_atom}, destination{"name"_atom, "a@b"_atom}}) {
    CHECK(destination::from(one.to_term()) == one);
  }
}

TEST_CASE("every error has an Erlang reason and a text") {
  struct row {
    errc code;
    term context;
    const char* reason;
  };
  const std::vector<row> rows{
      {errc::timeout, {}, "timeout"},
      {errc::noproc, {}, "noproc"},
      {errc::nodedown, "a@b"_atom, "{nodedown,a@b}"},
      {errc::exited, etf::tuple("bad"_atom, 1), "{bad,1}"},
      {errc::calling_self, {}, "calling_self"},
      {errc::badarg, 5, "{badarg,5}"},
      {errc::bad_answer, 5, "{bad_answer,5}"},
      {errc::name_taken, "n"_atom, "{name_taken,n}"},
      {errc::system_limit, "process_limit"_atom, "{system_limit,process_limit}"},
      {errc::busy, "a@b"_atom, "{busy,a@b}"},
      {errc::stopped, {}, "stopped"},
      {errc::not_alive, {}, "not_alive"},
      {errc::ignored, {}, "ignore"},
      {errc::not_found, {}, "not_found"},
      {errc::already_present, {}, "already_present"},
      {errc::cancelled, {}, "cancelled"},
      {errc::permission_denied, {}, "permission_denied"},
      {errc::not_supported, "a@b"_atom, "{notsup,a@b}"},
      {errc::remote_throw, 5, "{nocatch,5}"},
      {errc::remote_exit, "bye"_atom, "{exception,bye}"},
      {errc::remote_error, etf::tuple("undef"_atom, term{}), "{exception,{undef,[]}}"},
  };
  CHECK(rows.size() == static_cast<std::size_t>(errc::remote_error));
  for (const auto& one : rows) {
    CAPTURE(one.reason);
    const error failure{one.code, one.context};
    CHECK(text(failure.reason()) == one.reason);
    CHECK(failure == one.code);
    CHECK_FALSE(failure.message().empty());
    const std::error_code code = one.code;
    CHECK(code.category() == category());
    CHECK(code.message() != make_error_code(errc::ok).message());
  }
  CHECK(error{errc::nodedown, "a@b"_atom}.message() == "the node cannot be reached: a@b");
}

TEST_CASE("normal, shutdown and {shutdown, _} are ordinary ends") {
  CHECK(exit_reason{}.is_normal());
  CHECK(exit_reason{}.is_ordinary());
  CHECK(exit_reason{"shutdown"_atom}.is_ordinary());
  CHECK(exit_reason{etf::tuple("shutdown"_atom, 1)}.is_ordinary());
  CHECK_FALSE(exit_reason{etf::tuple("shutdown"_atom, 1, 2)}.is_ordinary());
  CHECK_FALSE(exit_reason{"killed"_atom}.is_ordinary());
  CHECK(exit_reason::from(error{errc::noproc}).is("noproc"_atom));
}

}  // namespace
}  // namespace ergo::test
