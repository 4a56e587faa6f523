// Nodes that meet over loopback, and a record of what each of them told.
#pragma once

#include "journal.hpp"
#include "lone_node.hpp"

#include <ergo/node.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace ergo_test {

/// A node that is started when its test has chosen its options, and what it told.
struct member {
  member(std::string name, std::uint16_t epmd, std::string cookie = "secret") {
    options.name = std::move(name);
    options.cookie = std::move(cookie);
    options.epmd_port = epmd;
    options.on_event = [this](const ergo::event& happened) { events.add(happened.text); };
  }
  ergo::result<void> start() {
    auto made = ergo::node::start(options, ergo::runtime_options{.cores = 2});
    if (!made) return std::unexpected{made.error()};
    self = std::move(*made);
    watch = self->subscribe([this](const ergo::node_event& news) {
      changes.add((news.what == ergo::node_event::kind::up ? "up " : "down ") + std::string{news.node.text()});
    });
    return {};
  }
  journal events;
  journal changes;
  ergo::node_options options;
  ergo::subscription watch;
  std::unique_ptr<ergo::node> self;
};

}  // namespace ergo_test
