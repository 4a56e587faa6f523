// What net_kernel answers.
#include "net_kernel.hpp"

#include <ergo/etf/text.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace ergo;
using namespace ergo::detail;

TEST_CASE("a ping is answered with yes, everything else is refused politely") {
  const auto answer = [](std::string_view request) {
    return etf::to_text(net_kernel_answer(etf::parse(request).value()));
  };
  CHECK(answer("{is_auth,'x@h'}") == "yes");
  CHECK(answer("{spawn,m,f,[],gl}") == "{error,notsup}");
  CHECK(answer("is_auth") == "{error,notsup}");
}
