// The server's open connections and their three orders: by number, by age, and by age within one source address.
// Private to the server.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>

#include "ergo/epmd/session.hpp"

namespace ergo::inline v0::epmd {

/// One client. Kept alive by the coroutine that serves it, so it may outlive its place in the table.
struct connection {
  connection(boost::asio::ip::tcp::socket with, session_terms terms)
      : socket{std::move(with)}, machine{terms}, where{terms.peer}, descriptor{terms.descriptor} {}

  boost::asio::ip::tcp::socket socket;
  session machine;
  locality where;
  int descriptor;
  boost::asio::ip::tcp::endpoint peer;
  boost::asio::ip::address source;
  std::chrono::steady_clock::time_point deadline;
  bool has_begun = false;  ///< a byte of its request has come
  boost::intrusive::list_member_hook<> by_age;
  boost::intrusive::list_member_hook<> by_source;
};

/// All open connections. Those without a registration are *transient*: ordered by age, counted per source address,
/// and the first to go when there are too many. All of them have equally long until their deadline, so age orders the
/// deadlines.
class connection_table {
 public:
  /// Takes a new, transient connection.
  void add(std::shared_ptr<connection> client);
  /// The age of a transient connection, and so its deadline, counts from now.
  void renew(connection& client);
  /// The connection has become a registration: it is not transient any more.
  void settle(connection& client);
  /// Drops a connection; it may be destroyed by that unless the caller holds it.
  void remove(connection& client);

  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  /// Transient connections from one source address.
  [[nodiscard]] std::size_t transient_from(const boost::asio::ip::address& source) const;
  /// The oldest transient connection, or nullptr.
  [[nodiscard]] std::shared_ptr<connection> oldest();
  /// The oldest transient connection from one source address, or nullptr.
  [[nodiscard]] std::shared_ptr<connection> oldest_from(const boost::asio::ip::address& source);
  [[nodiscard]] std::shared_ptr<connection> find(owner_id id) const;
  /// Any connection, or nullptr when there is none.
  [[nodiscard]] std::shared_ptr<connection> any() const;

 private:
  template <auto Hook>
  using ordered =
      boost::intrusive::list<connection,
                             boost::intrusive::member_hook<connection, boost::intrusive::list_member_hook<>, Hook>>;
  using from_one_source = ordered<&connection::by_source>;

  std::unordered_map<owner_id, std::shared_ptr<connection>> all_;
  ordered<&connection::by_age> by_age_;
  std::unordered_map<boost::asio::ip::address, from_one_source> by_source_;
};

}  // namespace ergo::inline v0::epmd
