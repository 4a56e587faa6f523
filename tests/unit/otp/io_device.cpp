// Devices as processes: clients and the terminal, which may be slow, fail, and be fed from anywhere.
#include "support.hpp"

#include <ergo/otp/io.hpp>
#include <ergo/otp/io_device.hpp>

using namespace ergo;
using namespace ergo::test;

namespace {

/// A terminal in memory; while it is stopped what is written waits.
struct screen final : otp::io::terminal {
  std::string shown;
  std::optional<otp::io::input_port> port;
  int wants = 0;
  bool stopped = false;
  pid writer{};

  task<std::expected<void, term>> write(process& self, std::string bytes, otp::io::encoding /*as*/) override {
    writer = self.id();
    while (stopped) co_await self.sleep(10ms);
    if (bytes == "fail") co_return std::unexpected{term{"enospc"_atom}};
    if (bytes == "throw") throw std::runtime_error{"broken"};
    shown += bytes;
    co_return std::expected<void, term>{};
  }
  void want(process& /*self*/, const otp::io::input_port& from, otp::io::input_kind /*kind*/) override {
    port = from;
    ++wants;
  }
};

struct shown_device {
  explicit shown_device(world& on) : glass{std::make_shared<screen>()} {
    id = on.run(
        [](process& self, std::shared_ptr<screen> front) -> task<pid> {
          const spawn_options options{.name = "glass"_atom};
          co_return self.spawn(options, otp::io::make_device(front));
        },
        glass);
  }
  std::shared_ptr<screen> glass;
  pid id;
};

}  // namespace

TEST_CASE("what processes print through a device arrives in order, and a failure at whom it concerns") {
  world here;
  const shown_device device{here};
  here.run(
      [](process& self, pid leader) -> task<> {
        self.group_leader(leader);
        const auto plain = co_await otp::io::put_chars(self, "one ");
        CHECK(plain.has_value());
        const auto formatted = co_await otp::io::format(self, "~p", etf::list("two"_atom));
        CHECK(formatted.has_value());
        const auto failed = co_await otp::io::put_chars(self, "fail");
        CHECK(failed.error() == error{errc::badarg, "enospc"_atom});
        const auto strange = etf::tuple("put_chars"_atom, "unicode"_atom, "os"_atom, "cmd"_atom, term{});
        const auto refused = co_await otp::io::request(self, "glass"_atom, strange);
        CHECK(refused == etf::tuple("error"_atom, "cmd"_atom));
      },
      device.id);
  CHECK(device.glass->shown == "one two");
}

TEST_CASE("whoever prints waits as long as the terminal does, and loses nothing") {
  world here;
  const shown_device device{here};
  device.glass->stopped = true;
  int printed = 0;
  for (int count = 0; count < 3; ++count) {
    here.spawn(
        [](process& self, pid leader, int* done) -> task<> {
          const auto put = co_await otp::io::put_chars(self, leader, "x");
          CHECK(put.has_value());
          ++*done;
        },
        device.id, &printed);
  }
  here.advance(1s);
  CHECK(printed == 0);
  CHECK(device.glass->shown.empty());
  device.glass->stopped = false;
  here.advance(1s);
  CHECK(printed == 3);
  CHECK(device.glass->shown == "xxx");
}

TEST_CASE("a device dies with its terminal's exception, and its client is told") {
  world here;
  const shown_device device{here};
  here.run(
      [](process& self, pid leader) -> task<> {
        const auto lost = co_await otp::io::put_chars(self, leader, "throw");
        CHECK(lost.error() == errc::exited);
      },
      device.id);
  CHECK(here.crashes() == 1);
}

TEST_CASE("readers get lines that are fed from outside, and others print meanwhile") {
  world here;
  const shown_device device{here};
  std::string read;
  here.spawn(
      [](process& self, pid leader, std::string* into) -> task<> {
        const auto line = co_await otp::io::get_line(self, leader, "name: ");
        *into = line && *line ? **line : "nothing";
      },
      device.id, &read);
  here.settle();
  CHECK(device.glass->shown == "name: ");
  CHECK(device.glass->wants == 1);
  here.run(
      [](process& self, pid leader) -> task<> {
        const auto put = co_await otp::io::put_chars(self, leader, "news ");
        CHECK(put.has_value());
      },
      device.id);
  CHECK(device.glass->shown == "name: news name: ");
  device.glass->port->feed("Grace");
  here.settle();
  CHECK(read.empty());
  CHECK(device.glass->wants == 2);
  device.glass->port->feed(" Hopper\nand more");
  here.settle();
  CHECK(read == "Grace Hopper\n");
  device.glass->port->end();
  here.run(
      [](process& self, pid leader) -> task<> {
        const auto rest = co_await otp::io::get_chars(self, leader, "", 100);
        CHECK(rest->value_or("") == "and more");
        const auto end = co_await otp::io::get_line(self, leader, "");
        CHECK(!end->has_value());
      },
      device.id);
}

TEST_CASE("only who has the key of a device's input can feed it") {
  world here;
  const shown_device device{here};
  bool read = false;
  here.spawn(
      [](process& self, pid leader, bool* done) -> task<> {
        (void)co_await otp::io::get_line(self, leader, "");
        *done = true;
      },
      device.id, &read);
  here.run(
      [](process& self, pid leader) -> task<> {
        self.send(leader, etf::tuple(self.make_ref(), etf::binary("forged\n")));
        self.send(leader, etf::tuple("input"_atom, etf::binary("forged\n")));
        self.send(leader, "eof"_atom);
        self.send(leader, etf::tuple("io_request"_atom, "nobody"_atom, 1, "getopts"_atom));
        self.send(leader, etf::tuple("io_request"_atom, self.id(), 1));
        const auto alive = co_await otp::io::request(self, leader, "getopts"_atom);
        CHECK(alive.has_value());
        CHECK(self.unread() == 0);
      },
      device.id);
  CHECK(!read);
}

TEST_CASE("a terminal without input gives its readers the end of it") {
  struct printer final : otp::io::terminal {
    task<std::expected<void, term>> write(process& /*self*/, std::string /*bytes*/, otp::io::encoding /*as*/) override {
      co_return std::expected<void, term>{};
    }
  };
  world here;
  here.run([](process& self) -> task<> {
    auto paper = std::make_shared<printer>();
    const auto device = self.spawn(spawn_options{}, otp::io::make_device(std::move(paper)));
    const auto line = co_await otp::io::get_line(self, device, "> ");
    CHECK(line.has_value());
    CHECK(!line->has_value());
    const auto size = co_await otp::io::request(self, device, etf::tuple("get_geometry"_atom, "columns"_atom));
    CHECK(size == etf::tuple("error"_atom, "enotsup"_atom));
  });
}

TEST_CASE("a supervisor starts a device again with the same terminal") {
  world here;
  const auto glass = std::make_shared<screen>();
  here.run(
      [](process& self, std::shared_ptr<screen> front) -> task<> {
        otp::supervisor_spec tree;
        tree.children.push_back(otp::io::device_child("user"_atom, front));
        const auto top = co_await otp::start_link<otp::supervisor>(self, {}, tree);
        CHECK(top.has_value());
        const auto first = co_await otp::io::put_chars(self, "user"_atom, "one ");
        CHECK(first.has_value());
        const auto before = front->writer;
        const auto lost = co_await otp::io::put_chars(self, "user"_atom, "throw");
        CHECK(lost.error() == errc::exited);
        while (!self.node().whereis("user"_atom)) co_await self.sleep(1ms);
        const auto second = co_await otp::io::put_chars(self, "two");
        CHECK(second.has_value());
        CHECK(front->writer != before);
      },
      glass);
  CHECK(glass->shown == "one two");
}

TEST_CASE("a device may be abandoned at any point") {
  abandon_everywhere([](process& self) -> task<> {
    auto glass = std::make_shared<screen>();
    glass->stopped = false;
    const spawn_options linked{.to_parent = tie::link};
    const auto device = self.spawn(linked, otp::io::make_device(glass));
    (void)co_await otp::io::put_chars(self, device, "a text that is longer than a small string can hold");
    const auto before = glass->port.has_value();
    CHECK(!before);
    (void)co_await otp::io::format(self, device, "~p~n", etf::list("done"_atom));
  });
}
