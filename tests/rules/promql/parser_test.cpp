#include "rules/promql/nodes.h"
#include "rules/promql/promql.h"

#include <string>

namespace chiron::promql {
namespace {

std::string canonical(std::string_view text) {
  const Parsed parsed = parse(text);
  if (parsed.ok()) return to_string(*parsed.expr);
  return "error: " + parsed.errors.front().message;
}

struct Good {
  std::string_view text;
  std::string_view canonical;
  ValueType type;
};

class ParsesWell : public testing::TestWithParam<Good> {};

TEST_P(ParsesWell, AndPrintsBack) {
  const Parsed parsed = parse(GetParam().text);
  ASSERT_TRUE(parsed.ok()) << parsed.errors.front().message;
  EXPECT_EQ(parsed.type, GetParam().type);
  EXPECT_EQ(to_string(*parsed.expr), GetParam().canonical);
  EXPECT_EQ(canonical(to_string(*parsed.expr)), GetParam().canonical)
      << "the canonical text reads back as itself";
}

constexpr ValueType kS = ValueType::scalar;
constexpr ValueType kV = ValueType::vector;
constexpr ValueType kM = ValueType::matrix;
constexpr ValueType kT = ValueType::string;

INSTANTIATE_TEST_SUITE_P(Numbers, ParsesWell,
                         testing::Values(Good{"1", "1", kS}, Good{".5", "0.5", kS}, Good{"2.", "2", kS},
                                         Good{"0x1F", "31", kS}, Good{"1e3", "1000", kS},
                                         Good{"1_000", "1000", kS}, Good{"010", "8", kS},
                                         Good{"089", "89", kS},
                                         Good{"0x7fffffffffffffff == bool 9223372036854775807",
                                              "9223372036854776000 == bool 9223372036854776000", kS},
                                         Good{"07777777777777777777777", "7777777777777777000000", kS},
                                         Good{"iNf", "+Inf", kS}, Good{"nan", "NaN", kS},
                                         Good{"-Inf", "-Inf", kS}, Good{"--2", "2", kS},
                                         Good{"2^-Inf", "2 ^ -Inf", kS}, Good{"2^Inf", "2 ^ +Inf", kS},
                                         Good{"Inf^2", "+Inf ^ 2", kS}, Good{"1e-7", "0.0000001", kS},
                                         Good{"1e22 * -1e-7", "10000000000000000000000 * -0.0000001", kS},
                                         Good{"1h30m", "1h30m", kS}, Good{"4s18ms", "4s18ms", kS},
                                         Good{"1e-400", "0", kS}, Good{"1 # a comment\n + 2", "1 + 2", kS}));

INSTANTIATE_TEST_SUITE_P(Strings, ParsesWell,
                         testing::Values(Good{R"("a\"b")", R"("a\"b")", kT},
                                         Good{R"('it\'s')", R"("it's")", kT},
                                         Good{R"(`a\b`)", R"("a\\b")", kT},
                                         Good{R"("\x41\102\u00e4")", "\"ABä\"", kT},
                                         Good{R"("\xe4\a\x00")", R"("\xe4\a\x00")", kT}));

INSTANTIATE_TEST_SUITE_P(
    Selectors, ParsesWell,
    testing::Values(
        Good{"up", "up", kV}, Good{"job:up:sum", "job:up:sum", kV}, Good{"up{}", "up", kV},
        Good{R"(up{a="b", c!='d',})", R"(up{a="b",c!="d"})", kV},
        Good{R"(up{a=~"x.*",b!~"y"})", R"(up{a=~"x.*",b!~"y"})", kV}, Good{R"({a="b"})", R"({a="b"})", kV},
        Good{R"({"up", by="c"})", R"(up{by="c"})", kV}, Good{R"({"a name"})", R"({"a name"})", kV},
        Good{R"({"a\xe4 b"="c"})", R"({"a\xe4 b"="c"})", kV}, Good{R"(sum{a="1"})", R"(sum{a="1"})", kV},
        Good{"up[5m]", "up[5m]", kM}, Good{"up[90]", "up[1m30s]", kM},
        Good{"up[5m-30s*2]", "up[5m - 30s * 2]", kM},
        Good{"up[-(step())+2*RANGE()]", "up[-(step()) + 2 * range()]", kM},
        Good{"up[1m:min_of(step(), 1h)] offset -max_of(1, (2m))",
             "up[1m:min_of(step(), 1h)] offset -max_of(1, (2m))", kM},
        Good{R"(up{z="1",b="2",a!="3",a=~"4"})", R"(up{a!="3",a=~"4",b="2",z="1"})", kV},
        Good{R"({z="1","a name",b="2"})", R"({"a name",b="2",z="1"})", kV},
        Good{"up[5m-1e-7]", "up[5m - 0.0000001]", kM},
        Good{"up offset (5s-8) - 3", "up offset (5s - 8) - 3", kV},
        Good{"up offset -(5s)-8", "up offset -(5s) - 8", kV},
        Good{"up offset step()*2", "up offset step() * 2", kV},
        Good{R"({"a", "a"})", R"({"a",__name__="a"})", kV},
        Good{R"({"a", __name__="b"})", R"({"a",__name__="b"})", kV}, Good{"fill + fill", "fill + fill", kV},
        Good{R"({"inf"} + {"on"})", R"({"inf"} + {"on"})", kV}, Good{R"({"sum"})", "sum", kV},
        Good{R"(smoothed{anchored="x"})", R"(smoothed{anchored="x"})", kV},
        Good{"up offset 5m", "up offset 5m", kV}, Good{"up offset -7m", "up offset -7m", kV},
        Good{"up[5m] offset 1m", "up[5m] offset 1m", kM}, Good{"up offset 5s-8", "up offset 5s - 8", kV},
        Good{"up @ 3.3335", "up @ 3.334", kV}, Good{"up offset 1m @ end()", "up @ end() offset 1m", kV},
        Good{"up @ -1.5", "up @ -1.500", kV}, Good{"up[10m:30s]", "up[10m:30s]", kM},
        Good{"(up + up)[1h:] offset 1m", "(up + up)[1h:] offset 1m", kM}));

INSTANTIATE_TEST_SUITE_P(
    Operators, ParsesWell,
    testing::Values(Good{"-2^2", "-2 ^ 2", kS}, Good{"1 > bool 2", "1 > bool 2", kS},
                    Good{"a + b or c and d", "a + b or c and d", kV},
                    Good{"a / on(x) group_left(y) b", "a / on (x) group_left (y) b", kV},
                    Good{"a / ignoring(x,) group_right b", "a / ignoring (x) group_right () b", kV},
                    Good{"a AND ON () b", "a and on () b", kV}, Good{"a * on () 1", "a * 1", kV},
                    Good{"a * ignoring () b", "a * b", kV},
                    Good{"a * ignoring () group_left b", "a * ignoring () group_left () b", kV},
                    Good{"a atan2 b", "a atan2 b", kV}, Good{"sum(a) by (b)", "sum by (b) (a)", kV},
                    Good{"SUM without (b,c,) (a)", "sum without (b, c) (a)", kV},
                    Good{"topk(5, a)", "topk(5, a)", kV},
                    Good{R"(count_values("v", a))", R"(count_values("v", a))", kV},
                    Good{"rate(a[5m])", "rate(a[5m])", kV}, Good{"round(a, 5)", "round(a, 5)", kV},
                    Good{"time()", "time()", kS}, Good{"hour()", "hour()", kV},
                    Good{R"(label_join(a, "x", ","))", R"(label_join(a, "x", ","))", kV}));

TEST(Parser, BindsOperatorsAsPrometheusDoes) {
  const Parsed parsed = parse("-a ^ 2 * 3");
  ASSERT_TRUE(parsed.ok());
  const auto& times = std::get<Binary>(parsed.expr->node);
  EXPECT_EQ(times.op, Op::mul);
  const auto& minus = std::get<Unary>(times.lhs->node);
  EXPECT_EQ(std::get<Binary>(minus.operand->node).op, Op::pow);

  const Parsed power = parse("2 ^ 3 ^ 2");
  ASSERT_TRUE(power.ok());
  EXPECT_EQ(std::get<Binary>(std::get<Binary>(power.expr->node).rhs->node).op, Op::pow);
  const Parsed difference = parse("1 - 2 - 3");
  ASSERT_TRUE(difference.ok());
  EXPECT_EQ(std::get<Binary>(std::get<Binary>(difference.expr->node).lhs->node).op, Op::sub);
}

struct Bad {
  std::string_view text;
  std::size_t begin, end;
  std::string_view message;
};

class Refuses : public testing::TestWithParam<Bad> {};

TEST_P(Refuses, AndSaysWhere) {
  const Parsed parsed = parse(GetParam().text);
  ASSERT_FALSE(parsed.ok());
  ASSERT_FALSE(parsed.errors.empty());
  const ParseError& error = parsed.errors.front();
  EXPECT_EQ(error.message, GetParam().message);
  EXPECT_EQ(error.range.begin, GetParam().begin);
  EXPECT_EQ(error.range.end, GetParam().end);
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, Refuses,
    testing::Values(
        Bad{"", 0, 0, "no expression found in input"}, Bad{" # x", 4, 4, "no expression found in input"},
        Bad{"1 /", 3, 3, "unexpected end of input"}, Bad{"*1", 0, 1, "unexpected <op:*>"},
        Bad{"1 + atan2", 4, 9, "unexpected <op:atan2>"},
        Bad{"sum by (inf) (a)", 8, 11, "unexpected number \"inf\" in grouping opts, expected label"},
        Bad{"(1))", 4, 4, "unexpected right parenthesis ')'"}, Bad{"((1)", 4, 4, "unclosed left parenthesis"},
        Bad{"rate(a[5m ", 10, 10, "unclosed left parenthesis"}, Bad{"a[5m", 4, 4, "unclosed left bracket"},
        Bad{"1 =~ 1", 2, 4, "unexpected character after '=': '~'"},
        Bad{"a ! b", 2, 4, "unexpected character after '!': ' '"},
        Bad{"100..4", 0, 5, "bad number or duration syntax: \"100..\""},
        Bad{"0b11", 0, 2, "bad number or duration syntax: \"0b\""},
        Bad{"a{b=c}", 4, 5, "unexpected identifier \"c\" in label matching, expected string"},
        Bad{"a{b!c}", 3, 5, "unexpected character after '!' inside braces: 'c'"},
        Bad{"a{b", 3, 3, "unexpected end of input inside braces"},
        Bad{"a{1}", 2, 3, "unexpected character inside braces: '1'"},
        Bad{"a{b=\"c", 4, 6, "unterminated quoted string"},
        Bad{R"("\c")", 0, 3, "unknown escape sequence U+0063 'c'"},
        Bad{R"("it\'s")", 0, 5, "unknown escape sequence U+0027 '''"},
        Bad{R"(1 + "a\ü")", 4, 9, "unknown escape sequence U+00FC 'ü'"},
        Bad{R"("\x")", 0, 4, "illegal character U+0022 '\"' in escape sequence"},
        Bad{R"(a{b="\u12ü4"})", 4, 11, "illegal character U+00FC 'ü' in escape sequence"},
        Bad{"\"\\x\n\"", 0, 4, "illegal character U+000A in escape sequence"},
        Bad{"\"\\x\xff\"", 0, 4, "illegal character U+FFFD '\xef\xbf\xbd' in escape sequence"},
        Bad{R"("\400")", 0, 5, "escape sequence is an invalid Unicode code point"},
        Bad{"`a", 0, 2, "unterminated raw string"}, Bad{"\"a\xe4\"", 0, 3, "invalid UTF-8 rune"},
        Bad{"`\xe2\x82`", 0, 2, "invalid UTF-8 rune"},
        Bad{"a[5m1]", 2, 5, "bad number or duration syntax: \"5m1\""},
        Bad{"a[", 2, 2, "unexpected end of input in duration expression"},
        Bad{"a[5y1hs]", 2, 7, "unknown unit \"hs\" in duration \"5y1hs\""},
        Bad{"a[30m1h]", 2, 7, "not a valid duration string: \"30m1h\""},
        Bad{"a[0.0001]", 2, 8, "duration must be greater than 0"},
        Bad{"a[0m]", 2, 4, "duration must be greater than 0"},
        Bad{"a[9.5e10]", 2, 8, "duration out of range"}, Bad{"a[5m/0]", 4, 5, "division by zero"},
        Bad{"a[step]", 6, 7,
            "unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"},
        Bad{"a[:5m]", 2, 3, "unexpected colon before duration in duration expression"},
        Bad{"a['5m']", 2, 3, "unexpected character in duration expression: '\\''"},
        Bad{"a[5m x]", 5, 6, "unexpected character: 'x', expected ':'"},
        Bad{"a[smart]", 2, 3, "unexpected character in duration expression: 's'"},
        Bad{"a offset 1m[5m]", 11, 15, "no offset modifiers allowed before range"},
        Bad{"(a + b)[5m]", 7, 11, "ranges only allowed for vector selectors"},
        Bad{"sum by (,)(a)", 8, 9, "unexpected \",\" in grouping opts, expected label"},
        Bad{"sum(a) without (t) by (t)", 19, 21, "unexpected <by>"},
        Bad{"a b", 2, 3, "unexpected identifier \"b\""}, Bad{"a BY b", 2, 4, "unexpected <BY>"},
        Bad{"a SUM b", 2, 5, "unexpected <aggr:SUM>"},
        Bad{R"(a "abcdefghijklmnop")", 2, 20, R"(unexpected string "\"abcdefghi"...)"},
        Bad{R"(a "abc")", 2, 7, R"(unexpected string "\"abc\"")"},
        Bad{R"(a "é€abcdefghij")", 2, 19, R"(unexpected string "\"é€abcdefg"...)"},
        Bad{"a 12345678901", 2, 13, "unexpected number \"1234567890\"..."},
        Bad{"a 1234567890s", 2, 13, "unexpected duration \"1234567890\"..."},
        Bad{"a bcdefghijklm", 2, 14, "unexpected identifier \"bcdefghijklm\""},
        Bad{"sum(a b)", 6, 7, "unexpected identifier \"b\" in aggregation"},
        Bad{"sum by (x) (abs(a b))", 18, 19, "unexpected identifier \"b\" in aggregation"},
        Bad{"sum(1 +)", 7, 8, "unexpected \")\" in aggregation"},
        Bad{"sum(,a)", 4, 5, "unexpected \",\" in aggregation"},
        Bad{"sum(a) b", 7, 8, "unexpected identifier \"b\""},
        Bad{"sum(sum(a) b)", 11, 12, "unexpected identifier \"b\" in aggregation"},
        Bad{"sum(a{b=c})", 8, 9, "unexpected identifier \"c\" in label matching, expected string"},
        Bad{"sum a", 4, 5, "unexpected identifier \"a\""},
        Bad{"1 \xc3\xa4", 2, 4, "unexpected character: 'ä'"},
        Bad{"1 \xff", 2, 3, "unexpected character: '\\xff'"},
        Bad{"a offset 5m offset 5m", 0, 11, "offset may not be set multiple times"},
        Bad{"1 offset 5m", 0, 1,
            "offset modifier must be preceded by an instant vector selector or range vector selector or a "
            "subquery"},
        Bad{"a @ 1 @ 2", 0, 5, "@ <timestamp> may not be set multiple times"},
        Bad{"1 @ 5", 0, 1,
            "@ modifier must be preceded by an instant vector selector or range vector selector or a "
            "subquery"},
        Bad{"a anchored", 0, 10, "anchored modifier is experimental and not enabled"},
        Bad{"a[5m] smoothed", 0, 14, "smoothed modifier is experimental and not enabled"},
        Bad{"a + fill(0) b", 0, 13, "binop fill modifiers are experimental and not enabled"},
        Bad{"limitk(1, a)", 0, 12,
            "limitk() is experimental and must be enabled with "
            "--enable-feature=promql-experimental-functions"}));

INSTANTIATE_TEST_SUITE_P(
    Types, Refuses,
    testing::Values(
        Bad{"1 == 1", 2, 4, "comparisons between scalars must use BOOL modifier"},
        Bad{"1 and a", 0, 7, "set operator \"and\" not allowed in binary scalar expression"},
        Bad{"a + bool b", 0, 10, "bool modifier can only be used on comparison operators"},
        Bad{"a and on(x) group_left(y) b", 0, 27, "no grouping allowed for \"and\" operation"},
        Bad{"a * on(x) group_left(x) b", 2, 23, "label \"x\" must not occur in ON and GROUP clause at once"},
        Bad{"a * on(x) 1", 0, 11, "vector matching only allowed between instant vectors"},
        Bad{R"(a{__name__=~"b"})", 0, 16, "metric name must not be set twice: \"a\" or \"b\""},
        Bad{"(1)[5m:]", 0, 8, "subquery is only allowed on instant vector, got scalar instead"},
        Bad{"a + 1e400", 4, 9,
            "error parsing number: strconv.ParseFloat: parsing \"1e400\": value out of range"},
        Bad{"0xFFFFFFFFFFFFFFFF", 0, 18,
            "error parsing number: strconv.ParseFloat: parsing \"0xFFFFFFFFFFFFFFFF\": invalid syntax"},
        Bad{"a @ Inf", 0, 1, "timestamp out of bounds for @ modifier: +Inf"},
        Bad{"a @ -Inf", 0, 1, "timestamp out of bounds for @ modifier: -Inf"},
        Bad{"b + a[1m] @ NaN", 4, 9, "timestamp out of bounds for @ modifier: NaN"},
        Bad{"a @ 1e30", 0, 1,
            "timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000"},
        Bad{R"({a=~"("})", 1, 7, "error parsing regexp: missing closing ): `(`"},
        Bad{R"({"a"=~"x[b"})", 1, 11, "error parsing regexp: missing closing ]: `[b`"},
        Bad{"1 + a[5m]", 4, 9, "binary expression must contain only scalar and instant vector types"},
        Bad{"-a[5m]", 0, 6,
            "unary expression only allowed on expressions of type scalar or instant vector, got \"range "
            "vector\""},
        Bad{"rate(a)", 5, 6, "expected type range vector in call to function \"rate\", got instant vector"},
        Bad{"sum(1)", 4, 5, "expected type instant vector in aggregation expression, got scalar"},
        Bad{"topk(a, b)", 5, 6, "expected type scalar in aggregation parameter, got instant vector"},
        Bad{"topk(a)", 0, 7,
            "wrong number of arguments for aggregate expression provided, expected 2, got 1"},
        Bad{"floor(a, b)", 0, 11, "expected 1 argument(s) in call to \"floor\", got 2"},
        Bad{"round()", 0, 7, "expected at least 1 argument(s) in call to \"round\", got 0"},
        Bad{"hour(a, b)", 0, 10, "expected at most 1 argument(s) in call to \"hour\", got 2"},
        Bad{"topk(a,)", 6, 7, "trailing commas not allowed in function call args"},
        Bad{"abs(a,,b)", 5, 6, "trailing commas not allowed in function call args"},
        Bad{"topk(5,,x)", 6, 7, "trailing commas not allowed in function call args"},
        Bad{"abs(a, *b)", 5, 6, "trailing commas not allowed in function call args"},
        Bad{"abs(a, 'b)", 7, 10, "unterminated quoted string"},
        Bad{"RATE(a[5m])", 0, 4, "unknown function with name \"RATE\""},
        Bad{"info(a)", 0, 4, "function \"info\" is not enabled"},
        Bad{"histogram_sum(a)", 0, 13,
            "histogram_sum cannot be used: it takes native histograms, which are not supported"},
        Bad{R"({x=~".*"})", 0, 9, "vector selector must contain at least one non-empty matcher"},
        Bad{R"(a{__name__="b"})", 0, 15, "metric name must not be set twice: \"a\" or \"b\""},
        Bad{"a[5m][5m:]", 0, 10, "subquery is only allowed on instant vector, got matrix instead"}));

TEST(Parser, QuotesTheBeginningOfALongExpression) {
  const std::string regex(600'000, '(');
  const Parsed matcher = parse("up{a=~\"" + regex + "\"}");
  ASSERT_FALSE(matcher.ok());
  EXPECT_LT(matcher.errors.front().message.size(), 1200u);
  const Parsed call = parse("label_replace(up, \"a\", \"b\", \"c\", \"" + regex + "\")");
  ASSERT_TRUE(call.ok());
  ASSERT_EQ(check_literals(*call.expr).size(), 1u);
  EXPECT_LT(check_literals(*call.expr).front().message.size(), 1200u);
}

// With everything experimental on.
std::string enabled(std::string_view text) {
  const Parsed parsed = parse(text, Features::all());
  if (!parsed.ok()) return "error: " + parsed.errors.front().message;
  const std::string printed = to_string(*parsed.expr);
  const Parsed again = parse(printed, Features::all());
  return again.ok() && to_string(*again.expr) == printed ? printed : "does not read back: " + printed;
}

TEST(Parser, TakesExperimentalPartsWhenEnabled) {
  EXPECT_EQ(enabled("a[5m] ANCHORED offset 1m"), "a[5m] anchored offset 1m");
  EXPECT_EQ(enabled("a smoothed"), "a smoothed");
  EXPECT_EQ(enabled("a + on (x) group_left fill_right (-1) fill_left(2) b"),
            "a + on (x) group_left () fill_left (2) fill_right (-1) b");
  EXPECT_EQ(enabled("a / fill (1m) b"), "a / fill (60) b");
  EXPECT_EQ(enabled("a / ignoring () fill (0) b"), "a / fill (0) b");
  EXPECT_EQ(enabled("limit_ratio by (x) (-0.5, a)"), "limit_ratio by (x) (-0.5, a)");
  EXPECT_EQ(enabled(R"(info(a, {x=~".*"}))"), R"(info(a, {x=~".*"}))");
  EXPECT_EQ(enabled("min_of(start(), end()) + step() * range()"),
            "min_of(start(), end()) + step() * range()");

  EXPECT_EQ(enabled("a[5m:] anchored"), "error: anchored modifier is not supported for subqueries");
  EXPECT_EQ(enabled("1 smoothed"), "error: smoothed modifier not implemented");
  EXPECT_EQ(enabled("a anchored smoothed"), "error: anchored and smoothed modifiers cannot be used together");
  EXPECT_EQ(enabled("a and fill(1) b"), "error: filling in missing series not allowed for set operators");
  EXPECT_EQ(enabled("a + fill(1) 2"),
            "error: filling in missing series only allowed between instant vectors");
  EXPECT_EQ(enabled("a + fill(1) fill_left(2) b").substr(0, 6), "error:");
  EXPECT_EQ(enabled("info(a, b)"), "error: expected label selectors only, got vector selector instead");
  EXPECT_EQ(enabled("info(a, abs({b=\"c\"}))"), "error: expected label selectors only");
  EXPECT_EQ(enabled("histogram_quantiles(a, \"q\")"),
            "error: expected at least 3 argument(s) in call to \"histogram_quantiles\", got 2");
}

TEST(Features, AreNamedAsPrometheusNamesThem) {
  const auto features = parse_features(
      {"promql-experimental-functions, promql-duration-expr", "", "promql-binop-fill-modifiers"});
  ASSERT_TRUE(features.ok());
  EXPECT_TRUE(features->experimental_functions);
  EXPECT_TRUE(features->binop_fill_modifiers);
  EXPECT_FALSE(features->extended_range_selectors);
  EXPECT_FALSE(features->delayed_name_removal);
  EXPECT_FALSE(features->start_timestamps);
  EXPECT_TRUE(parse_features({"use-start-timestamps"})->start_timestamps);
  const auto elsewhere = parse_features({"promql-per-step-stats,exemplar-storage", "native-histograms"});
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.error().to_string();
  EXPECT_FALSE(elsewhere->experimental_functions);
  const auto unknown = parse_features({"promql-everything"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message(), testing::StartsWith("'promql-everything' is none of promql-exp"));
}

TEST(Parser, FindsAllTypeErrorsInOrder) {
  const Parsed parsed = parse("rate(a) + floor(1, 2) > bool \"x\"");
  ASSERT_EQ(parsed.errors.size(), 4u);
  for (std::size_t i = 1; i < parsed.errors.size(); ++i) {
    EXPECT_LE(parsed.errors[i - 1].range.begin, parsed.errors[i].range.begin);
  }
}

TEST(Parser, NamesTheFunctionThatWasMeant) {
  const Parsed parsed = parse("incraese(a[5m])");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_EQ(parsed.errors[0].hint, "did you mean increase?");
}

TEST(Parser, BlamesABadRegularExpressionAtItsMatcher) {
  const Parsed parsed = parse(R"({a=~"x("})");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_EQ(parsed.errors[0].range.begin, 1u);
  EXPECT_EQ(parsed.errors[0].range.end, 8u);
}

TEST(Parser, BoundsNestingAndDepth) {
  const auto repeat = [](std::string_view part, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += part;
    return out;
  };
  EXPECT_TRUE(parse(repeat("(", 150) + "1" + repeat(")", 150)).ok());
  const std::string nested = "expression is nested more than 200 levels deep";
  EXPECT_EQ(canonical(repeat("(", 100)), "error: unclosed left parenthesis");
  EXPECT_EQ(canonical(repeat("(", 300) + "1" + repeat(")", 300)), "error: " + nested);
  EXPECT_EQ(canonical(repeat("-", 100'000) + "1"), "error: " + nested);
  EXPECT_EQ(canonical("a[" + repeat("-", 100'000) + "1]"), "error: " + nested);
  EXPECT_TRUE(parse("1" + repeat(" + 1", 900)).ok());
  EXPECT_EQ(canonical("1" + repeat(" + 1", 100'000)), "error: expression is more than 1000 operators deep");
}

TEST(FormatValue, IsShortestAndKnowsTheSpecialOnes) {
  EXPECT_EQ(format_value(0.1), "0.1");
  EXPECT_EQ(format_value(-0.0), "-0");
  EXPECT_EQ(format_value(1e20), "100000000000000000000");
  EXPECT_EQ(format_value(1e21), "1e+21");
  EXPECT_EQ(format_value(1e-7), "1e-07");
  EXPECT_EQ(format_value(-std::numeric_limits<double>::infinity()), "-Inf");
}

}  // namespace
}  // namespace chiron::promql
