#include "guarded.hpp"

namespace ergo::inline v0::kernel::detail {
namespace {

/// The request of a call.
const term* request_in(const term& said) {
  return etf::is_tagged(said, "$gen_call"_atom, 3) ? &said.elements()[2] : nullptr;
}

bool looks_at_children(atom /*peer*/, const term& said) {
  const auto* const request = request_in(said);
  if (request == nullptr) return false;
  return request->is("which_children"_atom) || request->is("count_children"_atom) ||
         etf::is_tagged(*request, "get_childspec"_atom, 2);
}

bool looks_at_applications(atom /*peer*/, const term& said) {
  const auto* const request = request_in(said);
  if (request == nullptr) return false;
  return request->is("which_applications"_atom) || request->is("info"_atom) ||
         etf::is_tagged(*request, "is_running"_atom, 2) || etf::is_tagged(*request, "get_master"_atom, 2);
}

bool is_of_another_node(atom peer, const term& said) {
  const auto* const request = request_in(said);
  if (request == nullptr) {
    const bool leaving = etf::is_tagged(said, "remove_connection"_atom, 2);
    return !etf::is_tagged(said, "prepare_shutdown"_atom, 3) && (!leaving || said.elements()[1].is(peer));
  }
  const bool own = request->is("disconnect"_atom) || etf::is_tagged(*request, "registrar"_atom, 2) ||
                   request->is("follow_names"_atom) || etf::is_tagged(*request, "unfollow_names"_atom, 2);
  return !own;
}

bool changes_no_members(atom /*peer*/, const term& said) {
  const auto* const request = request_in(said);
  if (request == nullptr) return true;
  return !etf::is_tagged(*request, "join_local"_atom, 3) && !etf::is_tagged(*request, "leave_local"_atom, 3);
}

}  // namespace

void guard_supervisor(node& on) { guard(on, "kernel_sup", looks_at_children); }
void guard_applications(node& on) { guard(on, "application_controller", looks_at_applications); }
void guard_name_server(node& on) { guard(on, "global_name_server", is_of_another_node); }
void guard_scope(node& on, atom scope) { guard(on, scope.text(), changes_no_members); }

}  // namespace ergo::inline v0::kernel::detail
