// Calls whose answers are waited for later, one or many at a time, and calls to one name on many nodes: what
// `gen_server:send_request`, `receive_response`, `wait_response`, `check_response`, request-id collections,
// `multi_call` and `abcast` are to an Erlang process.
#pragma once

#include <ergo/otp/call.hpp>

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp {
namespace detail {

using open_request = std::unique_ptr<ergo::detail::call_record>;

/// A wait for one of several open requests, or for all. Lives in the awaiting frame; not movable.
class requests_awaiter : public ergo::detail::waiting {
 public:
  enum class until : std::uint8_t { one, all };
  requests_awaiter(process& self, std::vector<const ergo::detail::call_record*> open, duration timeout, until wanted)
      : waiting{self, timeout}, open_{std::move(open)}, wanted_{wanted} {}
  [[nodiscard]] bool await_ready() const noexcept;
  void await_resume() const noexcept {}
  bool over(process& /*self*/) final { return await_ready() || time_is_up(); }

 private:
  std::vector<const ergo::detail::call_record*> open_;
  until wanted_;
};

}  // namespace detail

/// A request on its way: `ReqId` of `gen_server:send_request/2`. Owned by the process that sent it, which abandons it
/// with this object; then a late answer never surfaces. Movable.
class sent_request {
 public:
  sent_request(process& self, const destination& to, term request);
  sent_request(sent_request&&) noexcept = default;
  sent_request& operator=(sent_request&& other) noexcept;
  ~sent_request();

  /// The answer or why there is none, if either is known: `check_response`. Does not wait.
  [[nodiscard]] std::optional<ergo::result<term>> check() const;
  /// Waits for the answer as `call` does, but a request that is not answered within `timeout` stays open:
  /// `wait_response/2`.
  template <typename T = term>
  [[nodiscard]] task<ergo::result<T>> wait(duration timeout = forever) {
    auto answer = co_await wait_term(timeout);
    co_return detail::convert_answer<T>(std::move(answer));
  }
  /// As `wait`, but after `timeout` the request is abandoned: `receive_response/2`.
  template <typename T = term>
  [[nodiscard]] task<ergo::result<T>> receive(duration timeout = default_call_timeout) {
    auto answer = co_await wait_term(timeout);
    if (!check()) abandon();
    co_return detail::convert_answer<T>(std::move(answer));
  }

 private:
  template <typename Label>
  friend class request_collection;
  [[nodiscard]] task<ergo::result<term>> wait_term(duration timeout);
  void abandon() noexcept;

  process* self_;
  detail::open_request record_;  // null once abandoned
};

/// Sends `request` as `call` does, and returns at once.
template <typename Request>
[[nodiscard]] sent_request send_request(process& self, const destination& to, const Request& request) {
  return sent_request{self, to, ergo::detail::as_term(request)};
}

/// An answer of a collection, and the label of its request.
template <typename Label>
struct labelled_response {
  Label label;
  ergo::result<term> answer;
};

/// Requests on their way, each with a label: `gen_server:reqids_new/0` and what is done with it.
template <typename Label = term>
class request_collection {
 public:
  /// Sends a request and keeps it: `send_request/4`.
  template <typename Request>
  void send(process& self, const destination& to, const Request& request, Label label) {
    add(send_request(self, to, request), std::move(label));
  }
  void add(sent_request request, Label label) { open_.emplace_back(std::move(request), std::move(label)); }
  [[nodiscard]] std::size_t size() const noexcept { return open_.size(); }

  /// The next answer, whichever comes first, whose request leaves the collection. Fails with `not_found` when the
  /// collection is empty; with `timeout`, and then all requests stay.
  [[nodiscard]] task<ergo::result<labelled_response<Label>>> wait(process& self, duration timeout = forever) {
    if (open_.empty()) co_return fail(errc::not_found);
    std::vector<const ergo::detail::call_record*> records;
    for (const auto& [request, label] : open_) records.push_back(request.record_.get());
    detail::requests_awaiter waiting{self, std::move(records), timeout, detail::requests_awaiter::until::one};
    co_await waiting;
    auto next = check();
    if (!next) co_return fail(errc::timeout);
    co_return *std::move(next);
  }
  /// As `wait`, but after `timeout` all requests are abandoned: `receive_response/3`.
  [[nodiscard]] task<ergo::result<labelled_response<Label>>> receive(process& self, duration timeout) {
    auto next = co_await wait(self, timeout);
    if (!next && next.error() == errc::timeout) open_.clear();
    co_return std::move(next);
  }
  /// An answer that is there already, if there is one. Does not wait.
  [[nodiscard]] std::optional<labelled_response<Label>> check() {
    for (auto each = open_.begin(); each != open_.end(); ++each) {
      auto answer = each->first.check();
      if (!answer) continue;
      labelled_response<Label> found{std::move(each->second), *std::move(answer)};
      open_.erase(each);
      return found;
    }
    return std::nullopt;
  }

 private:
  std::vector<std::pair<sent_request, Label>> open_;
};

/// What came of a call to many nodes, in the order of the nodes.
template <typename T = term>
struct multi_answers {
  std::vector<std::pair<atom, T>> replies;
  std::vector<std::pair<atom, error>> failures;  ///< nodes without an answer, and why
};

namespace detail {
[[nodiscard]] task<std::vector<ergo::result<term>>> call_all(process& self, std::vector<atom> nodes, atom name,
                                                             term request, duration timeout);
/// This node and the visible ones that it is connected with.
[[nodiscard]] std::vector<atom> all_nodes(const process& self);
}  // namespace detail

/// Calls the server `name` on each of `nodes` at once, and waits until all have answered or `timeout` is over:
/// `gen_server:multi_call/4`. A node that answers with what is no `T` is among the failures.
template <typename T = term, typename Request>
[[nodiscard]] task<multi_answers<T>> multi_call(process& self, std::vector<atom> nodes, atom name, Request request,
                                                duration timeout = forever) {
  const term wanted = ergo::detail::as_term(request);
  auto answers = co_await detail::call_all(self, nodes, name, wanted, timeout);
  multi_answers<T> all;
  for (std::size_t index = 0; index < nodes.size(); ++index) {
    auto answer = detail::convert_answer<T>(std::move(answers[index]));
    if (answer) {
      all.replies.emplace_back(nodes[index], *std::move(answer));
    } else {
      all.failures.emplace_back(nodes[index], std::move(answer).error());
    }
  }
  co_return all;
}
/// The same on this node and the visible ones that it is connected with.
template <typename T = term, typename Request>
[[nodiscard]] task<multi_answers<T>> multi_call(process& self, atom name, Request request, duration timeout = forever) {
  return multi_call<T>(self, detail::all_nodes(self), name, std::move(request), timeout);
}

/// Casts `content` to the server `name` on each of `nodes`; never fails.
template <typename Content>
void abcast(process& self, std::span<const atom> nodes, atom name, const Content& content) {
  const term sent = ergo::detail::as_term(content);
  for (const auto node : nodes) (void)self.send_cast({name, node}, sent);
}
/// The same on this node and the visible ones that it is connected with.
template <typename Content>
void abcast(process& self, atom name, const Content& content) {
  const auto nodes = detail::all_nodes(self);
  abcast(self, nodes, name, content);
}

}  // namespace ergo::inline v0::otp
