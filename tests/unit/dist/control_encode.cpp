// Control messages on their way out: the right form for what was negotiated, and packets that say what was meant.
#include <ergo/dist/control_encode.hpp>

#include <catch2/catch_test_macros.hpp>

#include "control_fixture.hpp"

#include <type_traits>

using namespace ergo::test;
using dist::encode_errc;

namespace {

const etf::term hello = etf::tuple("hello"_atom, 5);
const flags all_flags[] = {with_none, with_23, with_25, with_29};

// Encodes any signal; what has a payload or a reason gets `term`.
template <typename Signal>
dist::encode_result put(etf::buffer& out, const Signal& signal, const etf::term& term, flags negotiated) {
  if constexpr (requires { dist::encode(out, signal, term, negotiated); })
    return dist::encode(out, signal, term, negotiated);
  else
    return dist::encode(out, signal, negotiated);
}

// The body of the only packet in the buffer.
std::string only_packet(const etf::buffer& out) {
  const std::string bytes = out.to_string();
  REQUIRE(bytes.size() >= 4);
  std::size_t length = 0;
  for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  REQUIRE(length == bytes.size() - 4);
  return bytes.substr(4);
}

// What the peer reads when we send `signal`; it believes to talk to the node "peer@h", so senders are `theirs`.
template <typename Signal>
dist::received_control sent(const Signal& signal, flags negotiated, const etf::term& term = hello) {
  etf::buffer out;
  REQUIRE(put(out, signal, term, negotiated));
  const std::string packet = only_packet(out);
  const auto got = dist::decode_control(view(packet), context(negotiated));
  REQUIRE(got);
  if (!got->payload.empty()) {
    CHECK(etf::decode_bare(got->payload)->value == term);
  } else if (got->reason) {
    CHECK(*got->reason == term);
  }
  return *got;
}

template <typename Signal>
operation form(const Signal& signal, flags negotiated) {
  const auto got = sent(signal, negotiated);
  CHECK(got.message == control::message{signal});
  return got.op;
}

template <typename Signal>
void is_refused(const Signal& signal, flags negotiated) {
  etf::buffer out;
  out.append("before");
  const auto got = put(out, signal, hello, negotiated);
  REQUIRE_FALSE(got);
  CHECK(got.error() == encode_errc::not_negotiated);
  CHECK(out.to_string() == "before");
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

}  // namespace

TEST_CASE("messages name their sender where the peer can read it") {
  const control::send signal{theirs, ours};
  CHECK(form(signal, with_29) == operation::send_sender);
  CHECK(form(signal, with_23) == operation::send_sender);
  const auto old = sent(signal, with_none);
  CHECK(old.op == operation::send);
  CHECK(old.message == control::message{control::send{std::nullopt, ours}});
  CHECK(form(control::send{std::nullopt, ours}, with_29) == operation::send);
}

TEST_CASE("messages to names have one form") {
  for (flags f : all_flags) CHECK(form(control::reg_send{theirs, "net_kernel"_atom}, f) == operation::reg_send);
}

TEST_CASE("messages to aliases have the newest form that was negotiated") {
  const control::alias_send signal{theirs, alias};
  CHECK(form(signal, with_29) == operation::altact_sig_send);
  CHECK(form(signal, with_25) == operation::alias_send);
  is_refused(signal, with_23);
}

TEST_CASE("priority is sent where it is understood and dropped elsewhere") {
  const auto urgent = control::urgency::priority;
  CHECK(form(control::send{theirs, ours, urgent}, with_29) == operation::altact_sig_send);
  CHECK(form(control::reg_send{theirs, "rex"_atom, urgent}, with_29) == operation::altact_sig_send);
  CHECK(form(control::alias_send{theirs, alias, urgent}, with_29) == operation::altact_sig_send);
  CHECK(form(control::exit2{theirs, ours, urgent}, with_29) == operation::altact_sig_send);
  CHECK(sent(control::send{theirs, ours, urgent}, with_25).message == control::message{control::send{theirs, ours}});
  CHECK(sent(control::reg_send{theirs, "rex"_atom, urgent}, with_25).op == operation::reg_send);
  CHECK(sent(control::alias_send{theirs, alias, urgent}, with_25).op == operation::alias_send);
  CHECK(sent(control::exit2{theirs, ours, urgent}, with_25).op == operation::payload_exit2);
}

TEST_CASE("exit reasons are payload where that was negotiated and operands elsewhere") {
  const control::exit exit{theirs, ours};
  const control::exit2 exit2{theirs, ours};
  const control::down down{theirs, ours, ref};
  const control::down name_down{"rex"_atom, ours, ref};
  for (flags f : {with_29, with_25, with_23}) {
    CHECK(form(exit, f) == operation::payload_exit);
    CHECK(form(exit2, f) == operation::payload_exit2);
    CHECK(form(down, f) == operation::payload_monitor_p_exit);
    CHECK(form(name_down, f) == operation::payload_monitor_p_exit);
  }
  CHECK(form(exit, with_none) == operation::exit);
  CHECK(form(exit2, with_none) == operation::exit2);
  CHECK(form(down, with_none) == operation::monitor_p_exit);
  CHECK(form(name_down, with_none) == operation::monitor_p_exit);
}

TEST_CASE("exits to aliases and names need the newest form") {
  for (const control::destination& to : {control::destination{alias}, control::destination{"rex"_atom}}) {
    CHECK(form(control::exit2{theirs, to}, with_29) == operation::altact_sig_send);
    is_refused(control::exit2{theirs, to}, with_25);
  }
}

TEST_CASE("unlink has an id where that was negotiated and is acknowledged only there") {
  for (std::uint64_t id : {std::uint64_t{1}, std::uint64_t{INT64_MAX}, UINT64_MAX}) {
    CHECK(form(control::unlink{id, theirs, ours}, with_25) == operation::unlink_id);
    CHECK(form(control::unlink_ack{id, theirs, ours}, with_25) == operation::unlink_id_ack);
  }
  const auto old = sent(control::unlink{7, theirs, ours}, with_23);
  CHECK(old.op == operation::unlink);
  CHECK(old.message == control::message{control::unlink{0, theirs, ours}});
  is_refused(control::unlink_ack{7, theirs, ours}, with_23);
}

TEST_CASE("links, monitors and group leaders have one form") {
  for (flags f : all_flags) {
    CHECK(form(control::link{theirs, ours}, f) == operation::link);
    CHECK(form(control::monitor{theirs, ours, ref}, f) == operation::monitor_p);
    CHECK(form(control::monitor{theirs, "rex"_atom, ref}, f) == operation::monitor_p);
    CHECK(form(control::demonitor{theirs, ours, ref}, f) == operation::demonitor_p);
    CHECK(form(control::demonitor{theirs, "rex"_atom, ref}, f) == operation::demonitor_p);
    CHECK(form(control::group_leader{third, ours}, f) == operation::group_leader);
  }
}

TEST_CASE("spawn requests and their answers say what was meant") {
  const control::spawn_request request{
      ref, theirs, third, "erpc"_atom, "execute_call"_atom, 4, etf::list("monitor"_atom)};
  CHECK(form(request, with_23) == operation::spawn_request);
  is_refused(request, with_none);
  for (bool linked : {false, true})
    for (bool monitored : {false, true})
      CHECK(form(control::spawn_reply{ref, ours, linked, monitored, theirs}, with_23) == operation::spawn_reply);
  CHECK(form(control::spawn_reply{ref, ours, false, false, "system_limit"_atom}, with_23) == operation::spawn_reply);
}

TEST_CASE("packets have the bytes of the protocol") {
  const etf::pid c{node("c@h", 0x11), 5, 6};
  etf::buffer out;
  REQUIRE(dist::encode(out, control::reg_send{c, "rex"_atom}, etf::term{1}, with_29));
  CHECK(hex(out.to_string()) ==
        "00000022"
        "70"
        "83"
        "6804"
        "6106"
        "587703634068"
        "000000050000000600000011"
        "7700"
        "7703726578"
        "836101");
  out.clear();
  REQUIRE(dist::encode(out, control::send{c, c}, etf::term{1}, with_29));
  CHECK(hex(out.to_string()) ==
        "0000002d"
        "70"
        "83"
        "6803"
        "6116"
        "587703634068"
        "000000050000000600000011"
        "587703634068"
        "000000050000000600000011"
        "836101");
  out.clear();
  REQUIRE(dist::encode(out, control::link{c, c}, with_29));
  CHECK(hex(out.to_string()) ==
        "0000002a"
        "70"
        "83"
        "6803"
        "6101"
        "587703634068"
        "000000050000000600000011"
        "587703634068"
        "000000050000000600000011");
}

TEST_CASE("packets follow each other in one buffer") {
  etf::buffer out;
  for (int i = 0; i < 3; ++i) REQUIRE(dist::encode(out, control::send{theirs, ours}, etf::term{i}, with_29));
  dist::append_tick(out);
  dist::receive_buffer in;
  in.feed(view(out.to_string()));
  for (int i = 0; i < 3; ++i) {
    const auto packet = in.next();
    REQUIRE(packet.what == dist::receive_buffer::outcome::packet);
    const auto got = dist::decode_control(packet.body, context());
    REQUIRE(got);
    CHECK(etf::decode_bare(got->payload)->value == etf::term{i});
  }
  CHECK(in.next().what == dist::receive_buffer::outcome::tick);
}

TEST_CASE("large binaries are referred to, not copied, and are counted in the length") {
  const etf::term large = etf::adopt_binary(std::string(100'000, 'x'));
  etf::buffer out;
  REQUIRE(dist::encode(out, control::send{theirs, ours}, large, with_29, {.gather_from = 4096}));
  CHECK(out.bytes().size() < 200);
  CHECK(out.pieces().size() == 1);
  const std::string packet = only_packet(out);
  const auto got = dist::decode_control(view(packet), context());
  REQUIRE(got);
  CHECK(etf::decode_bare(got->payload)->value == large);
}

TEST_CASE("a packet that is too long is an error") {
  const etf::term piece = etf::adopt_binary(std::string(64U << 20, 'x'));
  const std::vector<etf::term> pieces(33, piece);
  etf::buffer out;
  const auto got =
      dist::encode(out, control::send{theirs, ours}, etf::make_list(pieces), with_29, {.gather_from = 4096});
  REQUIRE_FALSE(got);
  CHECK(got.error() == encode_errc::too_long);
}
