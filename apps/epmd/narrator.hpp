// The server's events in the words of Erlang's port mapper.
#pragma once

#include "ergo/epmd/server.hpp"
#include "journal.hpp"

namespace ergo::epmd_program {

/// Writes what the event says, if the debug level asks for it.
void narrate(journal& to, const epmd::server_event& event);

}  // namespace ergo::epmd_program
