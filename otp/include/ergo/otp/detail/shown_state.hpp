// A server's state as a term, for `sys`: as a map of the members that Boost.Describe knows.
#pragma once

#include <ergo/etf/convert.hpp>
#include <ergo/otp/detail/system_messages.hpp>

#include <boost/mp11/algorithm.hpp>

#include <type_traits>
#include <vector>

namespace ergo::inline v0::otp::detail {

template <typename Server>
using described_members = boost::describe::describe_members<Server, etf::detail::every_member>;

template <typename Descriptor>
[[nodiscard]] term member_key() {
  return term{etf::detail::source_atom<etf::detail::name_source<Descriptor>>()};
}

/// `#{member => Value}`; a member of a type that is no term shows as `opaque`.
template <typename Server>
[[nodiscard]] term described_state(const Server& server) {
  std::vector<term> entries;
  boost::mp11::mp_for_each<described_members<Server>>([&](auto descriptor) {
    using descriptor_type = decltype(descriptor);
    using type = std::remove_cvref_t<decltype(server.*descriptor_type::pointer)>;
    entries.push_back(member_key<descriptor_type>());
    if constexpr (std::convertible_to<const type&, term>) {
      entries.push_back(term(server.*descriptor_type::pointer));
    } else if constexpr (etf::convertible_to_term<type>) {
      entries.push_back(etf::to_term(server.*descriptor_type::pointer));
    } else {
      entries.emplace_back("opaque"_atom);
    }
  });
  return etf::make_map(entries);
}

/// Reads one member from a new state, or checks that it could be read; throws `callback_failure`.
template <typename Descriptor, typename Server>
void take_member(Server& server, const term& value, bool keep) {
  using type = std::remove_reference_t<decltype(server.*Descriptor::pointer)>;
  const auto refuse = [&] {
    throw callback_failure{"error"_atom, etf::tuple("badmatch"_atom, etf::tuple(member_key<Descriptor>(), value))};
  };
  if constexpr (!std::is_const_v<type> && std::same_as<type, term>) {
    if (keep) server.*Descriptor::pointer = value;
  } else if constexpr (!std::is_const_v<type> && etf::convertible_from_term<type> && std::is_move_assignable_v<type>) {
    auto read = etf::from_term<type>(value);
    if (!read) return refuse();
    if (keep) server.*Descriptor::pointer = *std::move(read);
  } else if constexpr (etf::convertible_to_term<std::remove_const_t<type>>) {
    if (etf::to_term(server.*Descriptor::pointer) != value) refuse();
  } else if (!value.is("opaque"_atom)) {
    refuse();
  }
}

/// Takes a state that looks as `described_state` does: all of it, or nothing when a member is missing, unknown or of
/// the wrong type; then throws `callback_failure`.
template <typename Server>
void take_described_state(Server& server, const term& next) {
  using members = described_members<Server>;
  if (!next.is_map() || next.entries().size() != 2 * boost::mp11::mp_size<members>::value)
    throw callback_failure{"error"_atom, etf::tuple("badmap"_atom, next)};
  for (const bool keep : {false, true}) {
    boost::mp11::mp_for_each<members>([&](auto descriptor) {
      using descriptor_type = decltype(descriptor);
      const auto key = member_key<descriptor_type>();
      const auto* const value = next.find(key);
      if (value == nullptr) throw callback_failure{"error"_atom, etf::tuple("badkey"_atom, key)};
      take_member<descriptor_type>(server, *value, keep);
    });
  }
}

}  // namespace ergo::inline v0::otp::detail
