// erl_call of each release: a node of erl_interface, which knows packets in pass-through form only.
#include "harness.hpp"

#include <catch2/catch_test_macros.hpp>

namespace ergo_interop {
namespace {

using ergo::etf::tuple;

/// What a program printed, line by line joined by '|', and its exit code.
struct ended {
  std::string said;
  int code = 0;
};

ended run_program(const std::vector<std::string>& words) {
  program shell{words};
  ended how;
  for (;;) {
    try {
      how.said += (how.said.empty() ? "" : "|") + shell.read_line();
    } catch (const std::runtime_error&) {
      how.code = shell.wait();
      return how;
    }
  }
}

/// Prints as a process of Erlang does: through its group leader, waiting for its answer.
ergo::task<ergo::term> print(ergo::process& self, std::string text) {
  const auto ref = self.make_ref();
  const auto request = tuple("put_chars"_atom, "unicode"_atom, ergo::etf::binary(text));
  self.send(self.group_leader(), tuple("io_request"_atom, self.id(), ref, request));
  const auto answer = co_await self.receive<ergo::term>(10s);
  if (!answer) co_return ergo::term{"silence"_atom};
  co_return answer->elements()[2];
}

/// A node of ours with functions, and erl_call of one release.
class called_node {
 public:
  explicit called_node(const release& otp)
      : otp_{otp}, port_{free_port()}, node_{options_for(fresh_name("cpp"), port_)} {
    (void)node_->provide("m", "add", [](std::int64_t left, std::int64_t right) { return left + right; });
    (void)node_->provide("m", "print", print);
  }

  /// What `erl_call OPTIONS -a 'CALL'` gives; its output ends with a line feed of ours.
  [[nodiscard]] ended call(const std::string& options, const std::string& called,
                           const std::string& cookie = "interop") {
    std::vector<std::string> words;
    if (!otp_.installed()) words = {ERGO_SOURCE_DIR "/cmake/otp-releases", "run", otp_.number, "--"};
    const auto line = "erl_call -c " + cookie + " " + options + " -a '" + called + "'; code=$?; echo; exit $code";
    words.insert(words.end(), {"env", "ERL_EPMD_PORT=" + std::to_string(port_), "sh", "-c", line});
    return run_program(words);
  }
  [[nodiscard]] std::string by_name() const { return "-n " + node_.name(); }
  [[nodiscard]] std::string by_address() { return "-address 127.0.0.1:" + std::to_string(node_->port()); }
  [[nodiscard]] our_node& node() noexcept { return node_; }
  [[nodiscard]] int release_number() const { return std::stoi(otp_.number); }

 private:
  release otp_;
  std::uint16_t port_;
  our_node node_;
};

void expect_said(const ended& how, std::string_view wanted) {
  expect_same(how.said, wanted);
  expect(how.code == 0, "exit code " + std::to_string(how.code));
}

TEST_CASE("erl_call of every release calls functions of our node, however it finds it") {
  for_every_release("erl_call: -n, -sname, -r, -a of values and failures", [](const release& otp) {
    called_node on{otp};
    expect_said(on.call(on.by_name(), "m add [1,2]"), "3");
    expect_said(on.call("-sname " + on.node().name(), "erlang node []"), on.node().name());
    expect_said(on.call("-r " + on.by_name(), "m add [3,4]"), "7");
    expect_said(on.call(on.by_name(), "m gone []"), "{badrpc, {'EXIT', {undef, [{m, gone, [], []}]}}}");
    expect_said(on.call(on.by_name(), "m add [1,x]"), "{badrpc, {'EXIT', {badarg, [{m, add, [1, x], []}]}}}");
  });
  for_every_release("erl_call: -R, a name that our node gives it", [](const release& otp) {
    called_node on{otp};
    expect_said(on.call("-R " + on.by_address(), "m add [1,2]"), "3");
    expect_said(on.call("-R " + on.by_address(), "erlang node []"), on.node().name());
    eventually("it is gone", [&] { return on.node()->nodes(ergo::node_set::all).empty(); });
  });
}

TEST_CASE("erl_call finds our node by its address") {
  for_every_release("erl_call: -address", [](const release& otp) {
    called_node on{otp};
    expect_said(on.call(on.by_address(), "m add [1,2]"), "3");
    expect_said(on.call("-r " + on.by_address(), "erlang node []"), on.node().name());
  });
}

TEST_CASE("erl_call shows what our functions print") {
  for_every_release("erl_call: -fetch_stdout (OTP 25)", [](const release& otp) {
    called_node on{otp};
    const auto how = on.call("-fetch_stdout " + on.by_name(), "m print [\"shown \"]");
    if (on.release_number() < 25) return expect(how.code != 0, "OTP 23 has learnt it: " + how.said);
    expect_said(how, "shown ok");
    expect_said(on.call("-fetch_stdout -no_result_term " + on.by_name(), "m print [\"alone\"]"), "alone");
    expect_said(on.call("-fetch_stdout " + on.by_name(), "m add [1,2]"), "3");
  });
}

TEST_CASE("erl_call with a wrong cookie is refused, and our node says why") {
  for_every_release("erl_call: a wrong cookie", [](const release& otp) {
    called_node on{otp};
    const auto how = on.call(on.by_name(), "m add [1,2]", "something_else");
    expect_same(how.said, "");
    expect(how.code != 0, "it was let in");
    eventually("the reason", [&] { return on.node().reported("cookie"); }, 5s);
    expect_said(on.call(on.by_name(), "m add [1,2]"), "3");
  });
}

}  // namespace
}  // namespace ergo_interop
