// What a node counts, each by its reason (attack S14: a broken rule is counted).
#include "lone_node.hpp"
#include "node_counts.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <set>
#include <string>
#include <vector>

namespace ergo_test {
namespace {

namespace asio = boost::asio;
using namespace ergo;
using namespace ergo::detail;

template <typename Tally>
std::set<std::string> words_of(const Tally& counted) {
  std::set<std::string> words;
  counted.for_each([&](auto why, std::uint64_t) { words.emplace(to_string(why)); });
  return words;
}

TEST_CASE("every reason that a node counts has a word of its own") {
  const node_figures none;
  CHECK(words_of(none.refused).size() == decltype(none.refused)::reasons);
  CHECK(words_of(none.breaches).size() == decltype(none.breaches)::reasons);
  CHECK(words_of(none.partings).size() == decltype(none.partings)::reasons);
  CHECK(none.refused.all() == 0);
  CHECK(to_string(refusal::other) == "other");
  CHECK(to_string(breach::unread) == "unread");
  CHECK(to_string(parting::stopping) == "stopping");
}

TEST_CASE("each failure of a caller's handshake is counted as one reason") {
  const auto reason = [](dist::handshake_errc code) { return refusal_of(dist::handshake_failure{code, {}, {}, {}}); };
  using dist::handshake_errc;
  CHECK(reason(handshake_errc::closed) == refusal::left);
  CHECK(reason(handshake_errc::timeout) == refusal::late);
  CHECK(reason(handshake_errc::too_long) == refusal::garbage);
  CHECK(reason(handshake_errc::mixed_names) == refusal::name);
  CHECK(reason(handshake_errc::missing_flags) == refusal::capabilities);
  CHECK(reason(handshake_errc::refused) == refusal::not_allowed);
  CHECK(reason(handshake_errc::reflected) == refusal::cookie);
  CHECK(reason(handshake_errc::yielded) == refusal::crossing);
  CHECK(reason(handshake_errc::digest_unavailable) == refusal::other);
  CHECK(refusal_of(dist::peer_errc::tls) == refusal::tls);
  CHECK(refusal_of(dist::peer_errc::stopping) == refusal::other);
  CHECK(parting_of(dist::peer_errc::silent) == parting::silent);
  CHECK(parting_of(dist::peer_errc::protocol) == parting::breach);
  CHECK(parting_of(dist::peer_errc::closed) == parting::closed);
}

struct couple {
  explicit couple(const std::string& cookie_of_b = "secret", std::vector<std::string> allowed_by_b = {}) {
    auto options = lonely();
    options.name = "b@127.0.0.1";
    options.cookie = cookie_of_b;
    options.listen_port_min = port;
    options.allow = std::move(allowed_by_b);
    b = *node::start(std::move(options), runtime_options{.cores = 1});
    options = lonely();
    options.name = "a@127.0.0.1";
    options.routes = {{"b@*", {"127.0.0.1", port}}};
    a = *node::start(std::move(options), runtime_options{.cores = 1});
  }
  const std::uint16_t port = free_port();
  std::unique_ptr<node> a;
  std::unique_ptr<node> b;
};

TEST_CASE("a node tells how many peers it has met and lost, and what has passed in all connections") {
  const couple on;
  REQUIRE(on.a->connect("b@127.0.0.1"));
  REQUIRE(eventually([&] { return on.b->figures().connections == 1; }));
  CHECK(on.a->figures().reached == 1);
  CHECK(on.a->figures().let_in == 0);
  CHECK(eventually([&] { return on.b->figures().let_in == 1; }));
  CHECK(on.a->figures().names == 1);
  CHECK(eventually([&] { return on.b->figures().handshakes == 0; }));
  on.a->send(destination{"nobody"_atom, atom::of("b@127.0.0.1")}, "hello"_atom);
  REQUIRE(eventually([&] { return on.b->figures().moved.packets_in >= 1; }));
  const auto before = on.b->figures().moved;
  REQUIRE(on.a->disconnect("b@127.0.0.1"));
  REQUIRE(eventually([&] { return on.a->figures().partings[parting::disconnected] == 1; }));
  REQUIRE(eventually([&] { return on.b->figures().partings[parting::closed] == 1; }));
  REQUIRE(on.a->connect("b@127.0.0.1"));
  on.a->send(destination{"nobody"_atom, atom::of("b@127.0.0.1")}, "hello"_atom);
  CHECK(eventually([&] { return on.b->figures().moved.packets_in > before.packets_in; }));
  CHECK(on.b->figures().moved.bytes_in > before.bytes_in);
  CHECK(on.b->counters("a@127.0.0.1")->bytes_in < on.b->figures().moved.bytes_in);
  CHECK(on.a->figures().reached == 2);
  CHECK(on.b->figures().refused.all() == 0);
}

TEST_CASE("a caller that is refused is counted by its reason, and by the caller as a call that came to nothing") {
  SECTION("another cookie") {
    const couple on{"other"};
    CHECK_FALSE(on.a->connect("b@127.0.0.1"));
    CHECK(eventually([&] { return on.b->figures().refused[refusal::cookie] == 1; }));
    CHECK(on.a->figures().unreached >= 1);
    CHECK(on.b->figures().let_in == 0);
  }
  SECTION("not on the list of those that may") {
    const couple on{"secret", {"c@*"}};
    CHECK_FALSE(on.a->connect("b@127.0.0.1"));
    CHECK(eventually([&] { return on.b->figures().refused[refusal::not_allowed] >= 1; }));
  }
  SECTION("no node at all") {
    const couple on;
    asio::io_context context;
    asio::ip::tcp::socket stranger{context};
    stranger.connect({asio::ip::make_address("127.0.0.1"), on.port});
    asio::write(stranger, asio::buffer(std::string{"\0\x04oops", 6}));
    CHECK(eventually([&] { return on.b->figures().refused[refusal::garbage] == 1; }));
    asio::ip::tcp::socket silent{context};
    silent.connect({asio::ip::make_address("127.0.0.1"), on.port});
    CHECK(eventually([&] { return on.b->figures().handshakes == 1; }));
    silent.close();
    CHECK(eventually([&] { return on.b->figures().refused[refusal::left] == 1; }));
    CHECK(eventually([&] { return on.b->figures().handshakes == 0; }));
    CHECK(on.b->figures().refused.all() == 2);
  }
}

}  // namespace
}  // namespace ergo_test
