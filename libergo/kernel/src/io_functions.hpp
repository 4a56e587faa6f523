// Erlang's module `io`, as far as it prints, for code of other nodes that runs here.
#pragma once

#include <ergo/node.hpp>

namespace ergo::inline v0::kernel::detail {

/// Provides `io:format/1,2,3`, `fwrite/1,2,3`, `put_chars/1,2,3`, `nl/0,1` and `write/1,2`: what a call prints appears
/// at its group leader, which is the caller's, or at the device that it names. Needs `right::call`. What the program
/// has provided before stays as it is.
void provide_io(node& on);

}  // namespace ergo::inline v0::kernel::detail
