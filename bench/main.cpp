// ergo-bench: measures the workloads, alone or beside a reference in the same run.
#include "compare.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace ergo_bench {

std::span<const workload> workloads() {
  static constexpr std::array all{
      workload{"send-1-1", "one process sends small terms to one process", 4'000'000, false, send_one_to_one},
      workload{"storm-20-2000", "20 senders, 2,000 receivers", 4'000'000, false, storm},
      workload{"call-seq", "gen_server calls, one caller, one server", 1'000'000, false, call_sequential},
      workload{"call-120", "gen_server calls, 120 pairs", 1'200'000, false, call_many},
      workload{"spawn-exit", "spawn a process that ends at once, wait for its DOWN", 500'000, false, spawn_exit},
      workload{"supervise", "a supervisor starts children of one kind, lists them, ends every tenth, stops the rest",
               100'000, false, supervise},
      workload{"etf-encode", "a message of 100 records to bytes", 20'000, false, etf_encode},
      workload{"etf-decode", "bytes to a message of 100 records", 20'000, false, etf_decode},
      workload{"net-call-seq", "gen_server calls between two OS processes, one pair", 20'000, true,
               net_call_sequential},
      workload{"net-call-120", "gen_server calls between two OS processes, 120 pairs", 240'000, true, net_call_many},
      workload{"net-beside-large",
               "the 99th of 100 calls, one per ms, beside a binary of 200 MB that goes back and forth", 4'000, true,
               net_beside_large, raw_beside_large},
  };
  return all;
}

namespace {

namespace po = boost::program_options;

po::options_description described() {
  po::options_description text{"ergo-bench [ID…] [options]"};
  text.add_options()("help", "this text and the workloads")(
      "vs", po::value<std::string>()->default_value(""),
      "beam: beside a real erl; raw: beside sockets without a runtime")("reps", po::value<unsigned>()->default_value(5),
                                                                        "repetitions, each in fresh processes")(
      "cores", po::value<unsigned>()->default_value(std::max(1U, std::thread::hardware_concurrency())),
      "cores of our runtime, schedulers of the reference")("scale", po::value<double>()->default_value(1.0),
                                                           "multiplies the operations of each run")(
      "json", po::value<std::string>()->default_value(""), "write the results here")(
      "child", po::value<std::string>(), "run one workload in this process")(
      "operations", po::value<std::uint64_t>()->default_value(0), "of --child")(
      "peer", po::value<std::string>()->default_value(""), "of --child: the other node")(
      "raw", "of --child: without a runtime")("serve-raw", "be the other end of that")(
      "serve", po::value<std::string>(), "be the other node")("id", po::value<std::vector<std::string>>(),
                                                              "workloads; all without one");
  return text;
}

const workload& find(const std::string& id) {
  const auto all = workloads();
  const auto found = std::ranges::find(all, id, &workload::id);
  if (found == all.end()) throw std::runtime_error{"unknown workload " + id + "; --help lists them"};
  return *found;
}

int run(const po::variables_map& given) {
  const placement where{given["cores"].as<unsigned>()};
  if (given.contains("serve")) {
    serve_peer(given["serve"].as<std::string>(), where);
    return 0;
  }
  if (given.contains("serve-raw")) {
    serve_raw();
    return 0;
  }
  if (given.contains("child")) {
    const auto& work = find(given["child"].as<std::string>());
    const auto took = (given.contains("raw") ? work.raw : work.run)(given["operations"].as<std::uint64_t>(), where,
                                                                    given["peer"].as<std::string>());
    std::printf("ns %lld ops %llu\n", static_cast<long long>(took.took.count()),
                static_cast<unsigned long long>(took.operations));
    return 0;
  }
  plan wanted{.chosen = {},
              .against = given["vs"].as<std::string>(),
              .repetitions = given["reps"].as<unsigned>(),
              .cores = where.cores,
              .scale = given["scale"].as<double>(),
              .json_file = given["json"].as<std::string>()};
  if (!wanted.against.empty() && wanted.against != "beam" && wanted.against != "raw")
    throw std::runtime_error{"--vs knows beam and raw"};
  if (given.contains("id")) {
    for (const auto& id : given["id"].as<std::vector<std::string>>()) wanted.chosen.push_back(find(id));
  } else {
    wanted.chosen.assign(workloads().begin(), workloads().end());
  }
  if (wanted.against == "raw" &&
      std::erase_if(wanted.chosen, [](const workload& one) { return one.raw == nullptr; }) > 0)
    std::cout << "only workloads with a raw counterpart are run\n";
  return run_plan(wanted) ? 0 : 1;
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
      std::cout << ergo_bench::described();
      for (const auto& work : ergo_bench::workloads()) std::cout << "  " << work.id << ": " << work.what << '\n';
      return 0;
    }
    return ergo_bench::run(given);
  } catch (const std::exception& failed) {
    std::cerr << "ergo-bench: " << failed.what() << '\n';
    return 1;
  }
}
