#include <ergo/operations.hpp>

#include "server.hpp"

#include <boost/system/system_error.hpp>

#include <utility>

namespace ergo::inline v0 {

operations::operations(std::unique_ptr<server> made) : server_{std::move(made)} {}

operations::~operations() { server_->close(); }

result<std::unique_ptr<operations>> operations::start(node& of, operations_options options) {
  const auto place = options.address + ":" + std::to_string(options.port);
  auto made = std::make_unique<server>(of, std::move(options));
  try {
    made->open();
  } catch (const boost::system::system_error& failed) {
    return fail(errc::badarg, etf::binary("cannot listen at " + place + ": " + failed.code().message()));
  }
  return std::unique_ptr<operations>{new operations{std::move(made)}};
}

std::uint16_t operations::port() const noexcept { return server_->port(); }

void operations::add(std::string path, http_page page) { server_->add(std::move(path), std::move(page)); }

}  // namespace ergo::inline v0
