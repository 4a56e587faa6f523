// docs_extract DOCUMENT PART OUTPUT: writes the one block of code in DOCUMENT that holds PART, so that the compiler
// sees what readers see. Its messages name the document and the line there.
#include "markdown.hpp"

#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "docs_extract DOCUMENT PART OUTPUT\n";
    return 2;
  }
  try {
    const auto found = ergo_docs::block_with(ergo_docs::read_file(argv[1]), argv[2]);
    std::ofstream output{argv[3]};
    output << "#line " << found.line << " \"" << std::filesystem::path{argv[1]}.filename().string() << "\"\n"
           << found.text;
    if (output.flush()) return 0;
    std::cerr << "docs_extract: cannot write " << argv[3] << '\n';
  } catch (const std::exception& failed) {
    std::cerr << "docs_extract: " << argv[1] << ": " << failed.what() << '\n';
  }
  return 1;
}
