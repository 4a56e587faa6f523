// The scenarios over plain envelopes.
#include "cluster.hpp"

ergo::testing::carriage_factory ergo::test::carriage_under_test() { return {}; }
