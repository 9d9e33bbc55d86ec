#include "tests/agent/promapi/api_fixture.h"

namespace chiron::agent::promapi {
namespace {

using Json = nlohmann::json;

class RulesTest : public ApiFixture {
 protected:
  void SetUp() override {
    ApiFixture::SetUp();
    DiagnosticSink sink;
    std::vector<rules::GroupSpec> groups = rules::parse_rule_file("/etc/a.yml", R"(groups:
- name: one
  interval: 10s
  rules:
  - {alert: High, expr: load1>0.1, for: 0s, keep_firing_for: 1m, labels: {severity: page}, annotations: {a: "{{ $value }}"}}
  - {alert: Waits, expr: load1 > 0.2, for: 1h}
  - {record: "job:load1", expr: sum by(job)(load1), labels: {x: "y"}}
- name: two
  limit: 7
  rules:
  - {alert: Broken, expr: "load1 * on() group_left() {__name__=~\".+\"}"}
)",
                                                                  sink);
    for (rules::GroupSpec& group : rules::parse_rule_file("/etc/b.yml", R"(groups:
- name: one
  rules: [{alert: Quiet, expr: load1 > 99, labels: {severity: info}}]
)",
                                                          sink)) {
      groups.push_back(std::move(group));
    }
    ASSERT_TRUE(sink.ok());
    engine_.load(std::move(groups));
  }
  void evaluate() { engine_.evaluate(kNow, system_clock().boot()); }
  /// GROUP/RULE of an answer.
  std::vector<std::string> names(const std::string& query = {}) {
    std::vector<std::string> names;
    const Json answer = data("rules", query);
    for (const Json& group : answer["groups"]) {
      for (const Json& rule : group["rules"]) {
        names.push_back(group["file"].get<std::string>() + "/" + group["name"].get<std::string>() + "/" +
                        rule["name"].get<std::string>());
      }
    }
    return names;
  }
};

TEST_F(RulesTest, AreThoseOfPrometheus) {
  EXPECT_EQ(data("rules")["groups"][0]["rules"][0]["health"], "unknown");
  EXPECT_EQ(data("rules")["groups"][0]["lastEvaluation"], "0001-01-01T00:00:00Z");
  evaluate();
  const Json groups = data("rules")["groups"];
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0]["interval"], 10);
  EXPECT_EQ(groups[1]["limit"], 7);
  const Json high = groups[0]["rules"][0];
  EXPECT_EQ(high["type"], "alerting");
  EXPECT_EQ(high["state"], "firing");
  EXPECT_EQ(high["query"], "load1 > 0.1");
  EXPECT_EQ(high["duration"], 0);
  EXPECT_EQ(high["keepFiringFor"], 60);
  EXPECT_EQ(high["labels"], Json::object({{"severity", "page"}}));
  EXPECT_EQ(high["annotations"], Json::object({{"a", "{{ $value }}"}}));
  EXPECT_EQ(high["health"], "ok");
  ASSERT_EQ(high["alerts"].size(), 1u);
  EXPECT_EQ(high["alerts"][0]["labels"],
            Json({{"alertname", "High"}, {"job", "node"}, {"severity", "page"}}));
  EXPECT_EQ(high["alerts"][0]["annotations"], Json::object({{"a", "0.5"}}));
  EXPECT_EQ(high["alerts"][0]["state"], "firing");
  EXPECT_EQ(high["alerts"][0]["value"], "5e-01");
  EXPECT_EQ(high["alerts"][0]["activeAt"], "1970-01-01T00:16:40.000Z");
  EXPECT_EQ(groups[0]["rules"][1]["state"], "pending");
  const Json record = groups[0]["rules"][2];
  EXPECT_EQ(record["type"], "recording");
  EXPECT_EQ(record["labels"], Json::object({{"x", "y"}}));
  EXPECT_FALSE(record.contains("state") || record.contains("alerts") || record.contains("duration"));
  EXPECT_EQ(groups[1]["rules"][0]["health"], "err");
  EXPECT_NE(groups[1]["rules"][0]["lastError"], "");
  EXPECT_FALSE(high.contains("lastError"));

  const Json alerts = data("alerts")["alerts"];
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0], high["alerts"][0]);
  EXPECT_EQ(alerts[1]["state"], "pending");
}

TEST_F(RulesTest, AreChosenByParameters) {
  const std::string a = "/etc/a.yml/one/", two = "/etc/a.yml/two/", b = "/etc/b.yml/one/";
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(), (Names{a + "High", a + "Waits", a + "job:load1", two + "Broken", b + "Quiet"}));
  EXPECT_EQ(names("type=record"), Names{a + "job:load1"});
  EXPECT_EQ(names("type=RECORD"), Names{a + "job:load1"});
  EXPECT_EQ(names("type=alert&file[]=/etc/a.yml"), (Names{a + "High", a + "Waits", two + "Broken"}));
  EXPECT_EQ(names("rule_name[]=High&rule_name[]=Quiet"), (Names{a + "High", b + "Quiet"}));
  EXPECT_EQ(names("rule_group[]=two"), Names{two + "Broken"});
  EXPECT_EQ(names("match[]={severity=%22page%22}&match[]={x=%22y%22}"), (Names{a + "High", a + "job:load1"}));
  EXPECT_EQ(names("rule_group[]=none"), Names{});
  evaluate();
  EXPECT_EQ(data("rules", "exclude_alerts=true")["groups"][0]["rules"][0]["alerts"], Json::array());
  EXPECT_EQ(data("rules", "exclude_alerts=TRUE")["groups"][0]["rules"][0]["state"], "firing");
}

TEST_F(RulesTest, ComeInPages) {
  const Json first = data("rules", "group_limit=2");
  ASSERT_EQ(first["groups"].size(), 2u);
  const std::string token = first["groupNextToken"];
  const Json second = data("rules", "group_limit=2&group_next_token=" + token);
  ASSERT_EQ(second["groups"].size(), 1u);
  EXPECT_EQ(second["groups"][0]["file"], "/etc/b.yml");
  EXPECT_FALSE(second.contains("groupNextToken"));
  EXPECT_FALSE(data("rules", "group_limit=3").contains("groupNextToken"));
  EXPECT_EQ(
      fault("rules", "group_limit=2&group_next_token=x"),
      "400 bad_data: invalid parameter \"group_next_token\": invalid group_next_token 'x'. were rule groups "
      "changed?");
  EXPECT_EQ(fault("rules", "group_next_token=x"),
            "400 bad_data: invalid parameter \"group_next_token\": group_limit needs to be present in order "
            "to paginate "
            "over the groups");
}

TEST_F(RulesTest, MistakesAreToldAsPrometheusTellsThem) {
  EXPECT_EQ(fault("rules", "type=X"), "400 bad_data: invalid parameter \"type\": not supported value \"x\"");
  EXPECT_EQ(fault("rules", "group_limit=0"),
            "400 bad_data: invalid parameter \"group_limit\": group_limit needs to be greater than 0");
  EXPECT_EQ(fault("rules", "group_limit=x"),
            "400 bad_data: invalid parameter \"group_limit\": group_limit needs to be a valid number: "
            "strconv.ParseInt: parsing \"x\": invalid syntax");
  EXPECT_EQ(fault("rules", "group_limit=2147483648"),
            "400 bad_data: invalid parameter \"group_limit\": group_limit needs to be a valid number: "
            "strconv.ParseInt: parsing \"2147483648\": value out of range");
  EXPECT_EQ(fault("rules", "exclude_alerts=maybe"),
            "400 bad_data: invalid parameter \"exclude_alerts\": error converting exclude_alerts: "
            "strconv.ParseBool: parsing \"maybe\": invalid syntax");
  EXPECT_EQ(fault("rules", "match[]=up[&type=x"), "400 bad_data: 1:3: parse error: unexpected \"[\"");
}

}  // namespace
}  // namespace chiron::agent::promapi
