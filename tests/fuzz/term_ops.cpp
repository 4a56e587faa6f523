// Terms built, taken apart, compared, hashed, printed, copied and destroyed in any order, on a stack of 64 KiB. The
// input is a program for a small stack machine. Oracles: no crash, no leak, equality agrees with order and hash, copies
// are equal.
#include <ergo/etf/big_integer.hpp>
#include <ergo/etf/codec.hpp>
#include <ergo/etf/text.hpp>

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace ergo;
using etf::term;

void require(bool holds) {
  if (!holds) std::abort();
}

/// A value, and at most how many nodes it has when shared parts are counted each time: the walks take as long as that.
struct item {
  term value;
  std::size_t weight = 1;
};

constexpr std::size_t heaviest = 20'000;

/// The machine: values on a stack, and a program that pushes, combines and checks them.
class machine {
 public:
  explicit machine(std::span<const std::uint8_t> program) : program_{program} {}

  void run() {
    while (!program_.empty() && ++steps_ < 2'000) step(take());
    while (values_.size() > 1) check(pop(), pop());
  }

 private:
  std::uint8_t take() {
    if (program_.empty()) return 0;
    const auto byte = program_.front();
    program_ = program_.subspan(1);
    return byte;
  }

  std::string take_text() {
    const auto size = std::min<std::size_t>(take() % 40, program_.size());
    const std::string text{reinterpret_cast<const char*>(program_.data()), size};
    program_ = program_.subspan(size);
    return text;
  }

  void push(term value, std::size_t weight = 64) {
    if (weight > heaviest) return values_.push_back({});
    values_.push_back({std::move(value), weight});
  }

  item pop() {
    if (values_.empty()) return {};
    auto taken = std::move(values_.back());
    values_.pop_back();
    return taken;
  }

  /// Takes some values away; `weight` is what a term of them weighs.
  std::vector<term> pop_many(std::size_t& weight) {
    std::vector<term> taken(std::min<std::size_t>(take() % 8, values_.size()));
    for (auto& value : taken) {
      auto next = pop();
      weight += next.weight;
      value = std::move(next.value);
    }
    return taken;
  }

  void step(std::uint8_t operation) {
    switch (operation % 20) {
      case 0: return push(static_cast<std::int8_t>(take()));
      case 1: return push(term{etf::big_integer{take()} << take()});
      case 2: return push(take() / 4.0);
      case 3: return push(etf::atom::from_index(take() % etf::detail::well_known_texts.size()));
      case 4: return push(etf::binary(take_text()));
      case 5: return push_bits();
      case 6: return push(etf::text_list(take_text()));
      case 7: return combine([](const std::vector<term>& parts) { return etf::make_tuple(parts); });
      case 8: return push_list();
      case 9: return combine(make_map);
      case 10: return push(etf::pid{{}, operation, take()});
      case 11: return push(etf::reference{{}, static_cast<std::uint8_t>(1 + operation / 20 % 5), {take(), operation}});
      case 12:
        return combine([operation](const std::vector<term>& parts) {
          return etf::make_fun({.index = operation / 20U, .environment = parts});
        });
      case 13: return change([](const term& value) { return value.list_tail(); });
      case 14: return change([which = take()](const term& value) { return part_of(value, which); });
      case 15: return change([](const term& value) { return value.detach(); });
      case 16: return values_.empty() ? push({}) : values_.push_back(values_[take() % values_.size()]);
      case 17: return nest(take());
      case 18: return change(reread);
      default: return check(pop(), pop());
    }
  }

  template <typename Make>
  void combine(const Make& make) {
    std::size_t weight = 1;
    const auto parts = pop_many(weight);
    push(make(parts), weight);
  }

  template <typename Change>
  void change(const Change& to) {
    const auto taken = pop();
    push(to(taken.value), taken.weight);
  }

  void push_bits() {
    const auto text = take_text();
    push(etf::bit_string(text, 1 + take() % 8));
  }

  void push_list() {
    std::size_t weight = 1;
    const auto items = pop_many(weight);
    const auto tail = pop();
    push(etf::make_list(items, tail.value), weight + tail.weight);
  }

  static term make_map(const std::vector<term>& parts) {
    const auto pairs = std::span{parts}.first(parts.size() & ~std::size_t{1});
    auto map = etf::make_map(pairs);
    for (std::size_t at = 0; at < pairs.size(); at += 2) require(map.find(pairs[at]) != nullptr);
    return map;
  }

  static term part_of(const term& value, std::size_t which) {
    if (!value.elements().empty()) return value.elements()[which % value.elements().size()];
    if (!value.entries().empty()) return value.entries()[which % value.entries().size()];
    return value.drop(value.items().empty() ? 0 : which % (value.items().size() + 1));
  }

  void nest(std::size_t depth) {
    auto [value, weight] = pop();
    for (std::size_t level = 0; level < depth * 16; ++level)
      value = level % 2 == 0 ? etf::tuple(value) : etf::list(value, level);
    push(std::move(value), weight + depth * 32);
  }

  /// A term is the same after a journey.
  static term reread(const term& value) {
    const auto bytes = encode_to_string(value);
    require(bytes.size() == encoded_size(value) + 1);
    auto read = etf::decode_all(std::as_bytes(std::span{bytes}));
    require(read.has_value() && *read == value && hash_value(*read) == hash_value(value));
    require(!etf::to_text(value, {.limit = 2'000}).empty());
    return *std::move(read);
  }

  static void check(const item& left_item, const item& right_item) {
    const auto& left = left_item.value;
    const auto& right = right_item.value;
    const auto order = compare(left, right);
    const auto exact = compare_exact(left, right);
    require(order == (0 <=> compare(right, left)) && exact == (0 <=> compare_exact(right, left)));
    require((left == right) == (exact == 0));
    require(exact != 0 || (order == 0 && hash_value(left) == hash_value(right)));
    require(compare(left, left) == 0 && left == term{left});
  }

  std::span<const std::uint8_t> program_;
  std::vector<item> values_;
  std::size_t steps_ = 0;
};

void* run(void* program) {
  machine{*static_cast<std::span<const std::uint8_t>*>(program)}.run();
  return nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t stack_bytes = 64U << 10;
  std::span program{data, size};
  pthread_attr_t attributes;
  require(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, stack_bytes) == 0);
  pthread_t thread{};
  require(pthread_create(&thread, &attributes, run, &program) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  return 0;
}
