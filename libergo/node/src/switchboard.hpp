// The cold side of a node: calls peers, answers calls, and does what the connection table decides. Everything here runs
// on the reactor of core 0; connections and users post to it.
#pragma once

#include "attempt.hpp"
#include "calling.hpp"
#include "connection.hpp"
#include "news.hpp"
#include "node_counts.hpp"
#include "router.hpp"

#include <ergo/dist/allow_list.hpp>
#include <ergo/dist/gate.hpp>
#include <ergo/dist/peers.hpp>
#include <ergo/node.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace ergo::inline v0::detail {

/// How this node presents itself in handshakes.
struct identity {
  std::string name;
  std::uint32_t creation = 0;
  dist::naming naming = dist::naming::any;
  dist::flags offer = dist::pass_through_offer;
  std::string cookie;
  std::map<std::string, std::string, std::less<>> peer_cookies;
  dist::allow_list allow;
  std::shared_ptr<tls_keeper> tls;  ///< null: in the clear
  std::string named_by;             ///< the peer that has given us our name, if one has
};

class switchboard final : public connection_owner,
                          public handshake_host,
                          public std::enable_shared_from_this<switchboard> {
 public:
  using outcome_handler = std::move_only_function<void(result<void>)>;

  switchboard(boost::asio::io_context& on, identity who, const node_limits& limits, peer_locator locate,
              event_handler report);
  ~switchboard() override;

  // Any thread.

  void use(router& ways) noexcept { router_ = &ways; }  ///< before anything else
  /// Takes the first call of the node over, which was made before it had a name. Before anything else.
  void adopt(std::shared_ptr<attempt> made) noexcept { made_ = std::move(made); }
  void wanted(connection& by) override;
  void lost(connection& by, dist::attempt_id session, const dist::peer_reason& reason) override;
  void broke(const connection& by, breach how, std::string_view text) override;
  void crowded() override { router_->relieve(); }
  void cut_short(const connection& by, std::size_t bytes) override;
  void refused(atom whom, std::string_view option) override;
  /// Connects and tells how it went, on the reactor; at once when the peer is up.
  void connect(std::string peer, outcome_handler told);
  void disconnect(std::string peer, dist::attempt_id only);
  [[nodiscard]] node_counts& counts() noexcept { return counts_; }
  [[nodiscard]] std::vector<atom> nodes(node_set which) const;
  [[nodiscard]] bool is_connected(std::string_view peer) const;
  [[nodiscard]] subscription subscribe(node_observer observer);
  /// Ends everything; `done` is called on the reactor when nothing is left.
  void stop(std::move_only_function<void()> done);

  // The reactor.

  /// A socket that somebody else opened to us.
  void accepted(boost::asio::ip::tcp::socket socket);
  /// The program had no descriptor for a caller: `turned_away` of them were closed instead.
  void short_of_descriptors(std::size_t turned_away);
  /// There was no memory for a caller: it is closed, and others come.
  void short_of_memory();

 private:
  struct observers;
  struct waiting {
    std::string peer;
    outcome_handler told;
  };
  using peering_event = dist::peering::event;

  void await(const std::string& peer, outcome_handler told);
  void handle(peering_event event);
  void carry_out_all(const peering_event& event);
  [[nodiscard]] dist::peering::commands decide(const peering_event& event);
  void on(dist::peering::dial& command);
  void on(dist::peering::admit& command);
  void on(dist::peering::conclude& command);
  void on(dist::peering::close& command);
  void on(dist::peering::nodeup& command);
  void on(dist::peering::nodedown& command);
  void bring_up(const dist::peering::nodeup& command);
  void on(dist::peering::granted& command);
  void on(dist::peering::denied& command);
  void on(dist::peering::await_peer& command);

  void give_name(attempt& by, std::string_view host);
  void lose_name();
  [[nodiscard]] bool has_lost_name(std::string_view peer) const;
  void ask(attempt& by, const dist::handshake::ask& question) override;
  void ask_alive(attempt& by) override;
  void commit(attempt& by) override;
  void progressed(attempt& by) override;

  boost::asio::awaitable<void> dial(std::shared_ptr<attempt> call);
  boost::asio::awaitable<void> answer(std::shared_ptr<attempt> call);
  boost::asio::awaitable<void> judge(const std::shared_ptr<attempt>& call);
  void refuse(const std::shared_ptr<attempt>& call, const dist::handshake_failure& failure);
  boost::asio::awaitable<bool> encrypt(std::shared_ptr<attempt> call);
  void finish(const std::shared_ptr<attempt>& call);
  void give_up(const std::shared_ptr<attempt>& call, const dist::peer_reason& reason);
  void add(const std::shared_ptr<attempt>& call);
  void settle(attempt& call) noexcept;
  void count_failure(const attempt& call, const dist::peer_reason& reason) noexcept;
  void forget(dist::attempt_id id);
  void begin(const std::shared_ptr<attempt>& call);
  void break_off(const std::shared_ptr<attempt>& call);
  void finish_stop();

  [[nodiscard]] dist::handshake_config config_for(attempt& call);
  [[nodiscard]] const std::string& cookie_for(std::string_view peer) const;
  [[nodiscard]] std::shared_ptr<attempt> find(dist::attempt_id id) const;
  void tell(const node_event& news);
  void publish(const node_event& news);
  [[nodiscard]] bool is_believed(attempt& by, std::string_view node);
  void report_failure(const attempt& call, const dist::handshake_failure& failure);
  void report_refusal(const attempt& call, std::string_view peer, std::string_view why);
  void report_refusal(std::string_view from, std::string_view peer, std::string_view why);
  [[nodiscard]] bool has_room_for(std::string_view peer);
  void note(log_level level, std::string text);
  void report(std::string_view whom, event happened);

  boost::asio::io_context& context_;
  identity who_;
  const node_limits& limits_;
  peer_locator locate_;
  event_handler report_;
  node_counts counts_;
  router* router_ = nullptr;

  // The reactor.
  dist::peers peers_;
  dist::gate gate_;
  dist::challenge_book book_;
  dist::name_pool names_;
  std::shared_ptr<attempt> made_;
  std::unordered_map<dist::attempt_id, std::shared_ptr<attempt>> attempts_;
  std::unordered_map<dist::waiter_id, waiting> waiters_;
  std::list<boost::asio::steady_timer> waits_;  // for peers that have to call first
  std::uint64_t last_waiter_ = 0;
  std::vector<peering_event> pending_;
  std::size_t connected_ = 0;  // peers that are up
  bool busy_ = false;
  bool stopping_ = false;
  std::move_only_function<void()> stopped_;
  news_limit strangers_;  // events about callers that were refused

  // Any thread.
  std::shared_ptr<observers> observers_;
  std::mutex news_mutex_;
  news_limit news_;  // about each peer
};

}  // namespace ergo::inline v0::detail
