// Parameters of applications: the files that they are read from, what is wrong with them, and how they are merged.
#include <ergo/otp/application.hpp>

#include "support.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace ergo;
using namespace ergo::test;

namespace {

/// A folder of the test's own.
class folder {
 public:
  folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "ergo-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~folder() { std::filesystem::remove_all(path_); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  std::filesystem::path write(std::string_view name, std::string_view content) const {
    std::ofstream{path_ / name} << content;
    return path_ / name;
  }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

std::string shown(const ergo::result<otp::configuration>& read) {
  if (!read) {
    const auto& why = read.error().context();
    if (!why.is_tuple(3)) return etf::to_text(why);
    return etf::to_text(etf::tuple(why.elements()[1], why.elements()[2]));  // without the file's path
  }
  std::string told;
  for (const auto& [application, parameters] : *read) {
    told += std::string{application.text()} + ":";
    for (const auto& [key, value] : parameters) told += " " + std::string{key.text()} + "=" + etf::to_text(value);
    told += ";";
  }
  return told;
}

}  // namespace

TEST_CASE("a configuration file is one list of terms, with comments and a full stop") {
  const folder here;
  const auto file = here.write("sys.config", R"(%% -*- erlang -*-
[{shop, [{port, 8080},            % where it listens
         {hosts, ["a", 'b@c']}]},
 {db, []}].  % the end
)");
  CHECK(shown(otp::read_configuration(file)) == R"(shop: port=8080 hosts=["a",b@c];db:;)");
  CHECK(shown(otp::read_configuration(here.write("empty.config", "[]."))).empty());
}

TEST_CASE("a configuration file names others, which override what stands before them") {
  const folder here;
  std::filesystem::create_directory(here.path() / "deep");
  (void)here.write("deep/more.config", "[{shop, [{port, 3}]}].");
  (void)here.write("local.config", R"([{shop, [{port, 2}, {name, "x"}]}, "deep/more"].)");
  const auto file =
      here.write("sys.config", R"([{shop, [{port, 1}, {old, yes}]}, "local.config", {db, [{size, 1}]}].)");
  CHECK(shown(otp::read_configuration(file)) == "shop: port=3 old=yes name=\"x\";db: size=1;");
  const auto other = here.write("deep.config", R"(["deep/more", {shop, [{port, 4}]}].)");
  CHECK(shown(otp::read_configuration(other)) == "shop: port=4;");
}

TEST_CASE("a configuration that is none is refused with the line or in OTP's words") {
  struct row {
    std::string_view content;
    std::string_view told;
  };
  const folder here;
  for (const auto& [content, told] : std::vector<row>{
           {"[{shop, [}]}].", R"({1,<<"syntax error">>})"},
           {"[{shop,\n  [{port, 1}]\n.", R"({3,<<"syntax error">>})"},
           {"{shop, []}.", R"({none,<<"configuration file must contain ONE list ended by <dot>">>})"},
           {"[{shop, []}]", R"({none,<<"no ending <dot> found">>})"},
           {"[{shop, []}] % done.", R"({none,<<"no ending <dot> found">>})"},
           {"[shop].", R"({none,<<"invalid application config: shop">>})"},
           {"[{shop, 1}].", R"({none,<<"application: shop; parameters must be a list">>})"},
           {"[{1, []}].", R"({none,<<"application: 1; application name must be an atom">>})"},
           {"[{shop, [a]}].", R"({none,<<"application: shop; invalid parameter: a">>})"},
           {"[{shop, [{1, a}]}].", R"({none,<<"application: shop; invalid parameter name: 1">>})"},
           {"[{shop, [{a, 1}, {a, 2}]}].", R"({none,<<"application: shop; duplicate parameter: a">>})"},
           {"[\"missing\"].", R"({none,<<"configuration file not found">>})"},
       }) {
    CHECK(shown(otp::read_configuration(here.write("sys.config", content))) == told);
  }
  CHECK(shown(otp::read_configuration(here.path() / "none.config")) == R"({none,<<"configuration file not found">>})");
  CHECK(shown(otp::read_configuration(here.write("self.config", R"(["self"].)"))) ==
        R"({none,<<"configuration files name each other too deep">>})");
  const auto twice = etf::parse("[{shop, []}, {shop, []}]");
  REQUIRE(twice);
  CHECK(shown(otp::check_configuration(*twice)) == R"(<<"duplicate application config: shop">>)");
}

TEST_CASE("a controller reads files, finds .app files, and refuses to start with bad ones") {
  const folder here;
  (void)here.write("till.app", R"({application, till,
    [{description, "counts"}, {vsn, "2.1"}, {applications, [kernel, stdlib]}, {env, [{coins, [1,2,5]}, {rate, 3}]},
     {mod, {shop, args}}, {start_phases, [{open, []}]}, {maxT, 5000}]}.)");
  (void)here.write("torn.app", "{application, torn,\n [}.");
  otp::application_options options;
  options.paths = {here.path()};
  options.config = {here.write("one.config", "[{till, [{rate, 4}, {size, 1}]}]."),
                    here.write("two.config", "[{till, [{size, 2}]}].")};
  world with;
  const auto told = with.run(
      [](process& self, otp::application_options given) -> task<std::string> {
        const otp::start_options named{.name = "application_controller"_atom};
        const auto started = co_await otp::start<otp::application_controller>(self, named, given);
        if (!started) co_return started.error().message();
        const auto torn = co_await otp::application::load(self, "torn"_atom);
        const auto loaded = co_await otp::application::load(self, "till"_atom);
        if (!loaded) co_return loaded.error().message();
        co_return etf::to_text(torn.error().context());
      },
      options);
  CHECK(told == R"({"2: syntax error","torn.app"})");
  const auto& node = with.node();
  const auto key = [&](atom name) { return etf::to_text(*otp::application::get_key(node, "till"_atom, name)); };
  CHECK(key("vsn"_atom) == R"("2.1")");
  CHECK(key("applications"_atom) == "[kernel,stdlib]");
  CHECK(key("mod"_atom) == "{shop,args}");
  CHECK(key("start_phases"_atom) == "[{open,[]}]");
  CHECK(key("maxT"_atom) == "5000");
  CHECK(otp::application::get_env<int>(node, "till"_atom, "rate"_atom) == 4);
  CHECK(otp::application::get_env<int>(node, "till"_atom, "size"_atom) == 2);
  CHECK(otp::application::get_env<std::vector<int>>(node, "till"_atom, "coins"_atom) == std::vector{1, 2, 5});

  options.config = {here.path() / "none.config"};
  const auto refused = with.run(
      [](process& self, otp::application_options given) -> task<term> {
        const auto started = co_await otp::start<otp::application_controller>(self, {}, given);
        co_return started ? term{} : started.error().context();
      },
      options);
  CHECK(etf::is_tagged(refused, "error_in_config_file"_atom, 2));
}
