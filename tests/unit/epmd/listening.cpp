// Which addresses are bound, which peers are local, and which clients count together.
#include "listening.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

#include "ergo/epmd/server.hpp"

using namespace ergo::epmd;
using boost::asio::ip::make_address;

namespace {

std::vector<std::string> plan(std::string_view list) {
  std::vector<std::string> out;
  for (const auto& [address, need] : plan_listening(parse_addresses(list).value()))
    out.push_back(address.to_string() + (need == demand::optional ? "?" : ""));
  return out;
}

using strings = std::vector<std::string>;

}  // namespace

TEST_CASE("Loopback is listened on besides named addresses, and all addresses without any") {
  CHECK(plan("") == strings{"0.0.0.0", "::?"});
  CHECK(plan(" , ") == strings{"0.0.0.0", "::?"});
  CHECK(plan("10.0.0.1") == strings{"127.0.0.1?", "::1?", "10.0.0.1"});
  CHECK(plan("10.0.0.1,fe80::1 10.0.0.1") == strings{"127.0.0.1?", "::1?", "10.0.0.1", "fe80::1"});
  CHECK(plan("127.0.0.1,::1") == strings{"127.0.0.1", "::1"});
  CHECK(plan("127.0.0.2") == strings{"127.0.0.1?", "::1?", "127.0.0.2"});
  CHECK(plan("0.0.0.0") == strings{"::1?", "0.0.0.0"});
  CHECK(plan("::") == strings{"127.0.0.1?", "::"});
}

TEST_CASE("A part that is no address is named") {
  CHECK(parse_addresses("127.0.0.1,1.2.3.4.5").error() == "1.2.3.4.5");
  CHECK(parse_addresses("localhost").error() == "localhost");
}

TEST_CASE("Local peers are those on loopback and those that reached themselves") {
  const auto where = [](const char* peer, const char* own) {
    return locality_of(make_address(peer), make_address(own));
  };
  CHECK(where("127.0.0.1", "127.0.0.1") == locality::local);
  CHECK(where("127.200.3.4", "10.0.0.1") == locality::local);
  CHECK(where("::1", "::1") == locality::local);
  CHECK(where("::ffff:127.0.0.9", "::ffff:127.0.0.1") == locality::local);
  CHECK(where("10.0.0.1", "10.0.0.1") == locality::local);
  CHECK(where("2001:db8::1", "2001:db8::1") == locality::local);
  CHECK(where("::ffff:10.0.0.1", "::ffff:10.0.0.1") == locality::local);
  CHECK(where("10.0.0.2", "10.0.0.1") == locality::remote);
  CHECK(where("2001:db8::2", "2001:db8::1") == locality::remote);
  CHECK(where("128.0.0.1", "10.0.0.1") == locality::remote);
}

TEST_CASE("IPv6 clients of one network count together") {
  const auto source = [](const char* peer) { return source_of(make_address(peer)).to_string(); };
  CHECK(source("10.1.2.3") == "10.1.2.3");
  CHECK(source("::ffff:10.1.2.3") == "10.1.2.3");
  CHECK(source("::1") == "::1");
  CHECK(source("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::");
}
