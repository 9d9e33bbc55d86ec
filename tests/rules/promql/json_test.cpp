#include "rules/promql/json.h"

#include <limits>

#include <nlohmann/json.hpp>

namespace chiron::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

TEST(ResultJson, IsThatOfPrometheus) {
  const Labels up{{"__name__", "up"}, {"job", "a"}};
  EXPECT_EQ(to_json(Scalar{1500, 0.1}), R"({"resultType":"scalar","result":[1.500,"0.1"]})");
  EXPECT_EQ(to_json(String{2000, "a\"b"}), R"({"resultType":"string","result":[2,"a\"b"]})");
  EXPECT_EQ(to_json(Vector{}), R"({"resultType":"vector","result":[]})");
  EXPECT_EQ(to_json(Vector{{up, 1001, 1}, {{}, -1, -kInfinity}}),
            R"({"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1.001,"1"]},)"
            R"({"metric":{},"value":[-0.001,"-Inf"]}]})");
  EXPECT_EQ(to_json(Matrix{{up, {{0, std::numeric_limits<double>::quiet_NaN()}, {1000, kInfinity}}}}),
            R"({"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},)"
            R"("values":[[0,"NaN"],[1,"+Inf"]]}]})");
}

TEST(ResultJson, OnlyScalarsAreWrittenWithoutExponents) {
  EXPECT_EQ(to_json(Scalar{0, 1e-7}), R"({"resultType":"scalar","result":[0,"0.0000001"]})");
  EXPECT_EQ(to_json(Scalar{0, 1e21}), R"({"resultType":"scalar","result":[0,"1000000000000000000000"]})");
  EXPECT_EQ(to_json(Scalar{0, kInfinity}), R"({"resultType":"scalar","result":[0,"+Inf"]})");
  EXPECT_EQ(to_json(Vector{{{}, 0, 1e21}}),
            R"({"resultType":"vector","result":[{"metric":{},"value":[0,"1e+21"]}]})");
}

TEST(ResultJson, StaysValidWhateverALabelHolds) {
  const Labels odd{{"a", "\x01\n\t\\\"\xff\xc3\xa4\xe2\x82"}};
  const auto read = nlohmann::json::parse(to_json(Vector{{odd, 0, 1}}));
  EXPECT_EQ(read["result"][0]["metric"]["a"], "\x01\n\t\\\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(ResultJson, TakesOverlongFormsAndSurrogatesForWhatIsNotUtf8) {
  for (const std::string_view ill_formed : {"\xe0\x99\x90", "\xf0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80"}) {
    std::string out;
    append_json_string(out, ill_formed);
    EXPECT_EQ(out, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  }
}

}  // namespace
}  // namespace chiron::promql
