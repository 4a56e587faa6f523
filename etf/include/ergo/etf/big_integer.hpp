// Integers of any size, to calculate with.
//
// <ergo/etf/term.hpp> only declares `big_integer`: Boost.Multiprecision makes a source take twice as long to compile,
// and few calculate with integers beyond 64 bits. Include this where one is made or looked at: `term{big_integer{…}}`,
// `term::as_big_integer()`, a member of type `big_integer`.
#pragma once

#include <ergo/etf/term.hpp>

#include <boost/multiprecision/cpp_int.hpp>
