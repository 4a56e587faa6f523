// Erlang's `io`, called by other nodes: it prints at the caller's group leader, or where it is told.
#include "support.hpp"

#include <ergo/etf/text.hpp>
#include <ergo/otp/io_device.hpp>
#include <ergo/rpc.hpp>

#include <catch2/catch_test_macros.hpp>

#include <mutex>
#include <string>
#include <utility>

using namespace ergo;
using namespace ergo::test;

namespace {

/// A terminal that remembers.
class paper final : public otp::io::terminal {
 public:
  task<std::expected<void, term>> write(process& /*self*/, std::string bytes, otp::io::encoding /*as*/) override {
    const std::scoped_lock lock{mutex_};
    text_ += bytes;
    co_return std::expected<void, term>{};
  }
  std::string take() {
    const std::scoped_lock lock{mutex_};
    return std::exchange(text_, "");
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

/// A node whose `user` and another device print on paper.
struct stage {
  stage() {
    kernel::options services;
    services.global = false;
    services.user.enabled = false;
    services.logs.enabled = false;
    auto started = kernel::start(alone(), services);
    REQUIRE(started);
    on = std::move(*started);
    REQUIRE(otp::io::start_device(on->local(), user, {.name = "user"_atom}));
    const auto made = otp::io::start_device(on->local(), other, {.name = "printer"_atom});
    REQUIRE(made);
    printer = *made;
  }
  /// The value of `io:function(arguments…)` as text, or why there is none.
  template <typename... Argument>
  std::string call(std::string_view function, const Argument&... argument) {
    const auto got = rpc::call(*on, rpc::at{on->name(), patience}, "io", function, argument...);
    return got ? etf::to_text(*got) : etf::to_text(got.error().context());
  }

  std::shared_ptr<paper> user = std::make_shared<paper>();
  std::shared_ptr<paper> other = std::make_shared<paper>();
  std::unique_ptr<node> on;
  pid printer{};
};

term text(std::string_view utf8) { return etf::text_list(utf8); }

}  // namespace

TEST_CASE("functions of io that name no device print at the caller's group leader") {
  stage with;
  CHECK(with.call("format", text("plain~n")) == "ok");
  CHECK(with.call("format", text("~p ~ts~n"), etf::list("a"_atom, etf::binary("ü"))) == "ok");
  CHECK(with.call("fwrite", text("~w~n"), etf::list(text("a"))) == "ok");
  CHECK(with.call("put_chars", text("chars")) == "ok");
  CHECK(with.call("nl") == "ok");
  CHECK(with.call("write", text("a")) == "ok");
  CHECK(with.user->take() == "plain\na ü\n[97]\nchars\n[97]");
  CHECK(with.other->take().empty());
}

TEST_CASE("functions of io that name a device print there") {
  stage with;
  CHECK(with.call("format", with.printer, text("~p,"), etf::list(1)) == "ok");
  CHECK(with.call("fwrite", "printer"_atom, text("~p,"), etf::list(2)) == "ok");
  CHECK(with.call("put_chars", "printer"_atom, etf::binary("ü,")) == "ok");
  CHECK(with.call("put_chars", "printer"_atom, "latin1"_atom, etf::binary("\xfc")) == "ok");
  CHECK(with.call("nl", "printer"_atom) == "ok");
  CHECK(with.call("write", with.printer, "done"_atom) == "ok");
  CHECK(with.other->take() == "1,2,ü,ü\ndone");
  CHECK(with.call("format", "standard_io"_atom, text("here"), term{}) == "ok");
  CHECK(with.user->take() == "here");
}

TEST_CASE("what io cannot print fails as in Erlang, and prints nothing") {
  stage with;
  const auto reason = [](const std::string& got) { return got.substr(0, got.find(',')); };
  CHECK(reason(with.call("format", text("~p"), term{})) == "{badarg");
  CHECK(reason(with.call("format", text("~p"), "no_list"_atom)) == "{badarg");
  CHECK(reason(with.call("put_chars", etf::binary("\xff"))) == "{badarg");
  CHECK(reason(with.call("put_chars", "user"_atom, "utf7"_atom, etf::binary("x"))) == "{badarg");
  CHECK(reason(with.call("nl", 17)) == "{badarg");
  CHECK(reason(with.call("nl", "nobody"_atom)) == "{badarg");
  CHECK(reason(with.call("format", etf::tuple("user"_atom, "other@h"_atom), text("x"), term{})) == "{badarg");
  CHECK(with.user->take().empty());
  with.on->runtime().exit(with.printer, "kill"_atom);
  CHECK(eventually([&] { return !with.on->whereis("printer"_atom); }));
  CHECK(reason(with.call("nl", with.printer)) == "{terminated");
}

TEST_CASE("a program that leaves io out answers undef") {
  kernel::options services;
  services.global = false;
  services.user.enabled = false;
  services.io_functions = false;
  const auto without = kernel::start(alone(), services);
  REQUIRE(without);
  const auto missing = rpc::call(**without, rpc::at{(*without)->name(), patience}, "io", "nl");
  REQUIRE(!missing);
  CHECK(etf::to_text(missing.error().context()).starts_with("{undef"));
}
