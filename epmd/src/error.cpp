// Texts of the port mapper's error codes.
#include "ergo/epmd/error.hpp"

#include <string>

namespace ergo::inline v0::epmd {
namespace {

class epmd_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "ergo.epmd"; }
  std::string message(int code) const override { return std::string{describe(static_cast<errc>(code))}; }
};

}  // namespace

const std::error_category& category() noexcept {
  static const epmd_category instance;
  return instance;
}

std::string_view describe(errc code) noexcept {
  switch (code) {
    case errc::ok: return "no error";
    case errc::bad_length: return "the announced length is not that of a request";
    case errc::trailing_bytes: return "more bytes than announced";
    case errc::unknown_request: return "unknown request";
    case errc::truncated: return "fields do not fit into the message";
    case errc::empty_name: return "the name is empty";
    case errc::nul_in_name: return "the name holds a NUL byte";
    case errc::bad_encoding: return "the name is not UTF-8";
    case errc::name_too_long: return "the name has more than 255 characters";
    case errc::extra_too_long: return "more than 1020 bytes of extra data";
    case errc::name_taken: return "the name is already registered";
    case errc::not_local: return "the request is allowed to local peers only";
    case errc::not_allowed: return "the request needs the relaxed command check";
    case errc::too_many_names: return "no more names are accepted";
    case errc::closed_early: return "the connection was closed before the exchange was complete";
    case errc::not_silent: return "bytes on a connection that has to be silent";
    case errc::timed_out: return "the deadline has passed";
    case errc::displaced: return "closed to make room for a newer client";
    case errc::no_memory: return "there is no memory for the request";
    case errc::stopped: return "stopped";
    case errc::connection_lost: return "the connection to the port mapper was lost";
    case errc::cannot_resolve: return "the host name has no address";
    case errc::cannot_connect: return "cannot connect to the port mapper";
    case errc::cannot_listen: return "cannot listen on an address";
    case errc::address_in_use: return "another port mapper listens there";
    case errc::bad_answer: return "the answer is not that of a port mapper";
    case errc::not_found: return "the name is not registered";
    case errc::cancelled: return "cancelled";
    case errc::bad_environment: return "an environment variable cannot be understood";
  }
  return "unknown error";
}

}  // namespace ergo::inline v0::epmd
