// ergo-bench: measures the workloads, alone or beside references in the same run.
#include "report.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cstdio>
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
      "beam: beside a real erl; caf: beside the C++ Actor Framework; raw: beside sockets or memory copies without a "
      "runtime; plain: beside ours without encryption; all: each of them where it applies");
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
  add("raw", "of --child: without a runtime");
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
    for (const auto which : {reference::beam, reference::caf, reference::raw, reference::plain}) {
      if (name == "all" || name == to_string(which)) wanted.push_back(which);
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
  auto* const work = given.contains("raw") ? rows.front().raw : rows.front().run;
  if (work == nullptr) throw std::runtime_error{"this workload has no raw counterpart"};
  const auto took = work(wanted);
  std::printf("ns %lld ops %llu\n", static_cast<long long>(took.took.count()),
              static_cast<unsigned long long>(took.operations));
  for (const auto& found : took.more)
    std::printf("figure %s %.17g %s\n", found.name.c_str(), found.value, found.unit.c_str());
  return 0;
}

int run_plan(const po::variables_map& given) {
  plan wanted{.chosen = chosen_rows(given),
              .against = references(given),
              .repetitions = std::max(1U, given["reps"].as<unsigned>()),
              .cores = given["cores"].as<unsigned>(),
              .scale = given["scale"].as<double>()};
  if (given.contains("smoke")) wanted = shortened(std::move(wanted));
  const auto known = found_references(wanted);
  std::printf("ergo-bench: %u repetitions, %u cores\n", wanted.repetitions, wanted.cores);
  for (const auto& [which, version] : known)
    std::printf("  beside %s: %s\n", std::string{to_string(which)}.c_str(), version.c_str());
  runner with{wanted.cores};
  std::vector<row_result> rows;
  bool failed = false;
  for (const auto& row : wanted.chosen) {
    try {
      print(rows.emplace_back(run_row(with, wanted, row)));
    } catch (const std::exception& wrong) {
      failed = true;
      std::cout << row.id << ' ' << row.variant << " FAILED: " << wrong.what() << std::endl;
    }
  }
  if (const auto file = given["json"].as<std::string>(); !file.empty())
    std::ofstream{file} << to_json(rows, wanted, known) << '\n';
  if (const auto file = given["markdown"].as<std::string>(); !file.empty())
    std::ofstream{file} << to_markdown(rows, wanted, known);
  return failed ? 1 : 0;
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
