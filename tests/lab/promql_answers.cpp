// Answers expressions over recorded samples: Chiron's side of the comparison with Prometheus
// (lab_promql_comparison.py).
//   promql_answers SAMPLES < QUERIES > ANSWERS
// SAMPLES as tests/support/recorded_samples.h reads them. QUERIES, one a line: `instant MS EXPR` or
// `range MS MS MS EXPR` (start, end, step). ANSWERS, one a line: {"data":...} as the API has it, or
// {"error":"..."}.
#include "rules/promql/json.h"
#include "rules/promql/promql.h"
#include "tests/support/recorded_samples.h"

#include <iostream>
#include <sstream>

namespace {

using namespace chiron;
using chiron::testing::RecordedSamples;

Result<promql::Value> answer(const Store& store, const std::string& line) {
  std::istringstream in(line);
  std::string kind, expr;
  TimestampMs start = 0, end = 0, step = 0;
  in >> kind >> start;
  if (kind == "range") in >> end >> step;
  std::getline(in, expr);
  if (!in) RecordedSamples::refuse("no query", line);
  const promql::Parsed parsed = promql::parse(expr);
  if (!parsed.ok()) return Error(ErrorCode::invalid_argument, parsed.errors.front().message);
  promql::Query query(parsed.expr, store);
  return kind == "range" ? query.range(start, end, std::chrono::milliseconds(step)) : query.instant(start);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) RecordedSamples::refuse("usage", "promql_answers SAMPLES < QUERIES > ANSWERS");
  RecordedSamples samples(arguments[1]);
  for (std::string line; std::getline(std::cin, line);) {
    const Result<promql::Value> value = answer(samples.store(), line);
    std::string out;
    if (value.ok()) {
      out = "{\"data\":";
      promql::append_json(out, *value);
      out += "}\n";
    } else {
      out = "{\"error\":";
      promql::append_json_string(out, value.error().message());
      out += "}\n";
    }
    std::fputs(out.c_str(), stdout);
  }
  return 0;
}
