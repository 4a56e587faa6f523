// Cookie files.
#include "cookie.hpp"

#include "crypto.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace ergo::inline v0::detail {
namespace {

constexpr std::size_t longest = 255;
constexpr std::size_t most_file_bytes = 4096;

class descriptor {
 public:
  explicit descriptor(int opened) noexcept : fd_{opened} {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

std::unexpected<std::string> problem(const std::string& path, std::string_view text) {
  return std::unexpected{"cookie file " + path + ": " + std::string{text}};
}
std::unexpected<std::string> system_problem(const std::string& path, std::string_view doing) {
  return problem(path, std::string{doing} + ": " + std::strerror(errno));
}

std::string variable(const char* name) {
  const auto* const value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

/// All of it and on the disk, or false with the reason in `errno`: a disk may be full in the middle.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
  return ::fsync(fd) == 0;
}

std::expected<void, std::string> check_file(const std::string& path, int fd) {
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return system_problem(path, "cannot look at it");
  if (!S_ISREG(facts.st_mode)) return problem(path, "is not a regular file");
  if (facts.st_uid != ::geteuid() && ::geteuid() != 0) return problem(path, "belongs to another user");
  if ((facts.st_mode & 077) != 0)
    return problem(path, "can be accessed by others than its owner; run: chmod 400 " + path);
  return {};
}

}  // namespace

cookie_places read_cookie_places(std::string_view option) {
  cookie_places places{.chosen = option.empty() ? variable("ERGO_COOKIE_FILE") : std::string{option},
                       .home = variable("HOME"),
                       .config = variable("XDG_CONFIG_HOME")};
  if (places.config.empty() && !places.home.empty()) places.config = places.home + "/.config";
  return places;
}

std::optional<std::string> parse_cookie(std::string_view text) {
  std::string cookie;
  for (const char character : text) {
    if (character == '\n' || character == '\r' || character == ' ' || character == '\t') continue;
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7F) return std::nullopt;
    cookie += character;
  }
  if (cookie.empty() || cookie.size() > longest) return std::nullopt;
  return cookie;
}

std::string cookie_from(std::span<const std::byte, 32> random) {
  std::string cookie;
  for (const auto byte : random) cookie += static_cast<char>('A' + std::to_integer<int>(byte) % 26);
  return cookie;
}

std::expected<std::string, std::string> read_cookie_file(const std::string& path) {
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return std::string{};
    return system_problem(path, "cannot be read");
  }
  if (auto fine = check_file(path, file.get()); !fine) return std::unexpected{std::move(fine.error())};
  std::array<char, most_file_bytes> text{};
  const auto count = ::read(file.get(), text.data(), text.size());
  if (count < 0) return system_problem(path, "cannot be read");
  auto cookie = parse_cookie({text.data(), static_cast<std::size_t>(count)});
  if (!cookie) return problem(path, "does not hold a cookie of 1 to 255 printable characters");
  return *std::move(cookie);
}

std::expected<std::string, std::string> create_cookie_file(const std::string& path) {
  std::array<std::byte, 32> random{};
  if (!random_bytes(random)) return problem(path, "cannot be made: the random generator does not work");
  auto cookie = cookie_from(random);
  // Written under another name first: whoever sees the file sees all of it.
  auto draft = path + ".XXXXXX";
  const descriptor file{::mkstemp(draft.data())};
  if (!file) return system_problem(path, "cannot be made");
  const auto text = cookie + "\n";
  const bool written = ::fchmod(file.get(), 0400) == 0 && write_all(file.get(), text);
  const bool linked = written && ::link(draft.c_str(), path.c_str()) == 0;
  const auto cause = errno;
  ::unlink(draft.c_str());
  if (linked) return cookie;
  errno = cause;
  if (written && cause == EEXIST) return read_cookie_file(path);
  return system_problem(path, "cannot be made");
}

std::expected<std::string, std::string> find_cookie(const cookie_places& places) {
  if (places.chosen.empty() && places.home.empty()) {
    return std::unexpected{
        std::string{"there is no cookie: neither node_options::cookie, ERGO_COOKIE_FILE nor HOME is set"}};
  }
  std::vector<std::string> candidates;
  if (!places.chosen.empty()) {
    candidates.push_back(places.chosen);
  } else {
    candidates.push_back(places.home + "/.erlang.cookie");
    if (!places.config.empty()) candidates.push_back(places.config + "/erlang/.erlang.cookie");
  }
  for (const auto& path : candidates) {
    auto cookie = read_cookie_file(path);
    if (!cookie || !cookie->empty()) return cookie;
  }
  return create_cookie_file(candidates.front());
}

std::expected<std::string, std::string> own_cookie(const node_options& options) {
  if (options.cookie.empty()) return find_cookie(read_cookie_places(options.cookie_file));
  auto given = parse_cookie(options.cookie);
  if (!given) return std::unexpected{"node_options::cookie is no cookie: 1 to 255 printable characters"};
  return *std::move(given);
}

}  // namespace ergo::inline v0::detail
