// Names that are not kept by a node: what `{global, Name}` and `{via, Module, Name}` are in OTP.
#pragma once

#include <ergo/process.hpp>

#include <optional>
#include <utility>

namespace ergo::inline v0::otp {

/// A place where processes have names; what the module in `{via, Module, Name}` is. One object serves all processes.
class name_service {
 public:
  virtual ~name_service() = default;

  /// Gives `name` to `self`, and says whether that was possible; the name is free again when the process ends. Called
  /// by the process before its `init`. May fail as `call` does.
  [[nodiscard]] virtual task<ergo::result<bool>> claim(process& self, term name) const = 0;
  /// Who has `name`, as far as `here` knows. Any thread; does not block.
  [[nodiscard]] virtual std::optional<pid> find(const local_node& here, const term& name) const = 0;
};

/// A name and where it is kept; the service must outlive whoever is called by it.
class public_name {
 public:
  template <typename Name>
  public_name(const name_service& service, const Name& name) : service_{&service}, name_{ergo::detail::as_term(name)} {}

  [[nodiscard]] const name_service& service() const noexcept { return *service_; }
  [[nodiscard]] const term& name() const noexcept { return name_; }
  /// Who has the name, as far as the node of `self` knows; else somebody who does not exist, so that calls fail with
  /// `noproc`.
  [[nodiscard]] destination find(const process& self) const {
    const auto found = service_->find(self.node(), name_);
    return found ? destination{*found} : destination{atom{}};
  }

 private:
  const name_service* service_;
  term name_;
};

}  // namespace ergo::inline v0::otp
