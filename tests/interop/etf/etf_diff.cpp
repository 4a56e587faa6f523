// The same bytes, two judges: this library and a live Erlang must agree on what is a term, where it ends, how it is
// written again, and how terms sort. The Erlang half is etf_diff.escript.
#include <ergo/etf/codec.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace ergo::test {
namespace {

namespace fs = std::filesystem;
using etf::term;

/// A folder that ends with the test.
class scratch_folder {
 public:
  scratch_folder() {
    auto pattern = (fs::temp_directory_path() / "ergo-etf-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::string read_file(const fs::path& from) {
  std::ifstream file{from, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }

/// Which Erlang this run is against: that of this machine, or a release that `cmake/otp-releases` has unpacked.
struct judge {
  std::string release = "installed";
  std::string releases_script;

  static judge chosen() {
    const auto* const release = std::getenv("ERGO_TEST_OTP");
    const auto* const script = std::getenv("ERGO_OTP_RELEASES");
    judge made;
    if (release != nullptr && script != nullptr) made = {release, script};
    return made;
  }
  [[nodiscard]] bool installed() const { return release == "installed"; }
  /// A shell command that begins with the program's name, and is answered by this release; files are in `work`.
  [[nodiscard]] std::string command(const fs::path& work, const std::string& line) const {
    if (installed()) return line;
    return quoted(releases_script) + " run " + release + " --work " + quoted(work.string()) + " -- " + line;
  }
  [[nodiscard]] bool here(const fs::path& work) const {
    const auto probe = command(work, "erl -noshell -s erlang halt") + " >/dev/null 2>&1";
    return std::system(probe.c_str()) == 0;
  }
  /// Runs the Erlang half; its exit code, with what it printed shown.
  [[nodiscard]] int run(const fs::path& work, const std::string& arguments) const {
    return std::system(
        command(work, "escript " + quoted((work / "etf_diff.escript").string()) + " " + arguments).c_str());
  }
};

std::vector<std::string> read_corpus(const fs::path& from) {
  const auto all = read_file(from);
  std::vector<std::string> inputs;
  for (std::size_t at = 0; at < all.size();) {
    std::uint32_t size = 0;
    for (int byte = 0; byte < 4; ++byte) size = (size << 8) | static_cast<unsigned char>(all[at++]);
    inputs.push_back(all.substr(at, size));
    at += size;
  }
  return inputs;
}

/// What our side made of one input.
struct answer {
  std::size_t input = 0;
  term value;
};

char sign(std::weak_ordering order) { return order < 0 ? '\0' : order > 0 ? '\2' : '\1'; }

void append_pair(etf::buffer& out, const answer& left, const answer& right) {
  out.append_u32(static_cast<std::uint32_t>(left.input));
  out.append_u32(static_cast<std::uint32_t>(right.input));
  const char verdict[] = {sign(compare(left.value, right.value)), left.value == right.value ? '\1' : '\0',
                          sign(compare_exact(left.value, right.value))};
  out.append({verdict, sizeof verdict});
}

/// Random pairs, and neighbours, which are often related terms.
void append_pairs(etf::buffer& out, const std::vector<answer>& accepted, std::mt19937_64& random) {
  constexpr std::size_t random_pairs = 200'000;
  for (std::size_t pair = 0; pair < random_pairs; ++pair) {
    append_pair(out, accepted[random() % accepted.size()], accepted[random() % accepted.size()]);
  }
  for (std::size_t at = 0; at + 4 < accepted.size(); ++at)
    append_pair(out, accepted[at], accepted[at + 1 + random() % 4]);
}

/// Decodes, encodes and orders the corpus.
/// Returns how many are terms.
std::size_t answer_corpus(const std::vector<std::string>& inputs, const fs::path& to, std::uint64_t seed) {
  etf::buffer out;
  std::vector<answer> accepted;
  for (std::size_t at = 0; at < inputs.size(); ++at) {
    const auto result = etf::decode(std::as_bytes(std::span{inputs[at]}));
    out.append_u8(result ? 1 : 0);
    out.append_u32(result ? static_cast<std::uint32_t>(result->consumed)
                          : static_cast<std::uint32_t>(result.error().code));
    const auto encoded = result ? encode_to_string(result->value) : std::string{};
    out.append_u32(static_cast<std::uint32_t>(encoded.size()));
    out.append(encoded);
    if (result) accepted.push_back({at, result->value});
  }
  REQUIRE_FALSE(accepted.empty());
  std::mt19937_64 random{seed};
  append_pairs(out, accepted, random);
  std::ofstream{to, std::ios::binary} << out.to_string();
  return accepted.size();
}

/// The files of the folders, as inputs; without compressed terms, of which OTP allocates whatever size is announced.
std::vector<std::string> read_folders(const std::vector<fs::path>& folders) {
  std::vector<std::string> inputs;
  for (const auto& folder : folders) {
    for (const auto& entry : fs::directory_iterator{folder}) {
      auto bytes = entry.is_regular_file() ? read_file(entry.path()) : std::string{};
      if (!bytes.empty() && !bytes.starts_with("\x83P")) inputs.push_back(std::move(bytes));
    }
  }
  return inputs;
}

void write_corpus(const std::vector<std::string>& inputs, const fs::path& to) {
  etf::buffer out;
  for (const auto& one : inputs) {
    out.append_u32(static_cast<std::uint32_t>(one.size()));
    out.append(one);
  }
  std::ofstream{to, std::ios::binary} << out.to_string();
}

std::uint64_t chosen_seed() {
  const auto* const chosen = std::getenv("ERGO_TEST_SEED");
  const auto seed = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : std::random_device{}();
  std::printf("seed %llu (ERGO_TEST_SEED repeats it)\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace

TEST_CASE("a live Erlang and this library agree on the literals of all installed modules and on damaged ones") {
  const scratch_folder folder;
  const auto erlang = judge::chosen();
  if (!erlang.here(folder.path())) SKIP("OTP " << erlang.release << " is not here");
  fs::copy_file(ERGO_ETF_INTEROP_DIR "/etf_diff.escript", folder / "etf_diff.escript");
  const auto seed = chosen_seed();
  const auto corpus = folder / "corpus";
  const auto results = folder / "results";
  REQUIRE(erlang.run(folder.path(), "generate " + quoted(corpus.string()) + " " + std::to_string(seed)) == 0);
  const auto inputs = read_corpus(corpus);
  REQUIRE(inputs.size() > 30'000);
  REQUIRE(answer_corpus(inputs, results, seed) > 10'000);
  CHECK(erlang.run(folder.path(), "verify " + quoted(corpus.string()) + " " + quoted(results.string())) == 0);
}

TEST_CASE("a live Erlang and this library agree on whatever the fuzzer of terms has reached") {
  const scratch_folder folder;
  const auto erlang = judge::chosen();
  if (!erlang.here(folder.path())) SKIP("OTP " << erlang.release << " is not here");
  if (erlang.release == "23") SKIP("some bytes that are no term kill the emulator of OTP 23");
  fs::copy_file(ERGO_ETF_INTEROP_DIR "/etf_diff.escript", folder / "etf_diff.escript");
  std::vector<fs::path> folders{ERGO_ETF_INTEROP_DIR "/../../data/fuzz/etf_decode"};
  // What a long run of the fuzzer has learned, such as build/fuzz/corpus/etf_decode.
  if (const auto* const learned = std::getenv("ERGO_FUZZ_CORPUS")) folders.emplace_back(learned);
  const auto inputs = read_folders(folders);
  const auto corpus = folder / "corpus";
  const auto results = folder / "results";
  write_corpus(inputs, corpus);
  REQUIRE(inputs.size() > 100);
  REQUIRE(answer_corpus(inputs, results, chosen_seed()) > 0);
  CHECK(erlang.run(folder.path(), "verify " + quoted(corpus.string()) + " " + quoted(results.string())) == 0);
}

}  // namespace ergo::test
