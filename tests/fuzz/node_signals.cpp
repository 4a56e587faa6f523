// The reading end of a connection with everything behind it: packets in each negotiated form, atom cache, fragments,
// the book of links and monitors that cross, and processes that take part. Two nodes get the same packets: one trusts
// the peer, and takes calls, casts and answers out of their wrappings in the bytes; the other looks at whole terms.
// Oracles: both say the same to their processes and to the peer; each monitor tells once; a loss leaves no link behind.
#include "crossing.hpp"
#include "functions.hpp"
#include "signal_reader.hpp"
#include "signal_writer.hpp"

#include <ergo/dist/control_encode.hpp>
#include <ergo/etf/text.hpp>
#include <ergo/runtime.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ergo;
using namespace ergo::detail;
namespace control = ergo::dist::control;

/// Stops the fuzzer: a broken promise is a finding.
void require(bool holds) {
  if (!holds) std::abort();
}

/// Takes numbers from the input until it is used up, then zeros.
class source {
 public:
  source(const std::uint8_t* data, std::size_t size) : rest_{std::as_bytes(std::span{data, size})} {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::size_t byte() { return rest_.empty() ? 0 : std::to_integer<std::size_t>(take(1)[0]); }
  dist::bytes_view take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  dist::bytes_view rest_;
};

etf::node_id node_named(std::string_view name, std::uint32_t creation) {
  return etf::node_id::make(atom::of(name), creation).value();
}

const etf::node_id us = node_named("us@h", 7);
const etf::node_id former_us = node_named("us@h", 6);
const etf::node_id peer = node_named("peer@h", 9);
const etf::node_id third = node_named("third@h", 3);
constexpr std::size_t their_processes = 3;

pid theirs(std::size_t which) { return {peer, static_cast<std::uint32_t>(1 + which % their_processes), 1}; }

// ----- processes ----------------------------------------------------------------------------------------------------

/// What one node has told its processes, and what the processes hold.
struct record {
  std::vector<std::string> lines;
  std::vector<reference> aliases;
  std::vector<reference> monitors;       ///< all that were made
  std::map<std::string, bool> watching;  ///< monitors that have not told yet, by owner; whether they cross
  std::vector<pid> living;
};

/// Traps exits or does not, writes down what it gets and does what the peer asks for.
class puppet final : public behaviour {
 public:
  puppet(record& of, exits how) : record_{of}, how_{how} {}
  ~puppet() override {
    std::erase(record_.living, id_);
    std::erase_if(record_.watching, [this](const auto& one) { return one.first.starts_with(mine()); });
  }
  void start(process& self) override {
    self.trap_exits(how_);
    id_ = self.id();
    record_.living.push_back(id_);
  }
  void receive(process& self, message received) override {
    const auto content = received.to_term();
    record_.lines.push_back((received.is_call() ? "call " : received.is_cast() ? "cast " : "") + etf::to_text(content));
    if (received.is_call()) self.reply(received.from(), received.payload());
    if (received.kind() == signal_kind::down) told(content.elements());
    if (content.is_tuple(2) && content.elements()[0].is_atom()) obey(self, content.elements());
  }
  void task_ended(process&) override {}

 private:
  [[nodiscard]] std::string mine() const { return etf::to_text(term{id_}) + ' '; }

  /// A monitor tells once, and not when it was taken back.
  void told(std::span<const term> news) { require(record_.watching.erase(mine() + etf::to_text(news[1])) == 1); }

  void obey(process& self, std::span<const term> order) {
    const auto what = *order[0].as_atom();
    if (what == "exit"_atom) return self.stop(exit_reason{order[1]});
    if (what == "make_alias"_atom) return record_.aliases.push_back(self.make_alias());
    if (what == "demonitor"_atom) return take_back(self, order[1]);
    const auto other = order[1].as_pid();
    if (!other) return;
    if (what == "link"_atom) self.link(*other);
    if (what == "unlink"_atom) self.unlink(*other);
    if (what == "send"_atom) self.send(*other, term{"hello"_atom});
    if (what == "monitor"_atom) watch(self, *other);
  }
  void watch(process& self, const pid& other) {
    const auto made = self.monitor(other);
    record_.monitors.push_back(made.ref);
    record_.watching.emplace(mine() + etf::to_text(term{made.ref}), other.node == peer);
  }
  void take_back(process& self, const term& number) {
    const auto place = number.as_integer().value_or(0);
    if (place < 0 || std::cmp_greater_equal(place, record_.monitors.size())) return;
    const auto ref = record_.monitors[static_cast<std::size_t>(place)];
    (void)self.demonitor({ref}, demonitor_mode::flush);
    record_.watching.erase(mine() + etf::to_text(term{ref}));
  }

  record& record_;
  exits how_;
  pid id_{};
};

// ----- a node -------------------------------------------------------------------------------------------------------

/// Carries what the node sends to the peer through its writer; every other node is out of reach.
class way final : public outbound {
 public:
  explicit way(local_node& of) : local_{of} {}
  ~way() override { drop(); }
  void deliver(const destination& to, signal* envelope) noexcept override {
    const auto node = to.by_name() ? to.node() : to.process().node.name();
    if (node == peer.name()) return sent.push_back({envelope, to});
    const auto answer = undeliverable(to, envelope);
    if (answer.envelope != nullptr) local_.route_local(answer.to, answer.envelope);
  }
  [[nodiscard]] bool busy(atom, const pid&) const noexcept override { return false; }
  void wake_when_drained(atom, const pid&) noexcept override {}
  void monitor_node(const pid&, atom) noexcept override {}
  void demonitor_node(const pid&, atom) noexcept override {}
  void drop() noexcept {
    for (auto& one : std::exchange(sent, {})) release(one.envelope);
  }
  std::vector<outgoing> sent;

 private:
  local_node& local_;
};

etf::decode_limits limits() { return {.depth = 10'000, .memory = 4U << 20, .atoms = etf::atom_policy::known_only}; }

/// One connection of a node, from its handshake to its loss.
struct session {
  session(local_node& local, const pid& speaker, dist::flags negotiated,
          std::shared_ptr<const function_table> functions)
      : over{local, peer, negotiated, table, trace, speaker},
        packets{negotiated},
        writer{over, packets, out},
        reader{over, writer, std::move(functions), limits(), {.open_sequences = 64, .open_bytes = 1U << 20}} {}

  crossing table;
  tracer trace{trace_category::none, {}};
  etf::buffer out;
  wire over;
  dist::packet_writer packets;
  signal_writer writer;
  signal_reader reader;
};

class world {
 public:
  world(dist::flags negotiated, right may)
      : negotiated_{negotiated}, functions_{std::make_shared<function_table>(std::vector{grant{"*", may}})} {
    local.connect(&way_);
    processes = {spawn("server", exits::trapped), spawn("", exits::deadly), spawn("", exits::trapped)};
    connect();
    run();
  }
  ~world() {
    way_.drop();
    local.connect(nullptr);
  }

  void connect() { open.emplace(local, processes[2], negotiated_, functions_); }

  std::expected<void, broken_rule> read(dist::bytes_view body) {
    const std::vector<std::byte> copy{body.begin(), body.end()};  // so that a read behind its end is seen
    auto outcome = open->reader.read(copy, nullptr);
    run();
    return outcome;
  }

  /// The connection is lost: everybody is told, and nobody holds anything over it any more.
  void lose() {
    for (auto& news : open->table.lost(peer)) local.route_local(news.to, news.envelope);
    open.reset();
    run(false);
    way_.drop();
    require(std::ranges::none_of(kept.watching, [](const auto& one) { return one.second; }));
    check_links();
    connect();
  }

  /// The packets that were written since the last time.
  std::string written() {
    auto bytes = open->out.to_string();
    open->out.clear();
    return bytes;
  }

  record kept;
  ergo::runtime runtime{runtime_options{.cores = 1, .manual = true}};
  local_node& local = runtime.add_node(us);
  std::array<pid, 3> processes{};
  std::optional<session> open;

 private:
  pid spawn(std::string_view name, exits how) {
    return runtime.spawn(local, spawn_options{.name = atom::of(name)}, std::make_unique<puppet>(kept, how)).value();
  }

  void run(bool connected = true) {
    std::size_t steps = 0;
    do {
      while (runtime.step([](std::size_t) { return std::size_t{0}; })) require(++steps < 100'000);
      if (!connected) return;
      for (auto& one : std::exchange(way_.sent, {})) open->writer.write(one, 100);
    } while (runtime.step([](std::size_t) { return std::size_t{0}; }));
  }

  /// Links go out again where there is none: who does not send one believes in one that is gone.
  void check_links() {
    const auto asked = kept.living;
    for (const auto& process : asked) {
      for (std::size_t which = 0; which < their_processes; ++which) order(process, "link"_atom, theirs(which));
    }
    run(false);
    const auto links =
        std::ranges::count_if(way_.sent, [](const outgoing& one) { return one.envelope->kind == signal_kind::link; });
    require(kept.living == asked && std::cmp_equal(links, asked.size() * their_processes));
    way_.drop();
    for (const auto& process : asked) {
      for (std::size_t which = 0; which < their_processes; ++which) order(process, "unlink"_atom, theirs(which));
    }
    run(false);
    for (auto& one : std::exchange(way_.sent, {})) {
      const auto answer = undeliverable(one.to, one.envelope);
      local.route_local(answer.to, answer.envelope);
    }
    run(false);
    way_.drop();
  }
  void order(const pid& process, atom what, const pid& other) {
    local.route_local(process, make_signal(signal_kind::message, pid{}, etf::tuple(what, other)));
  }

  way way_{local};
  dist::flags negotiated_;
  std::shared_ptr<const function_table> functions_;
};

// ----- the peer -----------------------------------------------------------------------------------------------------

/// Makes packets as the input says.
class imagined_peer {
 public:
  imagined_peer(source& from, dist::flags negotiated, const world& seen)
      : from_{from}, negotiated_{negotiated}, seen_{seen}, writer_{negotiated, {.fragment = 1 + from.byte()}} {}

  /// The bodies of the packets of one more signal, or anything.
  std::vector<std::string> next() {
    const auto what = from_.byte() % 18;
    if (what >= 16) return {raw()};
    const bool hurt = what >= 14;
    const auto place = hurt ? from_.byte() : 0;
    const auto damage = hurt ? from_.byte() : 0;
    etf::buffer out;
    if (!put(out, hurt ? from_.byte() % 14 : what)) return {};
    if (auto large = writer_.take_large()) open_.push_back(std::move(*large));
    for (auto turns = from_.byte() % 8; turns > 0 && !open_.empty(); --turns) turn(out);
    auto bodies = split(out.to_string());
    if (hurt && !bodies.empty() && !bodies[0].empty()) bodies[0][place % bodies[0].size()] = static_cast<char>(damage);
    return bodies;
  }

 private:
  void turn(etf::buffer& out) {
    open_.front().next(out, writer_);
    if (open_.front().left() == 0) return open_.pop_front();
    std::ranges::rotate(open_, open_.begin() + 1);
  }

  std::string raw() {
    const auto bytes = from_.take(from_.byte());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  static std::vector<std::string> split(std::string_view stream) {
    std::vector<std::string> bodies;
    while (stream.size() >= 4) {
      std::size_t length = 0;
      for (int byte = 0; byte < 4; ++byte) length = length << 8 | static_cast<unsigned char>(stream[byte]);
      bodies.emplace_back(stream.substr(4, length));
      stream.remove_prefix(4 + length);
    }
    return bodies;
  }

  pid ours() {
    const auto which = from_.byte() % 8;
    if (which < seen_.processes.size()) return seen_.processes[which];
    if (which == 5) return {former_us, 1, 1};
    if (which == 6) return {third, 1, 1};
    return {us, static_cast<std::uint32_t>(which), 900};
  }
  pid of_theirs() {
    const auto which = from_.byte() % 16;
    return which == 15 ? pid{third, 1, 1} : theirs(which);
  }
  reference ref() {
    const auto which = from_.byte();
    const auto place = which / 4;
    if (which % 4 == 1 && !seen_.kept.aliases.empty()) return seen_.kept.aliases[place % seen_.kept.aliases.size()];
    if (which % 4 == 2 && !seen_.kept.monitors.empty()) return seen_.kept.monitors[place % seen_.kept.monitors.size()];
    if (which % 4 == 3) return call();
    return {peer, static_cast<std::uint8_t>(place % 2 == 0 ? 3 : 5), {static_cast<std::uint32_t>(place), 2, 3}};
  }
  /// A reference of a call that a process of ours may have made.
  reference call() {
    const auto value = (std::uint64_t{seen_.processes[0].id} << 36) | (std::uint64_t{1} << 35) | from_.byte();
    return {us,
            3,
            {static_cast<std::uint32_t>(value & 0x3FFFF), static_cast<std::uint32_t>(value >> 18),
             static_cast<std::uint32_t>(value >> 50)}};
  }
  atom name() {
    static const auto names = std::array{atom::of("server"), atom::of("nobody"), atom::of(""), atom::of("rex")};
    return names[from_.byte() % names.size()];
  }
  control::process_name process() {
    if (from_.byte() % 2 == 0) return name();
    return ours();
  }
  control::process_name their_process() {
    if (from_.byte() % 4 == 0) return name();
    return of_theirs();
  }
  control::urgency how() { return from_.byte() % 4 == 0 ? control::urgency::priority : control::urgency::ordinary; }

  term tag() {
    const auto which = from_.byte() % 4;
    if (which == 0) return term{ref()};
    if (which == 1) return term{name()};
    const auto alias = etf::make_list(std::array{term{"alias"_atom}}, term{ref()});
    return which == 2 ? alias : etf::make_list(std::array{alias}, term{ref()});
  }
  term blob() {
    const auto bytes = from_.take(from_.byte());
    return etf::binary({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  term reason() {
    static const auto reasons = std::array{"normal"_atom, "kill"_atom, "noproc"_atom, "noconnection"_atom};
    const auto which = from_.byte() % 8;
    return which < reasons.size() ? term{reasons[which]} : blob();
  }
  // Numbers are taken one statement after the other: compilers differ in the order of arguments.
  term payload() {
    static const auto orders = std::array{"link"_atom, "unlink"_atom, "monitor"_atom, "send"_atom};
    const auto what = from_.byte() % 10;
    const auto order = orders[from_.byte() % orders.size()];
    switch (what) {
      case 0: return etf::tuple("$gen_cast"_atom, blob());
      case 1: return called(term{of_theirs()});
      case 2: {
        const auto to = tag();
        return etf::tuple(to, blob());
      }
      case 3: return etf::tuple("exit"_atom, reason());
      case 4: return etf::tuple("make_alias"_atom, 1);
      case 5: return etf::tuple("demonitor"_atom, static_cast<std::int64_t>(from_.byte()));
      case 6: return etf::tuple(order, ours());
      case 7: return called(tag());
      default: return etf::tuple(order, theirs(from_.byte()));
    }
  }
  term called(const term& by) {
    const auto with = tag();
    return etf::tuple("$gen_call"_atom, etf::tuple(by, with), blob());
  }
  term options() {
    static const auto words = std::array{term{"link"_atom}, term{"monitor"_atom}, term{"other"_atom}};
    std::vector<term> items;
    for (auto count = from_.byte() % 4; count > 0; --count) items.push_back(words[from_.byte() % words.size()]);
    return etf::make_list(items);
  }

  template <typename Signal>
  bool write(etf::buffer& out, const Signal& signal) {
    return encode(out, signal, context()).has_value();
  }
  template <typename Signal>
  bool write(etf::buffer& out, const Signal& signal, const term& payload) {
    return encode(out, signal, payload, context()).has_value();
  }
  dist::encode_context context() {
    if (negotiated_.has(dist::flag::dist_hdr_atom_cache) || negotiated_.has(dist::flag::fragments)) return {writer_};
    return {negotiated_};
  }

  bool put(etf::buffer& out, std::size_t what) {
    const auto content = what <= 2 ? payload() : what == 6 || what == 7 || what == 10 ? reason() : term{};
    switch (what) {
      case 0: return write(out, control::send{of_theirs(), ours(), how()}, content);
      case 1: return write(out, control::reg_send{of_theirs(), name(), how()}, content);
      case 2: return write(out, control::alias_send{of_theirs(), ref(), how()}, content);
      case 3: return write(out, control::link{of_theirs(), ours()});
      case 4: return write(out, control::unlink{1 + from_.byte(), of_theirs(), ours()});
      case 5: return write(out, control::unlink_ack{1 + from_.byte() % 4, of_theirs(), ours()});
      case 6: return write(out, control::exit{of_theirs(), ours()}, content);
      case 7: return put_exit2(out, content);
      case 8: return write(out, control::monitor{of_theirs(), process(), ref()});
      case 9: return write(out, control::demonitor{of_theirs(), process(), ref()});
      case 10: return write(out, control::down{their_process(), ours(), ref()}, content);
      case 11: return write(out, control::group_leader{of_theirs(), ours()});
      case 12: return put_spawn(out);
      default: return write(out, control::spawn_reply{ref(), ours(), true, from_.byte() % 2 == 0, their_process()});
    }
  }
  bool put_exit2(etf::buffer& out, const term& content) {
    const auto which = from_.byte() % 3;
    if (which == 0) return write(out, control::exit2{of_theirs(), ours()}, content);
    if (which == 1) return write(out, control::exit2{of_theirs(), name(), how()}, content);
    return write(out, control::exit2{of_theirs(), ref(), how()}, content);
  }
  bool put_spawn(etf::buffer& out) {
    const control::spawn_request wish{ref(), of_theirs(), of_theirs(), name(), name(), 1, options()};
    return write(out, wish, etf::make_list(std::array{blob()}));
  }

  source& from_;
  dist::flags negotiated_;
  const world& seen_;
  dist::packet_writer writer_;
  std::deque<dist::fragmenter> open_;
};

dist::flags form(std::size_t number) {
  auto negotiated = dist::expand_digest(dist::pass_through_offer);
  if ((number & 1) != 0) negotiated = negotiated.with(dist::flag::dist_hdr_atom_cache);
  if ((number & 2) != 0) negotiated = negotiated.with(dist::flag::fragments);
  if ((number & 4) != 0) negotiated = negotiated.without(dist::flag::altact_sig);
  if ((number & 8) != 0) negotiated = negotiated.without(dist::flag::unlink_id).without(dist::flag::exit_payload);
  return negotiated;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  source input{data, size};
  const auto negotiated = form(input.byte());
  world quick{negotiated, right::all};
  world whole{negotiated, right::observe | right::call};
  require(quick.processes == whole.processes);
  std::optional<imagined_peer> speaks{std::in_place, input, negotiated, quick};
  constexpr int most_signals = 400;
  for (int count = 0; count < most_signals && !input.empty(); ++count) {
    bool lost = false;
    for (const auto& body : speaks->next()) {
      const auto bytes = std::as_bytes(std::span{body});
      const auto here = quick.read(bytes);
      const auto there = whole.read(bytes);
      require(here == there && quick.kept.lines == whole.kept.lines && quick.written() == whole.written());
      lost = !here;
      if (lost) break;
    }
    quick.kept.lines.clear();
    whole.kept.lines.clear();
    if (!lost) continue;
    quick.lose();
    whole.lose();
    require(quick.kept.lines == whole.kept.lines);
    speaks.emplace(input, negotiated, quick);
  }
  quick.lose();
  whole.lose();
  return 0;
}
