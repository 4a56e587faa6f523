// Reads a term as text, writes it as bytes, and reads those again.
#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>

#include <cstddef>
#include <cstdio>
#include <span>
#include <string>

int main() {
  const auto parsed = ergo::etf::parse("{deposit,<<\"bob\">>,[1,2.5,#{a => b}],123456789012345678901234567890}");
  if (!parsed) return std::puts("the text was refused"), 1;
  const std::string bytes = ergo::etf::encode_to_string(*parsed);
  const auto decoded = ergo::etf::decode_all(std::as_bytes(std::span{bytes}));
  if (!decoded || *decoded != *parsed) return std::puts("the bytes do not give the same term"), 1;
  std::printf("%s\n", ergo::etf::to_text(*decoded).c_str());
}
