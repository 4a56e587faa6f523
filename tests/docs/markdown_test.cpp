// What finds the code in our documents finds all of it.
#include "markdown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using namespace ergo_docs;

namespace {

constexpr std::string_view sample = R"(# Title

Run `one` and `two`.

```cpp
int a;

int b;
```

## Table

| head | `not a row` |
| --- | --- |
| a | `[1 \| 2]`, `x` |
|  | last |

## Other

| head |
| --- |
| elsewhere |

```
plain
```
)";

}  // namespace

TEST_CASE("blocks of code are found with their language and line", "[docs]") {
  const auto blocks = code_blocks(sample);
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].language == "cpp");
  CHECK(blocks[0].line == 6);
  CHECK(blocks[0].text == "int a;\n\nint b;\n");
  CHECK(blocks[1].language.empty());
  CHECK(blocks[1].text == "plain\n");
  CHECK(block_with(sample, "int b").line == 6);
}

TEST_CASE("a block that is missing, ambiguous or open is an error", "[docs]") {
  CHECK_THROWS_AS(block_with(sample, "nowhere"), std::runtime_error);
  CHECK_THROWS_AS(block_with(sample, "i"), std::runtime_error);
  CHECK_THROWS_AS(code_blocks("```\nno end\n"), std::runtime_error);
}

TEST_CASE("code spans are found and bars in tables are unescaped", "[docs]") {
  CHECK(code_spans("Run `one` and `two`.\n```cpp\nan `open one\n`[1 \\| 2]`") ==
        std::vector<std::string>{"one", "two", "[1 | 2]"});
}

TEST_CASE("the rows of the tables under a heading are found", "[docs]") {
  const auto rows = table_rows(sample, "Table");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0] == std::vector<std::string>{"a", "`[1 \\| 2]`, `x`"});
  CHECK(rows[1] == std::vector<std::string>{"", "last"});
  CHECK_THROWS_AS(table_rows(sample, "Title"), std::runtime_error);
}
