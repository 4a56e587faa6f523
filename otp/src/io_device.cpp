// The process of a device: carries out what the machine decides, one text after the other.
#include <ergo/otp/io_device.hpp>

#include "io_machine.hpp"

#include <ergo/otp/outside.hpp>

#include <mutex>
#include <utility>

namespace ergo::inline v0::otp::io {

// Threads of a terminal send through it until the device closes it. The mutex is held while a message is sent, so that
// no thread still touches the node, or its runtime, when the device has gone.
class input_port::mouth {
 public:
  mouth(local_node& node, const pid& device, const term& key) : node_{&node}, device_{device}, key_{key} {}

  void say(const term& content) {
    const std::lock_guard held{mutex_};
    if (node_ == nullptr) return;
    node_->route_local(device_,
                       ergo::detail::make_signal(ergo::detail::signal_kind::message, pid{}, etf::tuple(key_, content)));
  }
  void close() {
    const std::lock_guard held{mutex_};
    node_ = nullptr;
  }

 private:
  std::mutex mutex_;
  local_node* node_;
  const pid device_;
  const term key_;
};

namespace {

using detail::io_machine;
using detail::io_reply;
using detail::io_step;
using detail::io_want;
using detail::io_write;

constexpr unsigned messages_per_turn = 64;

// A message of the input port: `{Key, Bytes | eof}`.
void take_input(io_machine& machine, const term& told) {
  const auto& content = told.elements()[1];
  if (content.is_binary()) return machine.feed(content.bytes());
  machine.end_input();
}

void take_message(io_machine& machine, const message& received, const term& key, const terminal& screen) {
  if (received.kind() != ergo::detail::signal_kind::message) return;
  const auto& told = received.payload();
  if (told.is_tuple(2) && told.elements()[0] == key) return take_input(machine, told);
  if (!etf::is_tagged(told, "io_request"_atom, 4)) return;
  const auto parts = told.elements();
  const auto from = parts[1].as_pid();
  if (from) machine.ask(*from, parts[2], parts[3], {.size = screen.size(), .keeps_secrets = screen.keeps_secrets()});
}

// The port of a device for as long as its process lives.
class open_port {
 public:
  open_port(process& self, const term& key)
      : mouth_{std::make_shared<input_port::mouth>(self.node(), self.id(), key)}, port_{mouth_} {}
  ~open_port() { mouth_->close(); }
  open_port(const open_port&) = delete;
  open_port& operator=(const open_port&) = delete;
  [[nodiscard]] const input_port& get() const noexcept { return port_; }

 private:
  std::shared_ptr<input_port::mouth> mouth_;
  input_port port_;
};

task<> serve(process& self, std::shared_ptr<terminal> screen, device_options options) {
  io_machine machine{options};
  const term key{self.make_ref()};
  const open_port port{self, key};
  for (unsigned served = 1;; ++served) {
    while (auto step = machine.next()) {
      if (auto* const text = std::get_if<io_write>(&*step)) {
        const auto done = co_await screen->write(self, std::move(text->bytes), machine.present_encoding());
        machine.written(done);
      } else if (const auto* const reply = std::get_if<io_reply>(&*step)) {
        self.send(reply->to, etf::tuple("io_reply"_atom, reply->as, reply->value));
      } else {
        screen->want(self, port.get(), std::get<io_want>(*step).kind);
      }
    }
    if (served % messages_per_turn == 0) co_await self.yield();
    const auto received = co_await self.receive_any();
    take_message(machine, received, key, *screen);
  }
}

}  // namespace

void input_port::feed(std::string_view bytes) const { to_->say(etf::binary(bytes)); }

void input_port::end() const { to_->say("eof"_atom); }

void terminal::want(process& /*self*/, const input_port& port, input_kind /*kind*/) { port.end(); }

std::unique_ptr<behaviour> make_device(std::shared_ptr<terminal> screen, const device_options& options) {
  return make_body(serve, std::move(screen), options);
}

ergo::result<pid> start_device(local_node& on, std::shared_ptr<terminal> screen, const start_options& how,
                               const device_options& options) {
  return otp::detail::start_and_wait(on, how, make_device(std::move(screen), options));
}

child_spec device_child(atom id, std::shared_ptr<terminal> screen, const device_options& options) {
  child_spec made;
  made.id = id;
  made.make = [screen = std::move(screen), options] { return make_device(screen, options); };
  made.modules = etf::list(id);
  return std::move(made).registered();
}

}  // namespace ergo::inline v0::otp::io
