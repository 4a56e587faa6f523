// The I/O protocol, as far as output goes ("The Erlang I/O Protocol").
#include "stdout_leader.hpp"

#include <ergo/etf/characters.hpp>

namespace ergo::inline v0::detail {
namespace {

class stdout_leader final : public behaviour {
 public:
  explicit stdout_leader(const pid& reader) : reader_{reader} {}
  void start(process& /*self*/) override {}
  void task_ended(process& /*self*/) override {}
  void receive(process& self, message received) override {
    if (received.kind() != signal_kind::message) return;
    const auto& told = received.payload();
    if (etf::is_tagged(told, "answer"_atom, 2)) {
      self.send(reader_, etf::tuple("rex"_atom, told.elements()[1]));
      return self.stop(exit_reason::normal());
    }
    if (!etf::is_tagged(told, "io_request"_atom, 4)) return;
    if (const auto from = told.elements()[1].as_pid())
      self.send(*from, etf::tuple("io_reply"_atom, told.elements()[2], answer(self, told.elements()[3])));
  }

 private:
  [[nodiscard]] term answer(process& self, const term& request) const {
    const auto parts = request.elements();
    if (etf::is_tagged(request, "put_chars"_atom, 3)) return put(self, parts[1], parts[2]);
    if (etf::is_tagged(request, "put_chars"_atom, 2)) return put(self, term{"latin1"_atom}, parts[1]);
    if (etf::is_tagged(request, "put_chars"_atom, 5)) return refusal(parts[3]);
    if (!etf::is_tagged(request, "requests"_atom, 2)) return refusal(term{"enotsup"_atom});
    for (const auto& one : parts[1].items()) {
      const bool nested = etf::is_tagged(one, "requests"_atom, 2);
      auto given = nested ? refusal(term{"request"_atom}) : answer(self, one);
      if (!given.is("ok"_atom)) return given;
    }
    return term{"ok"_atom};
  }
  [[nodiscard]] term put(process& self, const term& as, const term& characters) const {
    using enum etf::text_encoding;
    const auto text = etf::characters_of(characters, as.is("latin1"_atom) ? latin1 : unicode);
    if (!text) return refusal(term{"put_chars"_atom});
    self.send(reader_, etf::tuple("rex_stdout"_atom, etf::binary(*text)));
    return term{"ok"_atom};
  }
  [[nodiscard]] static term refusal(const term& why) { return etf::tuple("error"_atom, why); }

  pid reader_;
};

}  // namespace

std::unique_ptr<behaviour> make_stdout_leader(const pid& reader) { return std::make_unique<stdout_leader>(reader); }

}  // namespace ergo::inline v0::detail
