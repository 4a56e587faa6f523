// What every process of a node may read of its applications without asking their controller: OTP's table `ac_tab`.
#pragma once

#include <ergo/local_node.hpp>
#include <ergo/otp/application_spec.hpp>

#include <memory>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace ergo::inline v0::otp::detail {

using shared_spec = std::shared_ptr<const application_spec>;

/// Loaded applications, their parameters, and the masters of those that run. Any thread; the controller writes, but for
/// the masters, who add themselves.
class application_directory {
 public:
  [[nodiscard]] shared_spec loaded(atom name) const;
  [[nodiscard]] std::vector<shared_spec> all_loaded() const;
  [[nodiscard]] std::optional<term> parameter(atom application, atom key) const;
  [[nodiscard]] environment parameters(atom application) const;  ///< by name
  [[nodiscard]] std::optional<pid> master(atom application) const;
  /// The application that a master has started; empty for whoever is no master.
  [[nodiscard]] std::optional<atom> application_of(const pid& master) const;
  /// The application among whose modules this one is.
  [[nodiscard]] std::optional<atom> application_with(atom module) const;

  void load(shared_spec spec, const environment& parameters);
  void unload(atom name);
  void set(atom application, atom key, term value);
  void unset(atom application, atom key);
  void add_master(atom application, const pid& master);
  void remove_master(const pid& master);

  /// That of a node whose controller runs; null for others.
  [[nodiscard]] static std::shared_ptr<const application_directory> of(const local_node& node);

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<atom, shared_spec> loaded_;
  std::unordered_map<atom, std::unordered_map<atom, term>> parameters_;
  std::unordered_map<atom, pid> masters_;
};

/// A directory that is known as that of a node for as long as this object lives, or until the node has another one.
class published_applications {
 public:
  explicit published_applications(const local_node& node);
  ~published_applications();
  published_applications(const published_applications&) = delete;
  published_applications& operator=(const published_applications&) = delete;

  [[nodiscard]] const std::shared_ptr<application_directory>& shared() const noexcept { return directory_; }
  [[nodiscard]] application_directory* operator->() const noexcept { return directory_.get(); }
  [[nodiscard]] application_directory& operator*() const noexcept { return *directory_; }

 private:
  const local_node* node_;
  std::shared_ptr<application_directory> directory_;
};

}  // namespace ergo::inline v0::otp::detail
