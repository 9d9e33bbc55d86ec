#include "agent/action_arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chiron::agent {
namespace {

using remediation::ArgumentValue;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

ArgumentValue only(const std::string& action, const std::string& name, Json value) {
  const auto values = action_arguments(action, {{name, std::move(value)}});
  EXPECT_TRUE(values.ok()) << values.error().to_string();
  if (!values.ok() || values->size() != 1) return {};
  EXPECT_EQ(values->front().first, name);
  return values->front().second;
}

ArgumentValue labels(const std::string& text) { return only("container.rolling_restart", "labels", text); }

std::string refusal(const std::string& action, const Json& arguments) {
  const auto values = action_arguments(action, arguments);
  return values.ok() ? "" : values.error().to_string();
}

TEST(ActionArguments, ATextStaysOneAndBecomesAListWhereOneIsWanted) {
  const ArgumentValue unit = only("service.restart", "unit", "{a: b}");
  EXPECT_EQ(unit.shape, ArgumentValue::Shape::text);
  EXPECT_THAT(unit.texts, ElementsAre("{a: b}"));
  const ArgumentValue globs = only("files.prune", "globs", "[ab]/**");
  EXPECT_EQ(globs.shape, ArgumentValue::Shape::list);
  EXPECT_THAT(globs.texts, ElementsAre("[ab]/**"));
  EXPECT_THAT(only("files.prune", "globs", {"/a/*", "/b/*"}).texts, ElementsAre("/a/*", "/b/*"));
}

TEST(ActionArguments, AMappingIsWrittenInYamlOrJson) {
  for (const char* text : {"{app: web, tier: '1'}", R"({"app":"web","tier":"1"})", "{app: web, tier: 1}"}) {
    const ArgumentValue value = labels(text);
    EXPECT_EQ(value.shape, ArgumentValue::Shape::pairs) << text;
    EXPECT_THAT(value.pairs, ElementsAre(Pair("app", "web"), Pair("tier", "1"))) << text;
    EXPECT_TRUE(value.texts.empty()) << text;
  }
  EXPECT_THAT(labels("{app: ''}").pairs, ElementsAre(Pair("app", "")));
  EXPECT_THAT(labels("{com.docker.compose.project: shop, a: 'x: {y}'}").pairs,
              ElementsAre(Pair("com.docker.compose.project", "shop"), Pair("a", "x: {y}")));
  EXPECT_TRUE(labels("{}").pairs.empty());
  const ArgumentValue sent = only("container.rolling_restart", "labels", {{"app", "web"}});
  EXPECT_THAT(sent.pairs, ElementsAre(Pair("app", "web")));
}

TEST(ActionArguments, WhatIsNoMappingIsRefusedByName) {
  const auto why = [](const Json& value) {
    return refusal("container.rolling_restart", {{"labels", value}});
  };
  for (const char* text : {"app=web", "", "[a, b]", "{app: web", "{app: web, app: db}"}) {
    EXPECT_THAT(why(text), HasSubstr("argument 'labels': ")) << text;
    EXPECT_THAT(why(text), HasSubstr("'{A: b, C: d}'")) << text;
  }
  EXPECT_THAT(why("{app: }"), HasSubstr("\"app\" has no text"));
  EXPECT_THAT(why("{app: [a]}"), HasSubstr("\"app\" has no text"));
  EXPECT_THAT(why({"{a: b}", "{c: d}"}), HasSubstr("more than once"));
  EXPECT_THAT(why({{"app", 1}}), HasSubstr("lists and mappings hold texts"));
  EXPECT_THAT(why(7), HasSubstr("must be a text, a list of texts or a mapping"));
  EXPECT_THAT(refusal("service.restart", "x"), HasSubstr("must be an object"));
}

TEST(ActionArguments, NamesThatAreUnknownAreLeftToTheAction) {
  EXPECT_THAT(only("service.restart", "unti", "a").texts, ElementsAre("a"));
  EXPECT_THAT(only("no.action", "labels", "{a: b}").texts, ElementsAre("{a: b}"));
}

}  // namespace
}  // namespace chiron::agent
