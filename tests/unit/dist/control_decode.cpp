// Control messages: every operation is understood, every damage to any of them is refused as a whole (attack S14).
#include <ergo/dist/control_decode.hpp>
#include <ergo/etf/big_integer.hpp>

#include <catch2/catch_test_macros.hpp>

#include "control_fixture.hpp"

#include <map>
#include <random>
#include <set>

using namespace ergo::test;

namespace {

etf::term with_element(const etf::term& tuple, std::size_t element, const etf::term& value) {
  std::vector<etf::term> elements(tuple.elements().begin(), tuple.elements().end());
  elements[element - 1] = value;
  return etf::make_tuple(elements);
}

control_errc refusal(const etf::term& tuple, flags negotiated = with_29) {
  const auto got = dist::read_control(tuple, context(negotiated));
  REQUIRE_FALSE(got);
  return got.error().code;
}

// One term of every kind.
std::vector<etf::term> strangers() {
  return {etf::term{},
          etf::term{5},
          etf::term{-1},
          etf::term{UINT64_MAX},
          etf::term{2.5},
          etf::term{"name"_atom},
          etf::term{theirs},
          etf::term{ref},
          etf::term{etf::port{node("peer@h", 9), 5}},
          etf::tuple(),
          etf::tuple("a"_atom, "b"_atom, 1),
          etf::list(1, 2),
          etf::make_list(std::vector<etf::term>{1}, 2),
          etf::binary("bytes"),
          etf::make_map(std::vector<etf::term>{1, 2}),
          etf::external_fun("m"_atom, "f"_atom, 1)};
}

// What an element of an operation may be, in one word per element after the operation.
const std::map<operation, std::vector<std::string_view>>& element_kinds() {
  static const std::map<operation, std::vector<std::string_view>> kinds{
      {operation::link, {"sender", "pid"}},
      {operation::send, {"any", "pid"}},
      {operation::exit, {"sender", "pid", "any"}},
      {operation::unlink, {"sender", "pid"}},
      {operation::reg_send, {"pid", "any", "atom"}},
      {operation::group_leader, {"pid", "pid"}},
      {operation::exit2, {"sender", "pid", "any"}},
      {operation::send_tt, {"any", "pid", "any"}},
      {operation::exit_tt, {"sender", "pid", "any", "any"}},
      {operation::reg_send_tt, {"pid", "any", "atom", "any"}},
      {operation::exit2_tt, {"sender", "pid", "any", "any"}},
      {operation::monitor_p, {"sender", "process", "ref"}},
      {operation::demonitor_p, {"sender", "process", "ref"}},
      {operation::monitor_p_exit, {"from", "pid", "ref", "any"}},
      {operation::send_sender, {"pid", "pid"}},
      {operation::send_sender_tt, {"pid", "pid", "any"}},
      {operation::payload_exit, {"sender", "pid"}},
      {operation::payload_exit_tt, {"sender", "pid", "any"}},
      {operation::payload_exit2, {"sender", "pid"}},
      {operation::payload_exit2_tt, {"sender", "pid", "any"}},
      {operation::payload_monitor_p_exit, {"from", "pid", "ref"}},
      {operation::spawn_request, {"ref", "sender", "pid", "mfa", "list"}},
      {operation::spawn_request_tt, {"ref", "sender", "pid", "mfa", "list", "any"}},
      {operation::spawn_reply, {"ref", "pid", "flags", "from"}},
      {operation::spawn_reply_tt, {"ref", "pid", "flags", "from", "any"}},
      {operation::alias_send, {"pid", "ref"}},
      {operation::alias_send_tt, {"pid", "ref", "any"}},
      {operation::unlink_id, {"id", "sender", "pid"}},
      {operation::unlink_id_ack, {"id", "sender", "pid"}},
  };
  return kinds;
}

bool accepts(std::string_view kind, const etf::term& value) {
  const auto number = value.as_big_integer();
  if (kind == "any") return true;
  if (kind == "pid" || kind == "sender") return value.as_pid().has_value();
  if (kind == "process" || kind == "from") return value.as_pid() || value.is_atom();
  if (kind == "atom") return value.is_atom();
  if (kind == "ref") return value.as_reference().has_value();
  if (kind == "list") return value.is_list() && value.list_tail().is_nil();
  if (kind == "flags") return number && *number >= 0;
  if (kind == "id") return number && *number >= 1 && *number <= UINT64_MAX;
  return value == etf::tuple("a"_atom, "b"_atom, 1);  // mfa
}

}  // namespace

TEST_CASE("every operation is understood, from a term and from bytes") {
  for (const example& e : examples()) {
    INFO(dist::to_string(e.op));
    const auto read = dist::read_control(e.tuple, context(e.negotiated));
    REQUIRE(read);
    CHECK(read->message == e.meaning);
    CHECK(read->op == e.op);
    CHECK(read->reason == e.reason);

    const std::string packet = body(e);
    const auto decoded = dist::decode_control(view(packet), context(e.negotiated));
    REQUIRE(decoded);
    CHECK(decoded->message == e.meaning);
    CHECK(decoded->op == e.op);
    CHECK(decoded->reason == e.reason);
    CHECK(decoded->payload.empty() == !dist::has_payload(e.op));
    if (!decoded->payload.empty()) CHECK(etf::decode_bare(decoded->payload)->value == etf::tuple("hello"_atom, 5));
  }
}

TEST_CASE("there is an example and a table of elements for every operation") {
  std::set<operation> seen;
  for (const example& e : examples()) seen.insert(e.op);
  for (int number = 1; number <= 255; ++number) {
    const auto op = static_cast<operation>(number);
    const bool known = !dist::to_string(op).empty() && op != operation::node_link;
    CHECK(seen.contains(op) == known);
    CHECK((element_kinds().contains(op) || op == operation::altact_sig_send) == known);
  }
}

TEST_CASE("the payload is not copied") {
  const std::string packet = body(etf::tuple(22, theirs, ours), etf::binary("payload"));
  const auto decoded = dist::decode_control(view(packet), context());
  REQUIRE(decoded);
  CHECK(decoded->payload.data() >= view(packet).data());
  CHECK(decoded->payload.data() + decoded->payload.size() == view(packet).data() + packet.size());
}

TEST_CASE("an element of a wrong type in any place of any operation is refused") {
  for (const example& e : examples()) {
    if (e.op == operation::altact_sig_send) continue;
    const auto& kinds = element_kinds().at(e.op);
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      for (const etf::term& stranger : strangers()) {
        const auto got = dist::read_control(with_element(e.tuple, i + 2, stranger), context(e.negotiated));
        INFO(dist::to_string(e.op) << " element " << i + 2);
        REQUIRE(got.has_value() == accepts(kinds[i], stranger));
        if (got) continue;
        CHECK(got.error() ==
              dist::control_error{control_errc::wrong_type, static_cast<std::uint64_t>(e.op), i + 2, {}});
      }
    }
  }
}

TEST_CASE("processes of a third node may send messages and lead groups, and nothing else") {
  for (const example& e : examples()) {
    if (e.op == operation::altact_sig_send) continue;
    const auto& kinds = element_kinds().at(e.op);
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      if (kinds[i] != "pid" && kinds[i] != "sender" && kinds[i] != "from") continue;
      const auto got = dist::read_control(with_element(e.tuple, i + 2, third), context(e.negotiated));
      INFO(dist::to_string(e.op) << " element " << i + 2);
      REQUIRE(got.has_value() == (kinds[i] == "pid"));
      if (!got) CHECK(got.error().code == control_errc::foreign_sender);
    }
  }
  CHECK(refusal(etf::tuple(37, 16, third, ours)) == control_errc::foreign_sender);
  CHECK(dist::read_control(etf::tuple(37, 4, third, alias), context()));
}

TEST_CASE("a process of the peer's former incarnation is still the peer's") {
  CHECK(dist::read_control(etf::tuple(24, theirs_before, ours), context()));
}

TEST_CASE("a tuple with an element too few or too many is refused") {
  for (const example& e : examples()) {
    std::vector<etf::term> elements(e.tuple.elements().begin(), e.tuple.elements().end());
    const bool open_ended = e.op == operation::altact_sig_send;
    INFO(dist::to_string(e.op));
    elements.push_back(etf::term{});
    const auto longer = dist::read_control(etf::make_tuple(elements), context(e.negotiated));
    CHECK(longer.has_value() == open_ended);
    elements.pop_back();
    elements.pop_back();
    CHECK(refusal(etf::make_tuple(elements), e.negotiated) == control_errc::wrong_size);
    while (elements.size() > 1) {
      elements.pop_back();
      CHECK(refusal(etf::make_tuple(elements), e.negotiated) == control_errc::wrong_size);
    }
  }
}

TEST_CASE("what is no operation is refused") {
  for (const etf::term& stranger : strangers()) {
    if (stranger.is_tuple(3)) continue;
    CHECK(refusal(stranger) == control_errc::not_an_operation);
    CHECK(refusal(etf::tuple(stranger, theirs, ours)) ==
          (stranger == etf::term{5} ? control_errc::unknown_operation : control_errc::not_an_operation));
  }
}

TEST_CASE("numbers that nobody may send are refused, NODE_LINK among them") {
  for (std::int64_t number : {0, 5, 9, 10, 11, 14, 15, 17, 38, 255, 256, 1 << 20}) {
    const auto got = dist::read_control(etf::tuple(number, theirs, ours), context());
    REQUIRE_FALSE(got);
    CHECK(got.error() ==
          dist::control_error{control_errc::unknown_operation, static_cast<std::uint64_t>(number), 0, {}});
  }
  CHECK(refusal(etf::tuple(5)) == control_errc::unknown_operation);
}

TEST_CASE("the two link protocols do not mix") {
  const auto old_form = etf::tuple(4, theirs, ours);
  const auto with_id = etf::tuple(35, 1, theirs, ours);
  const auto ack = etf::tuple(36, 1, theirs, ours);
  CHECK(refusal(old_form, with_25) == control_errc::not_negotiated);
  CHECK(dist::read_control(old_form, context(with_23)));
  CHECK(refusal(with_id, with_23) == control_errc::not_negotiated);
  CHECK(refusal(ack, with_23) == control_errc::not_negotiated);
}

TEST_CASE("an unlink id is a number from 1 to 2^64-1") {
  const auto id_of = [](const etf::term& id) {
    return dist::read_control(etf::tuple(35, id, theirs, ours), context()).has_value();
  };
  CHECK(id_of(1));
  CHECK(id_of(UINT64_MAX));
  CHECK_FALSE(id_of(0));
  CHECK_FALSE(id_of(-1));
  CHECK_FALSE(id_of(etf::term{etf::big_integer{UINT64_MAX} + 1}));
  CHECK_FALSE(id_of(1.0));
}

TEST_CASE("a spawn request names a function and has a proper list of options") {
  const auto request = [](const etf::term& mfa, const etf::term& options) {
    return dist::read_control(etf::tuple(29, ref, theirs, third, mfa, options), context()).has_value();
  };
  const auto mfa = etf::tuple("m"_atom, "f"_atom, 255);
  CHECK(request(mfa, etf::term{}));
  CHECK_FALSE(request(mfa, etf::make_list(std::vector<etf::term>{"link"_atom}, "x"_atom)));
  CHECK_FALSE(request(mfa, "link"_atom));
  CHECK_FALSE(request(etf::tuple("m"_atom, "f"_atom, 256), etf::term{}));
  CHECK_FALSE(request(etf::tuple("m"_atom, "f"_atom, -1), etf::term{}));
  CHECK_FALSE(request(etf::tuple("m"_atom, 1, 1), etf::term{}));
  CHECK_FALSE(request(etf::tuple(1, "f"_atom, 1), etf::term{}));
  CHECK_FALSE(request(etf::tuple("m"_atom, "f"_atom), etf::term{}));
  CHECK_FALSE(request(etf::list("m"_atom, "f"_atom, 1), etf::term{}));
}

TEST_CASE("alternative action signals are read with tolerance for what later releases add") {
  const auto meaning = [](const etf::term& tuple) { return dist::read_control(tuple, context()).value().message; };
  const etf::big_integer high = etf::big_integer{1} << 100;
  CHECK(meaning(etf::tuple(37, etf::term{high + 4}, theirs, alias)) ==
        control::message{control::alias_send{theirs, alias}});
  CHECK(meaning(etf::tuple(37, 64, theirs, ours)) == control::message{control::send{theirs, ours}});
  CHECK(meaning(etf::tuple(37, 0, theirs, ours, "more"_atom, 1)) == control::message{control::send{theirs, ours}});
  CHECK(refusal(etf::tuple(37, 12, theirs, alias)) == control_errc::wrong_type);
  CHECK(refusal(etf::tuple(37, 2, theirs, ours)) == control_errc::wrong_size);
  CHECK(refusal(etf::tuple(37, -1, theirs, ours)) == control_errc::wrong_type);
  CHECK(refusal(etf::tuple(37, 4, theirs, ours)) == control_errc::wrong_type);
  CHECK(refusal(etf::tuple(37, 8, theirs, ours)) == control_errc::wrong_type);
  CHECK(refusal(etf::tuple(37, 0, theirs, alias)) == control_errc::wrong_type);
  CHECK(refusal(etf::tuple(37, 0, "a"_atom, ours)) == control_errc::wrong_type);
}

TEST_CASE("a missing payload is refused, and bytes behind a message without one are ignored") {
  for (const example& e : examples()) {
    INFO(dist::to_string(e.op));
    const std::string bare = body(e.tuple);
    const auto got = dist::decode_control(view(bare), context(e.negotiated));
    REQUIRE(got.has_value() == !dist::has_payload(e.op));
    if (!got)
      CHECK(got.error() == dist::control_error{control_errc::no_payload, static_cast<std::uint64_t>(e.op), 0, {}});
    const std::string hollow = bare + "\x83";
    CHECK(dist::decode_control(view(hollow), context(e.negotiated)).has_value() == !dist::has_payload(e.op));
    const std::string odd = bare + "\x82\x61";
    const auto second = dist::decode_control(view(odd), context(e.negotiated));
    REQUIRE(second.has_value() == !dist::has_payload(e.op));
    if (!second) CHECK(second.error().etf.code == etf::errc::bad_version);
  }
}

TEST_CASE("a packet cut anywhere before its payload is refused") {
  for (const example& e : examples()) {
    const std::string whole = body(e.tuple);
    for (std::size_t length = 0; length < whole.size(); ++length) {
      INFO(dist::to_string(e.op) << " cut to " << length << " bytes");
      REQUIRE_FALSE(dist::decode_control(view(std::string_view{whole}.substr(0, length)), context(e.negotiated)));
    }
  }
}

TEST_CASE("a packet in another form is refused") {
  for (std::string_view bad : {"", "\x83\x44\x00", "\x83\x45", "\x70", "\x70\x83", "\x70\x82\x68", "hello world"}) {
    const auto got = dist::decode_control(view(bad), context());
    REQUIRE_FALSE(got);
    CHECK(got.error().code == control_errc::not_pass_through);
  }
  const std::string compressed = "\x70\x83\x50" + std::string(20, 'x');
  const auto got = dist::decode_control(view(compressed), context());
  REQUIRE_FALSE(got);
  CHECK(got.error().code == control_errc::bad_term);
  CHECK(got.error().etf.code != etf::errc::ok);
}

TEST_CASE("the short way through the bytes and the long way through a term agree on every corruption") {
  std::size_t accepted = 0;
  for (const example& e : examples()) {
    const std::string whole = body(e);
    for (std::size_t at = 2; at < whole.size(); ++at) {
      for (int change : {1, 2, 16, 97, 104, 128, 255}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ change);
        const auto quick = dist::decode_control(view(damaged), context(e.negotiated));
        const auto term = etf::decode_bare(view(damaged).subspan(2));
        INFO(dist::to_string(e.op) << " byte " << at << " ^ " << change);
        if (!term) {
          REQUIRE_FALSE(quick);
          continue;
        }
        const auto slow = dist::read_control(term->value, context(e.negotiated));
        if (!slow) {
          REQUIRE(quick.error() == slow.error());
          continue;
        }
        if (!quick) {
          REQUIRE((quick.error().code == control_errc::no_payload || quick.error().code == control_errc::bad_term));
          continue;
        }
        REQUIRE(quick->message == slow->message);
        ++accepted;
      }
    }
  }
  CHECK(accepted > 1000);
}

TEST_CASE("messages need no term to be read, whatever tags their identifiers have") {
  // The old and the new atom tags in a pid, and an integer that is longer than it must be.
  const std::string modern = std::string{"\x70\x83\x68\x03\x61\x16", 6} + "\x58\x77\x06peer@h" +
                             std::string{"\0\0\0\x64\0\0\0\x01\0\0\0\x09", 12} + "\x58\x64" +
                             std::string{"\0\x04us@h", 6} + std::string{"\0\0\0\xC8\0\0\0\x02\0\0\0\x4D", 12} +
                             "\x83\x6A";
  const auto got = dist::decode_control(view(modern), context());
  REQUIRE(got);
  CHECK(got->message == control::message{control::send{theirs, ours}});
  std::string wide = modern;
  wide.replace(4, 2, std::string{"\x62\0\0\0\x16", 5});
  const auto slow = dist::decode_control(view(wide), context());
  REQUIRE(slow);
  CHECK(slow->message == got->message);
  CHECK(slow->payload.size() == 1);
}

TEST_CASE("limits of the decoder hold for control messages too") {
  auto strict = context();
  strict.limits.atoms = etf::atom_policy::known_only;
  std::string packet = body(etf::tuple(6, theirs, etf::atom{}, "net_kernel"_atom), etf::term{1});
  CHECK(dist::decode_control(view(packet), strict));
  const auto at = packet.find("net_kernel");
  packet[at] = '?';
  const auto got = dist::decode_control(view(packet), strict);
  REQUIRE_FALSE(got);
  CHECK(got.error().etf.code == etf::errc::unknown_atom);
}

TEST_CASE("every refusal has a name and a sentence") {
  std::set<std::string> names;
  std::set<std::string> sentences;
  for (int i = 0; i <= static_cast<int>(control_errc::no_payload); ++i) {
    const auto code = static_cast<control_errc>(i);
    CHECK(names.insert(std::string{dist::to_string(code)}).second);
    CHECK(sentences.insert(dist::to_string(dist::control_error{code})).second);
  }
  CHECK(dist::to_string(dist::control_error{control_errc::wrong_type, 35, 2, {}}) ==
        "the control message has an element of the wrong type (operation 35 UNLINK_ID, element 2)");
  CHECK(dist::to_string(dist::control_error{control_errc::unknown_operation, 99, 0, {}}) ==
        "the control message has an unknown operation (operation 99)");
}

TEST_CASE("operations have the names of the protocol") {
  CHECK(dist::to_string(operation::send_sender) == "SEND_SENDER");
  CHECK(dist::to_string(operation::node_link) == "NODE_LINK");
  CHECK(dist::to_string(static_cast<operation>(99)).empty());
  CHECK(dist::has_payload(operation::reg_send));
  CHECK_FALSE(dist::has_payload(operation::link));
  CHECK_FALSE(dist::has_payload(static_cast<operation>(99)));
}
