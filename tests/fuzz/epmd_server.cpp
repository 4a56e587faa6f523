// Sessions of a port mapper against a model: any bytes in any pieces, in any order, from several connections.
// Oracles: the directory holds exactly the names whose registration was reported and not yet taken back; a session
// that is over asks for nothing; every reply is one that the client's parsers accept; memory per session is bounded.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ergo/epmd/directory.hpp"
#include "ergo/epmd/message.hpp"
#include "ergo/epmd/session.hpp"

namespace {

using namespace ergo::epmd;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

/// The input, read from the front.
class source {
 public:
  explicit source(std::string_view bytes) : rest_{bytes} {}
  bool is_empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  std::string_view take(std::size_t size) {
    const auto piece = rest_.substr(0, size);
    rest_.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::string_view rest_;
};

class world {
 public:
  void step(source& input) {
    const auto choice = input.byte();
    auto& slot = slots_[choice % 4];
    if (!slot) open(slot, choice);
    const auto kind = choice >> 4;
    if (kind < 10) {
      const auto bytes = input.take(std::size_t{1} + input.byte());
      if (!bytes.empty()) drive(slot, session::received{bytes});
    } else if (kind < 12) {
      drive(slot, session::ended{});
    } else if (kind < 14) {
      well_formed(slot, input);
    } else {
      drive(slot, session::dismissed{kind == 14 ? errc::timed_out : errc::displaced});
    }
    check();
  }

 private:
  struct connection {
    session machine;
    owner_id id;
    std::optional<opcode> asked;
  };

  void open(std::optional<connection>& slot, std::uint8_t choice) {
    const owner_id id{++last_id_};
    const session_terms terms{.id = id,
                              .descriptor = choice,
                              .peer = choice & 4 ? locality::remote : locality::local,
                              .check = choice & 8 ? command_check::relaxed : command_check::strict};
    slot.emplace(connection{session{terms}, id, std::nullopt});
  }

  /// A request that parses, so that deeper states are reached quickly.
  void well_formed(std::optional<connection>& slot, source& input) {
    const std::string name{"n" + std::to_string(input.byte() % 6)};
    request asked = names_request{};
    switch (input.byte() % 5) {
      case 0: asked = port_please2_request{name}; break;
      case 1: asked = dump_request{}; break;
      case 2: asked = kill_request{}; break;
      case 3: asked = stop_request{name}; break;
      default:
        asked = alive2_request{
            {.name = name, .port = 9, .highest_version = static_cast<std::uint16_t>(5 + input.byte() % 2)}};
    }
    const auto bytes = encode(asked);
    require(bytes.has_value());
    drive(slot, session::received{*bytes});
  }

  void drive(std::optional<connection>& slot, const session::event& what) {
    auto done = slot->machine.resume(what, names_, now_++);
    note(slot->id, done);
    while (done.next == session::step::send) {
      check_reply(done);
      done = slot->machine.resume(session::reply_sent{}, names_, now_++);
      note(slot->id, done);
    }
    require(slot->machine.received_bytes() <= 2 + max_request_body + 1);
    if (done.next == session::step::read) return;
    require(slot->machine.where() == session::phase::closed);
    require(slot->machine.resume(session::received{"x"}, names_, now_).next == session::step::close);
    slot.reset();
  }

  void note(owner_id by, const session::action& done) {
    count(by, done.report);
    if (done.second_report) count(*done.evicted, *done.second_report);
    if (done.evicted)
      for (auto& slot : slots_)
        if (slot && slot->id == *done.evicted) {
          require(slot->machine.resume(session::dismissed{}, names_, now_).report.what == happening::nothing);
          slot.reset();
        }
  }

  void count(owner_id who, const session_report& report) {
    if (report.what == happening::registered) require(living_.emplace(report.name, who).second);
    if (report.what == happening::unregistered) require(living_.erase(report.name) == 1);
  }

  static void check_reply(const session::action& done) {
    require(done.report.asked.has_value() && !done.reply.empty());
    switch (*done.report.asked) {
      case opcode::alive2: return require(parse_alive2_answer(done.reply).value().has_value());
      case opcode::port_please2: {
        const auto read = parse_port2_answer(done.reply);
        return require(read.has_value() ? read->name == done.report.name : read.error() == errc::not_found);
      }
      case opcode::names:
      case opcode::dump: return require(parse_listing(done.reply).has_value());
      case opcode::kill: return require(parse_kill_answer(done.reply).has_value());
      case opcode::stop: return require(parse_stop_answer(done.reply).has_value());
    }
  }

  void check() const {
    require(names_.living().size() == living_.size());
    require(names_.living().size() <= 3);
    for (const auto& [name, who] : living_) {
      const auto* found = names_.find(name);
      require(found && found->owner == who && found->counter >= 4);
    }
    require(names_.unused().size() <= 3 + living_.size() + 4);
  }

  directory names_{{.names = 3, .unused = 3}};
  std::optional<connection> slots_[4];
  std::map<std::string, owner_id> living_;
  std::uint64_t last_id_ = 0;
  std::uint32_t now_ = 0xfffffff0;  // creations wrap around soon
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  source input{{reinterpret_cast<const char*>(data), size}};
  for (world one; !input.is_empty();) one.step(input);
  return 0;
}
