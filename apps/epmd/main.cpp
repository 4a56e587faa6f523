// ergo-epmd: the port mapper of Erlang nodes, and the commands that ask it. A drop-in for Erlang's `epmd` that also
// bears more than 10,000 clients, slow and idle ones, and a lack of descriptors.
#include <cstdio>
#include <exception>
#include <span>

#include "command.hpp"
#include "options.hpp"
#include "service.hpp"

int main(int argc, char* argv[]) {
  namespace program = ergo::epmd_program;
  try {
    const std::span<char* const> words{argv, static_cast<std::size_t>(argc)};
    const auto asked = program::read_options(words.empty() ? words : words.subspan(1));
    if (!asked) {
      std::fputs(asked.error().c_str(), stderr);
      return 1;
    }
    return asked->what == program::command::serve ? program::serve(*asked) : program::run_command(*asked);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "epmd: %s\n", failed.what());
    return 1;
  }
}
