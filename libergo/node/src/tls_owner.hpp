// Objects of OpenSSL that free themselves.
#pragma once

#include <memory>

namespace ergo::inline v0::detail {

/// Makes a deleter of one of OpenSSL's functions.
template <auto Free>
struct freed_by {
  template <typename Object>
  void operator()(Object* object) const noexcept {
    Free(object);
  }
};

template <typename Object, auto Free>
using openssl_ptr = std::unique_ptr<Object, freed_by<Free>>;

}  // namespace ergo::inline v0::detail
