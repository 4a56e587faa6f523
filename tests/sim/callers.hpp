// Servers that answer now and then, callers that ask them, and what promises A6 and A15 allow of the outcomes.
#pragma once

#include "cluster.hpp"

#include <map>

namespace ergo::test {

struct outcomes {
  std::map<std::string, int> count;
  int asked = 0;
  int strays = 0;
  int wrong_answers = 0;
  int left_open = 0;
};

// Answers {echo, N} with N, some late, some never; ends itself now and then.
inline task<> serve(process& self, sim* world) {
  for (;;) {
    auto request = co_await self.receive_any();
    if (!request.is_call()) continue;
    switch (world->pick(12)) {
      case 0: break;  // never
      case 1:
        co_await self.sleep(std::chrono::milliseconds{world->pick(60)});
        self.reply(request.from(), request.payload());
        break;
      case 2:
        if (world->pick(4) == 0) self.exit(exit_reason{"tired"_atom});
        self.reply(request.from(), request.payload());
        break;
      case 3:  // by somebody else
        (void)self.spawn(
            [](process& own, caller to, term answer) -> task<> {
              co_await own.sleep(1ms);
              own.reply(to, answer);
            },
            request.from(), request.payload());
        break;
      default: self.reply(request.from(), request.payload());
    }
  }
}

[[nodiscard]] inline std::string kind_of(const result<term>& got) {
  if (got) return "answer";
  switch (got.error().code()) {
    case errc::timeout:
    case errc::noproc: return etf::to_text(got.error().reason());
    case errc::nodedown: return "nodedown";
    case errc::exited: return "exited " + etf::to_text(got.error().context());
    default: return "unexpected " + etf::to_text(got.error().reason());
  }
}

inline task<> keep_calling(process& self, sim* world, const std::vector<std::string>* names,
                           const std::vector<pid>* servers, int rounds, outcomes* out) {
  for (int round = 0; round < rounds; ++round) {
    destination target{(*servers)[world->pick(servers->size())]};
    if (world->pick(2) == 0) target = destination{"server"_atom, atom::of((*names)[world->pick(names->size())])};
    const auto request = etf::tuple("echo"_atom, round);
    ++out->asked;
    auto answer = co_await call(self, target, request, std::chrono::milliseconds{1 + world->pick(50)});
    ++out->count[kind_of(answer)];
    if (answer && *answer != request) ++out->wrong_answers;
    if (world->pick(4) == 0) co_await self.sleep(std::chrono::milliseconds{world->pick(10)});
  }
  co_await self.sleep(200ms);  // for what comes late
  out->strays += static_cast<int>(self.unread());
  out->left_open += self.calls_ != nullptr ? 1 : 0;
}

[[nodiscard]] inline std::string verdict(const outcomes& seen, int expected) {
  int resolved = 0;
  for (const auto& [what, count] : seen.count) {
    resolved += count;
    if (what.starts_with("unexpected")) return what;
    if (what.starts_with("exited") && what != "exited tired" && what != "exited killed") return what;
  }
  if (seen.asked != expected) return "asked " + std::to_string(seen.asked) + " of " + std::to_string(expected);
  if (resolved != seen.asked) return "resolved " + std::to_string(resolved) + " of " + std::to_string(seen.asked);
  if (seen.strays != 0) return std::to_string(seen.strays) + " answers in mailboxes";
  if (seen.wrong_answers != 0) return std::to_string(seen.wrong_answers) + " answers to another call";
  if (seen.left_open != 0) return "records of calls were left";
  return {};
}

inline void start_server(sim& world, const std::string& on, std::vector<pid>& servers) {
  const auto started = world.node(on).owner().spawn(world.node(on), {.name = "server"_atom}, make_body(serve, &world));
  if (started) servers.push_back(*started);
}

}  // namespace ergo::test
