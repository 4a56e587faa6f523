#include "http_client.hpp"

#include <ergo/profile.hpp>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

using namespace ergo;
using namespace ergo_test;

namespace {

/// Keeps a processor busy while it lives.
class busy_thread {
 public:
  ~busy_thread() {
    end_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> end_{false};
  std::thread thread_{[this] {
    while (!end_) {
    }
  }};
};

/// The samples of a profile in gperftools' format: after five words of header, count and depth begin each record.
std::uint64_t samples_of(const std::string& profile) {
  std::vector<std::uintptr_t> words(profile.size() / sizeof(std::uintptr_t));
  std::memcpy(words.data(), profile.data(), words.size() * sizeof(std::uintptr_t));
  REQUIRE(words.size() > 8);
  CHECK(words[0] == 0);
  CHECK(words[1] == 3);
  CHECK(words[3] == 10'000);  // µs between two samples
  std::uint64_t count = 0;
  for (std::size_t at = 5; at + 2 < words.size() && words[at] != 0; at += 2 + words[at + 1]) count += words[at];
  return count;
}

}  // namespace

TEST_CASE("A profile shows samples of a busy thread, in the format that pprof reads", "[profile]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  add_profile(*pages);
  const busy_thread busy;
  const auto answer = get(*pages, "/debug/pprof/profile?seconds=1");
  CHECK(answer.result_int() == 200);
  CHECK(answer[http::field::content_type] == "application/octet-stream");
  CHECK(samples_of(answer.body()) > 0);
}

TEST_CASE("While a profile is taken another one is refused, and the server goes on", "[profile]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  add_profile(*pages, std::chrono::seconds{3});
  http_client first{pages->port()};
  first.send("GET /debug/pprof/profile?seconds=3600 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(get(*pages, "/debug/pprof/profile?seconds=1").result_int() == 409);  // requests are served in their order
  CHECK(get(*pages, "/health").result_int() == 200);
  CHECK(first.receive().result_int() == 200);
  CHECK(get(*pages, "/debug/pprof/profile?seconds=1").result_int() == 200);
}

TEST_CASE("A server that ends does not wait for a profile", "[profile]") {
  const auto node = start_alone();
  auto pages = serve(*node);
  add_profile(*pages);
  http_client client{pages->port()};
  client.send("GET /debug/pprof/profile?seconds=600 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(get(*pages, "/debug/pprof/profile?seconds=600").result_int() == 409);  // requests are served in their order
  pages.reset();
  CHECK(client.is_closed());
}

TEST_CASE("A length that is no number above 0 is refused", "[profile]") {
  const auto node = start_alone();
  const auto pages = serve(*node);
  add_profile(*pages);
  for (const auto* const query : {"seconds=0", "seconds=", "seconds=-1", "seconds=1s", "a=1&seconds=x"})
    CHECK(get(*pages, "/debug/pprof/profile?" + std::string{query}).result_int() == 400);
}
