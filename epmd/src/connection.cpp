// Bookkeeping of open connections.
#include "connection.hpp"

namespace ergo::inline v0::epmd {

void connection_table::add(std::shared_ptr<connection> client) {
  auto& added = *client;
  all_.emplace(added.machine.id(), std::move(client));
  by_age_.push_back(added);
  by_source_[added.source].push_back(added);
}

void connection_table::renew(connection& client) {
  by_age_.splice(by_age_.end(), by_age_, by_age_.iterator_to(client));
  auto& bucket = by_source_.find(client.source)->second;
  bucket.splice(bucket.end(), bucket, bucket.iterator_to(client));
}

void connection_table::settle(connection& client) {
  if (!client.by_age.is_linked()) return;
  by_age_.erase(by_age_.iterator_to(client));
  const auto bucket = by_source_.find(client.source);
  bucket->second.erase(bucket->second.iterator_to(client));
  if (bucket->second.empty()) by_source_.erase(bucket);
}

void connection_table::remove(connection& client) {
  settle(client);
  all_.erase(client.machine.id());
}

std::size_t connection_table::transient_from(const boost::asio::ip::address& source) const {
  const auto bucket = by_source_.find(source);
  return bucket == by_source_.end() ? 0 : bucket->second.size();
}

std::shared_ptr<connection> connection_table::oldest() {
  return by_age_.empty() ? nullptr : find(by_age_.front().machine.id());
}

std::shared_ptr<connection> connection_table::oldest_from(const boost::asio::ip::address& source) {
  const auto bucket = by_source_.find(source);
  return bucket == by_source_.end() ? nullptr : find(bucket->second.front().machine.id());
}

std::shared_ptr<connection> connection_table::find(owner_id id) const {
  const auto found = all_.find(id);
  return found == all_.end() ? nullptr : found->second;
}

std::shared_ptr<connection> connection_table::any() const { return all_.empty() ? nullptr : all_.begin()->second; }

}  // namespace ergo::inline v0::epmd
