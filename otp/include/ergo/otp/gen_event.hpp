// An event manager with handlers, as OTP's gen_event: `otp::start<otp::event_manager>(self, options, known)`.
//
// A handler is any class with these members, each of them optional, plain or a coroutine (`ergo::task`):
//
//   constructor, or init(self, arguments)   -> void, refuse(reason)         events, calls, infos: tables by otp::on
//   handle_event(self, event)               -> void, handler_result         handle_info(self, message)  -> likewise
//   handle_call(self, request)              -> an answer, handler_result    terminate(self, how)        -> void or a
//
// What `sys` shows and does, plain: state() const -> term and state(term), which are made of the members where
// Boost.Describe knows them; format_status(otp::status) const -> otp::status;
// code_change(self, old_version, state, extra) -> void, otp::result.
//
// Every parameter may be left out; `message` may be `const ergo::message&` or `const ergo::term&`, the others are
// terms. A handler that throws is removed and reported, and nobody else is hurt. What no entry of `events` takes and no
// `handle_event` is function_clause, as in OTP; `match<ergo::term>` takes everything.
#pragma once

#include <ergo/otp/detail/handler_shim.hpp>
#include <ergo/otp/gen_server.hpp>
#include <ergo/otp/handler_result.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace ergo::inline v0::otp {
namespace detail {
class manager_callbacks;
}  // namespace detail

/// The handlers that a manager can be asked for, by the atom that stands for a module in Erlang: who adds a handler,
/// here or from Erlang, names one of these. A value; copied with the manager's arguments.
class event_handlers {
 public:
  using maker = std::function<std::unique_ptr<detail::event_handler>()>;

  /// Makes handlers of class `Handler` under `name`; each is constructed in the manager with the arguments of who adds
  /// it, a term. A later one of the same name replaces the earlier.
  template <typename Handler>
  event_handlers& provide(atom name) {
    return provide(name, [] { return std::make_unique<detail::handler_shim<Handler>>(); });
  }
  /// The same for handlers whose constructor takes `given`, which is copied to each, before the arguments.
  template <typename Handler, typename... Given>
    requires(sizeof...(Given) > 0)
  event_handlers& provide(atom name, const Given&... given) {
    return provide(name, [given...] { return std::make_unique<detail::handler_shim<Handler, Given...>>(given...); });
  }

  /// A new handler, or null.
  [[nodiscard]] std::unique_ptr<detail::event_handler> make(atom name) const;

 private:
  event_handlers& provide(atom name, maker make);

  std::vector<std::pair<atom, maker>> makers_;
};

/// The server class of event managers. Understands all messages of gen_event of OTP 23 and later, so that Erlang adds
/// handlers of ours to it, notifies and calls them.
///
/// It traps exits. Handlers see an event one after the other, those added last first. One that was added with
/// `add_sup_handler` is removed when the process that added it ends, and that process is told of its end with
/// `{gen_event_EXIT, Handler, Reason}`. A handler that nobody provides is answered as Erlang does for a module that
/// does not exist, `{'EXIT', {undef, …}}`, and reported.
class event_manager {
 public:
  explicit event_manager(event_handlers known = {}) : known_{std::move(known)} {}

  void init(process& self);
  task<result> handle_call(process& self, const term& request, const from& caller);
  task<result> handle_cast(process& self, const term& cast);
  task<result> handle_info(process& self, const message& info);
  task<> terminate(process& self);
  /// `[{Module, Id | false, State}]`, as `sys:get_state/1` of a gen_event.
  [[nodiscard]] term state() const;

 private:
  friend class detail::manager_callbacks;

  struct entry {
    atom module;
    term id = term{false};  // `false`: the handler is known by its module alone
    std::optional<pid> supervisor;
    std::unique_ptr<detail::event_handler> code;

    [[nodiscard]] term name() const;
  };
  struct ending {
    term how;     // for terminate
    term reason;  // for the supervisor
    term last;    // what it was given last
  };

  task<std::optional<term>> answer(process& self, term request);
  task<term> add(process& self, term handler, term arguments, std::optional<pid> supervisor);
  task<term> swap(process& self, term first, term how, term second, term arguments, std::optional<pid> supervisor);
  task<term> remove(process& self, term handler, term how);
  task<term> call(process& self, term handler, term request);
  task<> notify(process& self, term event);
  task<> inform(process& self, const message& info);
  task<> inform_of(process& self, term info);
  task<> exited(process& self, const message& info);
  task<result> stop_asked(process& self, term answer_of);

  /// What became of the handler at `at` after its code decided; false if it is gone.
  task<bool> settle(process& self, std::size_t at, detail::handler_attempt outcome, term last);
  task<bool> replace(process& self, std::size_t at, handler_result decision);
  task<term> end(process& self, entry gone, ending how);
  task<> stop_all(process& self);
  void report(process& self, const entry& gone, const ending& how) const;
  [[nodiscard]] entry take(std::size_t at);
  [[nodiscard]] std::optional<std::size_t> find(const term& handler) const;
  [[nodiscard]] bool is_parent(const process& self, const pid& other) const;

  event_handlers known_;
  std::vector<entry> entries_;
};

namespace detail {

/// What `sys` sees of an event manager is that of a gen_event.
class manager_callbacks : public server_callbacks<event_manager> {
 private:
  [[nodiscard]] atom system_module() const noexcept final { return "gen_event"_atom; }
  [[nodiscard]] task<term> replace_system_state(process& self, new_state next) final;
  [[nodiscard]] std::optional<term> change_code(process& self, term module, term old_version, term extra) final;
  [[nodiscard]] term system_status(process& self, const status_facts& facts) const final;
  [[nodiscard]] std::string describe_event(process& self, const term& event) const final;
  void note_answer(process& /*self*/, const term& /*value*/) final {}
  void note_state(process& /*self*/) final {}
};

/// An event manager with its arguments.
template <typename... Argument>
class server_shim<event_manager, Argument...> final
    : public constructed<manager_callbacks, event_manager, Argument...> {
 public:
  using constructed<manager_callbacks, event_manager, Argument...>::constructed;
};

}  // namespace detail

// What processes ask of a manager, here or on any node, an Erlang one included. A handler is named by the atom of its
// class or module, or `{Atom, Id}`. Requests fail as `otp::call` does.
namespace gen_event {

/// Gives `event` to all handlers. Never fails; the result may be ignored.
template <typename T>
ergo::detail::send_awaiter notify(process& self, const destination& manager, const T& event) {
  return self.send(manager, etf::tuple("notify"_atom, ergo::detail::as_term(event)));
}
/// The same, and waits until all have handled it.
template <typename T>
[[nodiscard]] typed_call<void> sync_notify(process& self, const destination& manager, const T& event) {
  return {self, manager, etf::tuple("sync_notify"_atom, ergo::detail::as_term(event)), forever};
}
/// Adds a handler: `ok`, `{error, Reason}`, or `{'EXIT', Reason}` when its construction failed.
template <typename T = term>
[[nodiscard]] typed_call<term> add_handler(process& self, const destination& manager, const term& handler,
                                           const T& arguments = {}) {
  return {self, manager, etf::tuple("add_handler"_atom, handler, ergo::detail::as_term(arguments)), forever};
}
/// The same, and supervises it: this process is linked to the manager, and told when the handler is gone.
template <typename T = term>
[[nodiscard]] typed_call<term> add_sup_handler(process& self, const destination& manager, const term& handler,
                                               const T& arguments = {}) {
  return {self, manager, etf::tuple("add_sup_handler"_atom, handler, ergo::detail::as_term(arguments), self.id()),
          forever};
}
/// Removes a handler: what its `terminate(how)` returned, `{error, module_not_found}`, or `{'EXIT', Reason}`.
template <typename T = term>
[[nodiscard]] typed_call<term> delete_handler(process& self, const destination& manager, const term& handler,
                                              const T& how = {}) {
  return {self, manager, etf::tuple("delete_handler"_atom, handler, ergo::detail::as_term(how)), forever};
}
/// Replaces a handler by another, which is constructed with `{Arguments, what terminate(how) of the first returned}`:
/// `ok` or `{error, Reason}`.
[[nodiscard]] typed_call<term> swap_handler(process& self, const destination& manager,
                                            const std::pair<term, term>& handler_and_how,
                                            const std::pair<term, term>& handler_and_arguments);
/// The same, and supervises the new one.
[[nodiscard]] typed_call<term> swap_sup_handler(process& self, const destination& manager,
                                                const std::pair<term, term>& handler_and_how,
                                                const std::pair<term, term>& handler_and_arguments);
/// Calls one handler: its answer, `{error, bad_module}`, or `{error, {'EXIT', Reason}}` when that was its end.
template <typename Answer = term, typename T>
[[nodiscard]] typed_call<Answer> call(process& self, const destination& manager, const term& handler, const T& request,
                                      duration timeout = default_call_timeout) {
  return {self, manager, etf::tuple("call"_atom, handler, ergo::detail::as_term(request)), timeout};
}
/// The handlers that are there, those added last first.
[[nodiscard]] typed_call<std::vector<term>> which_handlers(process& self, const destination& manager);

}  // namespace gen_event
}  // namespace ergo::inline v0::otp
