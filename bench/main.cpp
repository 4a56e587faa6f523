// ergo-bench: measures the workloads, alone or beside references in the same run.
#include "report.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <ranges>
#include <stdexcept>
#include <thread>

namespace ergo_bench {
namespace {

namespace po = boost::program_options;

po::options_description described() {
  const auto cores = std::max(1U, std::thread::hardware_concurrency());
  po::options_description text{"ergo-bench [ID[:VARIANT]…] [options]"};
  auto add = text.add_options();
  add("help", "this text and the workloads");
  add("vs", po::value<std::vector<std::string>>()->multitoken()->composing(),
      "beam: beside a real erl; caf: beside the C++ Actor Framework; raw: beside sockets, which block or wait by "
      "epoll, "
      "or memory copies without a runtime; plain: beside ours without encryption; all: each of them where it applies");
  add("reps", po::value<unsigned>()->default_value(5), "repetitions, each in fresh processes");
  add("smoke", "a 500th of each run, once, of all that needs no program but ours: are the results right?");
  add("cores", po::value<unsigned>()->default_value(cores), "cores of our runtime, schedulers of the reference");
  add("scale", po::value<double>()->default_value(1.0), "multiplies the operations of each run");
  add("json", po::value<std::string>()->default_value(""), "write the results here");
  add("markdown", po::value<std::string>()->default_value(""), "write the page of results here");
  add("child", po::value<std::string>(), "run one workload in this process");
  add("variant", po::value<std::string>()->default_value(""), "of --child");
  add("operations", po::value<std::uint64_t>()->default_value(0), "of --child");
  add("peer", po::value<std::string>()->default_value(""), "of --child: the other node");
  add("peer-is", po::value<std::string>()->default_value("ours"), "of --child: ours or erlang");
  add("as", po::value<std::string>()->default_value("ours"),
      "of --child: ours, or raw and raw-epoll without a runtime");
  add("serve-raw", po::value<std::string>(), "be the other end of that, for this workload");
  add("serve", po::value<std::string>(), "be the other node");
  add("id", po::value<std::vector<std::string>>(), "workloads; all without one");
  return text;
}

std::vector<workload> rows_of(const std::string& wanted) {
  const auto colon = wanted.find(':');
  const auto id = wanted.substr(0, colon);
  std::vector<workload> found;
  for (const auto& row : workloads()) {
    if (row.id == id && (colon == std::string::npos || row.variant == wanted.substr(colon + 1))) found.push_back(row);
  }
  if (found.empty()) throw std::runtime_error{"unknown workload " + wanted + "; --help lists them"};
  return found;
}

std::vector<workload> chosen_rows(const po::variables_map& given) {
  if (!given.contains("id")) return {workloads().begin(), workloads().end()};
  std::vector<workload> chosen;
  for (const auto& id : given["id"].as<std::vector<std::string>>())
    std::ranges::move(rows_of(id), std::back_inserter(chosen));
  return chosen;
}

std::vector<reference> references(const po::variables_map& given) {
  if (!given.contains("vs")) return {};
  std::vector<reference> wanted;
  for (const auto& name : given["vs"].as<std::vector<std::string>>()) {
    const auto before = wanted.size();
    for (const auto which : {reference::beam, reference::caf, reference::raw, reference::raw_epoll, reference::plain}) {
      const bool is_raw = which == reference::raw || which == reference::raw_epoll;
      if (name == "all" || name == to_string(which) || (name == "raw" && is_raw)) wanted.push_back(which);
    }
    if (wanted.size() == before) throw std::runtime_error{"--vs knows beam, caf, raw, plain and all, not " + name};
  }
  return wanted;
}

// What this machine does not have is left out, and said.
versions found_references(plan& wanted) {
  versions known;
  std::erase_if(wanted.against, [&](reference which) {
    auto version = runner::version_of(which);
    if (version.empty())
      std::cout << "not on this machine: " << to_string(which) << '\n';
    else
      known.emplace(which, version.substr(0, version.find('\n')));
    return version.empty();
  });
  return known;
}

plan shortened(plan wanted) {
  wanted.against.clear();
  wanted.repetitions = 1;
  wanted.scale = 0.002;
  std::erase_if(wanted.chosen, [](const workload& row) {
    return row.ends == pairing::ours_to_beam || row.ends == pairing::beam_to_ours;
  });
  return wanted;
}

int run_child(const po::variables_map& given) {
  const auto rows = rows_of(given["child"].as<std::string>() + ":" + given["variant"].as<std::string>());
  const request wanted{.operations = given["operations"].as<std::uint64_t>(),
                       .variant = given["variant"].as<std::string>(),
                       .cores = given["cores"].as<unsigned>(),
                       .peer = given["peer"].as<std::string>(),
                       .peer_is_ours = given["peer-is"].as<std::string>() == "ours"};
  const auto as = given["as"].as<std::string>();
  const auto& row = rows.front();
  auto* const work = as == "ours" ? row.run : as == to_string(reference::raw) ? row.raw : row.raw_epoll;
  if (work == nullptr) throw std::runtime_error{"this workload has no raw counterpart"};
  const auto took = work(wanted);
  std::printf("ns %lld ops %llu\n", static_cast<long long>(took.took.count()),
              static_cast<unsigned long long>(took.operations));
  for (const auto& found : took.more)
    std::printf("figure %s %.17g %s\n", found.name.c_str(), found.value, found.unit.c_str());
  return 0;
}

void announce(const results& all, const workload& row) {
  const auto passed = minutes_text(std::chrono::steady_clock::now() - all.begun);
  std::printf("[%s, %zu of %zu] %s %s\n", passed.c_str(), all.done() + 1, all.wanted.chosen.size(), title(row).c_str(),
              setting(row).c_str());
  std::fflush(stdout);
}

// The file is whole at any time: what it was, or what it shall be.
void write_file(const std::string& name, const std::string& text) {
  if (name.empty()) return;
  const auto fresh = name + ".new";
  std::ofstream out{fresh};
  out << text;
  out.close();
  if (!out) throw std::runtime_error{"cannot write " + fresh};
  std::filesystem::rename(fresh, name);
}

// After each row, so that what was measured stays when the run is ended.
void write_files(const po::variables_map& given, const results& all) {
  write_file(given["json"].as<std::string>(), to_json(all) + "\n");
  write_file(given["markdown"].as<std::string>(), to_markdown(all));
}

int run_plan(const po::variables_map& given) {
  plan wanted{.chosen = chosen_rows(given),
              .against = references(given),
              .repetitions = std::max(1U, given["reps"].as<unsigned>()),
              .cores = given["cores"].as<unsigned>(),
              .scale = given["scale"].as<double>()};
  if (given.contains("smoke")) wanted = shortened(std::move(wanted));
  auto known = found_references(wanted);
  results all{.wanted = std::move(wanted), .known = std::move(known)};
  std::printf("ergo-bench: %u repetitions, %u cores\n", all.wanted.repetitions, all.wanted.cores);
  for (const auto& [which, version] : all.known)
    std::printf("  beside %s: %s\n", std::string{to_string(which)}.c_str(), version.c_str());
  runner with{all.wanted.cores};
  for (const auto& row : all.wanted.chosen) {
    announce(all, row);
    try {
      print(all.rows.emplace_back(run_row(with, all.wanted, row)));
    } catch (const std::exception& wrong) {
      std::cout << title(row) << ' ' << setting(row) << " FAILED: " << wrong.what() << std::endl;
      all.failed.push_back({row, wrong.what()});
    }
    write_files(given, all);
  }
  return all.failed.empty() ? 0 : 1;
}

int run(const po::variables_map& given) {
  if (given.contains("serve")) {
    serve_peer(given["serve"].as<std::string>(), given["cores"].as<unsigned>());
    return 0;
  }
  if (given.contains("serve-raw")) {
    serve_raw(given["serve-raw"].as<std::string>());
    return 0;
  }
  return given.contains("child") ? run_child(given) : run_plan(given);
}

void print_help() {
  std::cout << described();
  for (const auto& row : workloads()) {
    std::cout << "  " << row.id << (row.variant.empty() ? "" : ":") << row.variant << "  " << row.what;
    if (row.ends != pairing::none) std::cout << " (" << to_string(row.ends) << ", " << to_string(row.where) << ')';
    std::cout << '\n';
  }
}

}  // namespace
}  // namespace ergo_bench

int main(int argc, char** argv) {
  namespace po = boost::program_options;
  try {
    po::variables_map given;
    po::positional_options_description ids;
    ids.add("id", -1);
    po::store(po::command_line_parser(argc, argv).options(ergo_bench::described()).positional(ids).run(), given);
    if (given.contains("help")) {
      ergo_bench::print_help();
      return 0;
    }
    return ergo_bench::run(given);
  } catch (const std::exception& failed) {
    std::cerr << "ergo-bench: " << failed.what() << '\n';
    return 1;
  }
}
