// The table of distribution flags against what live releases offer and refuse (protocol §2.4).
#include <ergo/dist/flags.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

namespace dist = ergo::dist;
using dist::flag;
using dist::flags;

namespace {

flags offered_by(int release) {
  flags set;
  for (const dist::flag_info& row : dist::flag_table())
    if (row.since != 0 && row.since <= release && row.bit != flag::published) set = set.with(row.bit);
  return set;
}

flags required_by(int release) {
  flags set;
  for (const dist::flag_info& row : dist::flag_table())
    if (row.mandatory_since != 0 && row.mandatory_since <= release) set = set.with(row.bit);
  return set;
}

}  // namespace

TEST_CASE("the table reproduces what each release offers by default") {
  CHECK(offered_by(23).bits() == 0x1'01DF'7FBC);
  CHECK(offered_by(24).bits() == 0xD'03DF'7FBC);
  CHECK(offered_by(25).bits() == 0xD'07DF'7FBC);
  CHECK(offered_by(27).bits() == 0xD'07DF'7FBC);
  CHECK(offered_by(28).bits() == 0x2D'07DF'7FBC);
  CHECK(offered_by(29).bits() == 0x6D'07DF'7FBC);
}

TEST_CASE("the table reproduces what each release refuses to live without") {
  CHECK(required_by(23) == dist::mandatory_23);
  CHECK(required_by(24) == dist::mandatory_23);
  CHECK(required_by(25) == dist::mandatory_25);
  CHECK(required_by(26) == dist::mandatory_26);
  CHECK(required_by(29) == dist::mandatory_26);
}

TEST_CASE("the table has every bit once, in order, with a name and a meaning") {
  int last = -1;
  std::set<std::string_view> names;
  for (const dist::flag_info& row : dist::flag_table()) {
    CHECK(static_cast<int>(row.bit) > last);
    last = static_cast<int>(row.bit);
    CHECK(names.insert(row.name).second);
    CHECK_FALSE(row.meaning.empty());
    CHECK((row.mandatory_since == 0 || row.mandatory_since >= row.since));
  }
  CHECK(last == 38);
}

TEST_CASE("our offer is accepted by every release from 23 to 29 and by ourselves") {
  for (int release = 23; release <= 29; ++release)
    CHECK(dist::missing(dist::pass_through_offer, required_by(release)).empty());
  CHECK(dist::missing(dist::pass_through_offer, dist::required_of_peers).empty());
  CHECK(dist::pass_through_offer.bits() == 0x6D075F5FBC);
  CHECK(dist::visible_pass_through_offer.bits() == 0x6D075F5FBD);
}

TEST_CASE("our offer asks for neither the header atom cache nor fragments") {
  CHECK_FALSE(dist::pass_through_offer.has(flag::dist_hdr_atom_cache));
  CHECK_FALSE(dist::pass_through_offer.has(flag::fragments));
}

TEST_CASE("every release from 23 to 29 is accepted as a peer") {
  for (int release = 23; release <= 29; ++release)
    CHECK(dist::missing(offered_by(release), dist::required_of_peers).empty());
}

TEST_CASE("OTP 22 and older lack HANDSHAKE_23 and are told so by name") {
  const flags otp_22 = offered_by(22);
  const flags lacking = dist::missing(otp_22, dist::required_of_peers);
  CHECK(dist::to_string(lacking) == "HANDSHAKE_23");
  CHECK(dist::first_release_with(lacking) == 23);
  const flags otp_21 = dist::missing(offered_by(21), dist::required_of_peers);
  CHECK(dist::to_string(otp_21) == "BIG_CREATION, HANDSHAKE_23");
}

TEST_CASE("the digest stands for what OTP 25 requires and for nothing else") {
  const flags digest{flag::mandatory_25_digest};
  CHECK(dist::expand_digest(digest) == (digest | dist::mandatory_25));
  CHECK(dist::expand_digest(flags{0x20}) == flags{0x20});
  CHECK(dist::missing(digest, dist::mandatory_25).empty());
  CHECK(dist::to_string(dist::missing(digest, dist::mandatory_26)) == "UNLINK_ID, V4_NC");
}

TEST_CASE("negotiation keeps what both ends offer") {
  const flags with_23 = dist::negotiate(dist::pass_through_offer, offered_by(23));
  CHECK_FALSE(with_23.has(flag::unlink_id));
  CHECK_FALSE(with_23.has(flag::alias));
  CHECK_FALSE(with_23.has(flag::v4_nc));
  CHECK(with_23.has(flag::spawn));
  CHECK(with_23.has(flag::exit_payload));
  const flags with_29 = dist::negotiate(dist::pass_through_offer, offered_by(29));
  CHECK(with_29.has(flag::unlink_id));
  CHECK(with_29.has(flag::alias));
  CHECK(with_29.has(flag::altact_sig));
  CHECK(with_29.has(flag::native_records));
  CHECK_FALSE(with_29.has(flag::fragments));
}

TEST_CASE("visibility needs both ends") {
  const flags visible = dist::visible_pass_through_offer;
  CHECK(dist::negotiate(visible, visible).has(flag::published));
  CHECK_FALSE(dist::negotiate(visible, dist::pass_through_offer).has(flag::published));
  CHECK_FALSE(dist::negotiate(dist::pass_through_offer, visible).has(flag::published));
}

TEST_CASE("a digest on one side meets explicit flags on the other") {
  CHECK(dist::negotiate(flags{flag::mandatory_25_digest}, flags{flag::map_tag}) == flags{flag::map_tag});
  CHECK(dist::negotiate(flags{flag::map_tag}, flags{flag::mandatory_25_digest}) == flags{flag::map_tag});
}

TEST_CASE("flags behave as a set") {
  constexpr flags a{flag::alias, flag::spawn};
  static_assert(a.has(flag::alias) && a.has(flag::spawn) && !a.has(flag::v4_nc));
  static_assert(a.bits() == 0x9'0000'0000);
  static_assert(a.contains(flags{flag::alias}) && !flags{flag::alias}.contains(a));
  static_assert((a - flags{flag::alias}) == flags{flag::spawn});
  static_assert(a.without(flag::alias).without(flag::spawn).empty());
  static_assert(flags{}.with(flag::published).bits() == 1);
  CHECK((flags{0xF0} & flags{0x3C}) == flags{0x30});
  CHECK((flags{0xF0} | flags{0x0C}) == flags{0xFC});
}

TEST_CASE("unknown bits are kept and printed by number") {
  const flags set = flags{std::uint64_t{1} << 31 | std::uint64_t{1} << 63}.with(flag::alias);
  CHECK(dist::to_string(set) == "bit 31, ALIAS, bit 63");
  CHECK(dist::first_release_with(set) == 0);
  CHECK(dist::to_string(flags{}).empty());
  CHECK(dist::first_release_with(flags{flag::alias, flag::native_records}) == 29);
}
