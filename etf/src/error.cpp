// Texts of the room's error codes.
#include <ergo/etf/error.hpp>

#include <string>

namespace ergo::inline v0::etf {

namespace {

class etf_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "ergo.etf"; }
  [[nodiscard]] std::string message(int code) const override { return std::string{describe(static_cast<errc>(code))}; }
};

}  // namespace

const std::error_category& category() noexcept {
  static const etf_category only;
  return only;
}

std::string_view describe(errc code) noexcept {
  switch (code) {
    case errc::ok: return "no error";
    case errc::truncated: return "the bytes end inside a term";
    case errc::trailing_bytes: return "bytes follow the term";
    case errc::bad_version: return "the first byte is not 131";
    case errc::unknown_tag: return "unknown or removed tag";
    case errc::bad_atom: return "an atom is no UTF-8 or has more than 255 characters";
    case errc::atom_table_full: return "the atom table is full";
    case errc::atom_budget_spent: return "the peer has used up its share of new atoms";
    case errc::unknown_atom: return "only known atoms are accepted, and this one is not known";
    case errc::bad_cache_reference: return "an atom-cache reference points nowhere";
    case errc::bad_float: return "a float is not finite or not readable";
    case errc::bad_bit_count: return "a bit string has a wrong number of bits in its last byte";
    case errc::bad_identifier: return "a pid, port or reference is outside the limits of the protocol";
    case errc::bad_fun: return "a fun has a field of a wrong type";
    case errc::bad_record: return "a record has unknown flags or a field twice";
    case errc::duplicate_key: return "a map has a key twice";
    case errc::too_deep: return "the term is nested too deeply";
    case errc::too_big: return "the term is bigger than the limit";
    case errc::compressed_refused: return "a compressed term is not allowed here";
    case errc::bad_compression: return "compressed data does not inflate to the announced size";
    case errc::node_table_full: return "the table of node incarnations is full";
    case errc::syntax: return "the text is no Erlang term";
    case errc::wrong_type: return "the term has another type";
    case errc::out_of_range: return "the number does not fit";
    case errc::missing_field: return "a field is missing";
    case errc::wrong_tag: return "the tag is another atom";
    case errc::wrong_size: return "the number of elements is wrong";
  }
  return "unknown error";
}

}  // namespace ergo::inline v0::etf
