// What our node of the soak does beside its streams: calls, links, monitors, spawns and names, made and taken back.
#pragma once

#include <ergo/node.hpp>

namespace ergo_soak {

/// Who a process churns with, and the name that it gives to processes of its own and takes back.
struct partner {
  ergo::atom peer;
  ergo::atom name;
};

/// Does one thing after the other, at random, until it is to be quiet. Whatever must not be is a violation.
ergo::task<> churn(ergo::process& self, partner with);

/// Ends with Reason when it is sent `{exit, Reason}`, and normally when nobody sends that.
ergo::task<> worker(ergo::process& self);

}  // namespace ergo_soak
