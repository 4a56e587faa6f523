// Memory that runs out in the port mapper: each allocation in turn fails, one client is lost, and nothing else.
#include "ergo/epmd/directory.hpp"
#include "ergo/epmd/message.hpp"
#include "ergo/epmd/session.hpp"

#include <catch2/catch_test_macros.hpp>

#include <ergo_test/allocations.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using namespace ergo::epmd;
using ergo::test::fail_allocation;
using ergo::test::fail_everywhere;

namespace {

constexpr std::uint32_t now = 1000;
// Longer than what strings hold without memory.
const std::string name = "a-node-with-a-long-name";
const std::string other = "another-node-with-a-long-name";

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error{what};
}

/// Whether the directory's tables agree with each other about `wanted`.
bool knows(directory& names, const std::string& wanted, bool living) {
  bool listed = false;
  for (const auto& entry : names.living()) listed = listed || entry.node.name == wanted;
  return listed == living && (names.find(wanted) != nullptr) == living;
}

session_terms terms(std::uint64_t id) {
  return {.id = owner_id{id}, .descriptor = 7, .peer = locality::local, .check = command_check::relaxed};
}

/// One client that asks and goes away, with its `nth` allocation failing.
session::action ask(directory& names, const std::string& bytes, std::size_t nth) {
  session one{terms(1)};
  fail_allocation(nth);
  auto done = one.resume(session::received{bytes}, names, now);
  fail_allocation(0);
  if (done.report.problem == errc::no_memory) {
    require(done.next == session::step::close || done.next == session::step::kill, "the session goes on");
    require(one.where() == session::phase::closed, "the session is not closed");
    return done;
  }
  static_cast<void>(one.resume(session::ended{}, names, now));
  return done;
}

}  // namespace

TEST_CASE("A name is registered whole or not at all when memory runs out", "[R50]") {
  directory names;
  REQUIRE(names.add({.name = other, .port = 6}, owner_id{2}, 8, now));
  bool whole = true;
  const auto failures = fail_everywhere([&] {
    try {
      require(names.add({.name = name, .port = 5, .extra = std::string(100, 'x')}, owner_id{1}, 7, now).has_value(),
              "not registered");
    } catch (const std::bad_alloc&) {
      whole = whole && knows(names, name, false) && names.living().size() == 1 && names.remove(owner_id{1}) == nullptr;
      throw;
    }
    require(knows(names, name, true), "registered by half");
    require(names.remove(owner_id{1}) != nullptr, "not removed");
  });
  CHECK(failures >= 4);
  CHECK(whole);
  CHECK(names.unused().size() == 1);
  CHECK(names.find(other) != nullptr);
}

TEST_CASE("A registration ends without taking memory") {
  directory names;
  for (std::uint64_t id = 1; id <= 1'000; ++id)
    REQUIRE(names.add({.name = name + std::to_string(id)}, owner_id{id}, 7, now));
  const auto before = ergo::test::allocations();
  bool removed = true;
  for (std::uint64_t id = 1; id <= 1'000; ++id) removed = names.remove(owner_id{id}) != nullptr && removed;
  CHECK(ergo::test::allocations() == before);
  CHECK(removed);
  CHECK(names.unused().size() == 1'000);
}

TEST_CASE("A request for which there is no memory costs its client the connection, and nobody else", "[R50]") {
  const std::vector<request> requests{alive2_request{{.name = name, .port = 5}},
                                      alive2_request{{.name = other, .port = 5}},
                                      port_please2_request{other},
                                      names_request{},
                                      dump_request{},
                                      stop_request{name}};
  for (const auto& asked : requests) {
    const auto bytes = encode(asked).value();
    directory names;
    REQUIRE(names.add({.name = other, .port = 6}, owner_id{2}, 8, now));
    std::size_t lost = 0;
    for (std::size_t nth = 1;; ++nth, ++lost) {
      const auto done = ask(names, bytes, nth);
      CHECK(knows(names, other, true));
      CHECK(knows(names, name, false));
      if (done.report.problem != errc::no_memory) break;
      REQUIRE(nth < 1'000);
    }
    CAPTURE(asked.index());
    CHECK(lost >= 1);
  }
}

TEST_CASE("Requests and answers are read and written without a loss when memory runs out", "[R50]") {
  const auto asked = request{alive2_request{{.name = name, .port = 5, .extra = std::string(100, 'x')}}};
  const auto bytes = encode(asked).value();
  CHECK(fail_everywhere([&] { require(encode(asked) == bytes, "written wrongly"); }) >= 1);
  CHECK(fail_everywhere([&] {
          request_reader reader;
          for (const char byte : bytes) static_cast<void>(reader.feed({&byte, 1}));
          require(parse_request(reader.body()) == asked, "read wrongly");
        }) >= 2);
}
