// The flags of node_exporter, as node_exporter_flags.tsv lists them: accepted here with the same default, or
// with the reason why not.
#include "agent/settings.h"
#include "exporter/collectors/collector.h"

#include <fstream>
#include <set>

namespace chiron::agent {
namespace {

struct Flag {
  std::string name, default_value, here, why;
};

std::vector<Flag> flags() {
  std::ifstream file(CHIRON_SOURCE_DIR "/tests/agent/node_exporter_flags.tsv");
  std::vector<Flag> all;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    std::vector<std::string> columns(1);
    for (const char c : line) {
      if (c == '\t') {
        columns.emplace_back();
      } else {
        columns.back() += c;
      }
    }
    columns.resize(4);
    all.push_back({columns[0], columns[1], columns[2], columns[3]});
  }
  return all;
}

TEST(NodeExporterFlags, AreAcceptedWithTheirDefaults) {
  const Settings defaults;
  for (const Flag& flag : flags()) {
    SCOPED_TRACE(flag.name);
    EXPECT_EQ(flag.here.empty(), flag.why.empty()) << "a difference has a reason";
    const Setting* setting = find_setting(flag.name);
    if (flag.here == "-") {
      EXPECT_EQ(setting, nullptr) << "it is an option meanwhile: say so in the list";
      continue;
    }
    ASSERT_NE(setting, nullptr);
    EXPECT_EQ(setting->default_value, flag.here.empty() ? flag.default_value : flag.here);
    // What a person takes over from node_exporter's command line.
    Settings given;
    DiagnosticSink sink;
    given.set(*setting, {flag.default_value}, "option --" + flag.name, {}, sink);
    EXPECT_TRUE(sink.ok());
    EXPECT_EQ(given.text(flag.name), flag.default_value);
  }
}

TEST(NodeExporterFlags, TheListHasEveryCollectorOfBoth) {
  std::set<std::string> listed;
  for (const Flag& flag : flags()) listed.insert(flag.name);
  const std::set<std::string_view> of_ours = {"containers", "probes", "self"};
  for (const CollectorInfo& info : all_collectors()) {
    EXPECT_NE(listed.contains("collector." + std::string(info.name)), of_ours.contains(info.name))
        << info.name;
  }
}

}  // namespace
}  // namespace chiron::agent
