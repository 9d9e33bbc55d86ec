#include "exporter/collectors/collector.h"
#include "exporter/series/labels.h"

#include <set>

namespace chiron {
namespace {

TEST(CollectorOptions, TheLastValueGivenCounts) {
  CollectorOptions options;
  options.set("directory", {"/a", "/b"});
  EXPECT_EQ(options.get("directory"), "/b");
  EXPECT_EQ(options.list("directory"), (std::vector<std::string>{"/a", "/b"}));
  options.set("directory", {});
  EXPECT_EQ(options.get("directory"), "");
  EXPECT_EQ(options.get("unheard-of"), "");
  EXPECT_FALSE(options.flag("unheard-of"));
  options.set("info", {"true"});
  EXPECT_TRUE(options.flag("info"));
}

TEST(CollectorTable, EachRowIsComplete) {
  std::set<std::string_view> names;
  for (const CollectorInfo& info : all_collectors()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " is listed twice";
    EXPECT_FALSE(info.help.empty()) << info.name;
    ASSERT_NE(info.make, nullptr) << info.name;
    EXPECT_EQ(find_collector(info.name), &info);
    for (const CollectorOption& option : info.options) {
      EXPECT_FALSE(option.help.empty()) << info.name << '.' << option.name;
      if (option.is_flag) {
        EXPECT_TRUE(option.default_value == "true" || option.default_value == "false") << option.name;
      }
      if (option.is_pattern) {
        EXPECT_TRUE(Pattern::make(option.default_value).ok()) << info.name << '.' << option.name;
      }
    }
  }
  EXPECT_EQ(find_collector("unheard-of"), nullptr);
}

}  // namespace
}  // namespace chiron
