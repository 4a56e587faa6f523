// Open requests are call records that live outside of any frame.
#include <ergo/otp/requests.hpp>

#include <ergo/local_node.hpp>

#include <algorithm>

namespace ergo::inline v0::otp {
namespace {

using ergo::detail::call_record;

bool is_self(const process& self, const destination& to) {
  if (!to.by_name()) return to.process() == self.id();
  const bool here = to.node() == atom{} || to.node() == self.node().name();
  return here && self.name() != atom{} && self.name() == to.name();
}

}  // namespace

namespace detail {

bool requests_awaiter::await_ready() const noexcept {
  const auto done = [](const call_record* record) { return record->status != call_record::state::waiting; };
  return wanted_ == until::all ? std::ranges::all_of(open_, done) : std::ranges::any_of(open_, done);
}

task<std::vector<ergo::result<term>>> call_all(process& self, std::vector<atom> nodes, atom name, term request,
                                               duration timeout) {
  std::vector<sent_request> sent;
  sent.reserve(nodes.size());
  for (const auto node : nodes) sent.emplace_back(self, destination{name, node}, request);
  const auto limit = timeout == forever ? time_point::max() : after(self.now(), timeout);
  std::vector<ergo::result<term>> answers;
  answers.reserve(sent.size());
  for (auto& one : sent) {
    const auto left = limit == time_point::max() ? forever : std::max(limit - self.now(), duration::zero());
    auto answer = co_await one.wait(left);
    answers.push_back(std::move(answer));
  }
  co_return answers;
}

std::vector<atom> all_nodes(const process& self) {
  auto nodes = self.node().connected().list(node_set::visible);
  nodes.insert(nodes.begin(), self.node().name());
  return nodes;
}

}  // namespace detail

// A request to oneself would never be answered before the process waits for it.
sent_request::sent_request(process& self, const destination& to, term request)
    : self_{&self}, record_{std::make_unique<call_record>()} {
  if (is_self(self, to)) {
    record_->status = call_record::state::failed;
  } else {
    start_call(self, *record_, to, std::move(request));
  }
}

sent_request& sent_request::operator=(sent_request&& other) noexcept {
  abandon();
  self_ = other.self_;
  record_ = std::move(other.record_);
  return *this;
}

sent_request::~sent_request() { abandon(); }

void sent_request::abandon() noexcept {
  if (record_) close_call(*self_, *record_);
  record_.reset();
}

std::optional<ergo::result<term>> sent_request::check() const {
  if (!record_) return ergo::result<term>{fail(errc::cancelled)};
  if (record_->status == call_record::state::waiting) return std::nullopt;
  if (record_->ref == 0) return ergo::result<term>{fail(errc::calling_self)};
  return outcome_of(*record_);
}

task<ergo::result<term>> sent_request::wait_term(duration timeout) {
  if (record_ && !check()) {
    std::vector<const call_record*> only{record_.get()};
    detail::requests_awaiter waiting{*self_, std::move(only), timeout, detail::requests_awaiter::until::all};
    co_await waiting;
  }
  auto answer = check();
  if (!answer) co_return fail(errc::timeout);
  co_return *std::move(answer);
}

}  // namespace ergo::inline v0::otp
