// Runs a harness on files, for builds without libFuzzer: on each file of the folders and on each file given.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

/// A harness that aborts leaves the name of the file as the last line.
void run(const fs::path& file) {
  std::cout << file.filename().string() << std::endl;  // before anything can go wrong
  std::ifstream in{file, std::ios::binary};
  const std::vector<char> bytes{std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
  const std::vector<std::uint8_t> input{bytes.begin(), bytes.end()};  // without slack
  (void)LLVMFuzzerTestOneInput(input.data(), input.size());
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t files = 0;
  for (int at = 1; at < count; ++at) {
    const fs::path given{arguments[at]};
    if (!fs::is_directory(given)) {
      run(given);
      ++files;
      continue;
    }
    for (const auto& entry : fs::directory_iterator{given}) {
      if (!entry.is_regular_file()) continue;
      run(entry.path());
      ++files;
    }
  }
  std::cout << files << " inputs\n";
  return files == 0 ? 2 : 0;
}
