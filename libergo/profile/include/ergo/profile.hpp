// Where a running program spends its time, read over HTTP by `pprof`.
#pragma once

#include <ergo/operations.hpp>

#include <chrono>

namespace ergo::inline v0 {

/// Adds `/debug/pprof/profile?seconds=N` (30 without a number, `longest` for more): samples where the program's threads
/// spend their processor time for so long, and answers with a profile in gperftools' format, which
/// `google-pprof --text PROGRAM FILE` reads.
///
/// One profile at a time in a program; another request gets 409. Samples come by SIGPROF, which the program must leave
/// alone: 100 per second of processor time, or as many as `CPUPROFILE_FREQUENCY` in the environment says. Between
/// profiles nothing is sampled. When `to` is destroyed, a profile that is being taken ends and is lost.
void add_profile(operations& to, duration longest = std::chrono::minutes{10});

}  // namespace ergo::inline v0
