#include "agent/cli_parts.h"
#include "agent/cli_print.h"
#include "agent/findings.h"
#include "exporter/base/file.h"
#include "rules/promql/test_script.h"
#include "rules/promql/tree.h"

#include <cstdio>
#include <iostream>

#include <fmt/format.h>

namespace chiron::agent {
namespace {

constexpr std::size_t kLargestScript = 16 << 20;

int test(const std::vector<std::string>& files) {
  std::size_t passed = 0;
  std::size_t failed = 0;
  for (const std::string& file : files) {
    const Result<std::string> text = read_file(file, kLargestScript);
    if (!text.ok()) {
      print(fmt::format("{}: {}\n", file, text.error().to_string()));
      ++failed;
      continue;
    }
    const promql::ScriptReport report = promql::run_script(*text);
    for (const promql::ScriptFailure& failure : report.failures) {
      print(fmt::format("{}:{}: {}\n", file, failure.line, failure.message));
    }
    passed += report.passed;
    failed += report.failed;
  }
  print(fmt::format("{} passed, {} failed\n", passed, failed));
  return failed == 0 ? kExitOk : kExitFailed;
}

int parse_one(const std::string& expr, const promql::Features& features) {
  DiagnosticSink sink;
  check_expression(expr, features, sink);
  if (!sink.ok()) {
    std::fputs(printable(errors_text(sink)).c_str(), stderr);
    return kExitFailed;
  }
  print(promql::tree_text(*promql::parse(expr, features).expr));
  return kExitOk;
}

Json answer_to(const std::string& line, const promql::Features& features) {
  const Json text = Json::parse(line, nullptr, false);
  if (!text.is_string()) return {{"ok", false}, {"error", "the line is no JSON string"}};
  const promql::Parsed parsed = promql::parse(text.get<std::string>(), features);
  if (parsed.ok()) return {{"ok", true}};
  return {{"ok", false}, {"error", parsed.errors.front().message}};
}

int parse_batch(const promql::Features& features) {
  for (std::string line; std::getline(std::cin, line);) {
    print(answer_to(line, features).dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
    std::fflush(stdout);
  }
  return kExitOk;
}

struct ParseOptions {
  std::string expr;
  std::vector<std::string> features;
  bool batch = false;
};

int parse(const ParseOptions& options) {
  const std::string help = "`chiron promql parse --help` tells what it takes";
  if (options.expr.empty() != options.batch) {
    return fail_usage(options.batch
                          ? "promql parse: --batch reads expressions from standard input, and takes none"
                          : "promql parse: EXPR is missing",
                      help);
  }
  const Result<promql::Features> features = promql::parse_features(options.features);
  if (!features.ok()) return fail_usage("--enable-feature: " + features.error().to_string(), help);
  if (!options.batch) return parse_one(options.expr, *features);
  // Inputs of parser tests, which Prometheus runs with everything on.
  return parse_batch(options.features.empty() ? promql::Features::all() : *features);
}

}  // namespace

void check_expression(const std::string& expr, const promql::Features& features, DiagnosticSink& sink) {
  sink.add_source("EXPR", expr);
  for (const promql::ParseError& error : promql::parse(expr, features).errors) {
    Diagnostic diagnostic;
    diagnostic.code = "promql";
    diagnostic.message = error.message;
    diagnostic.hint = error.hint;
    diagnostic.file = "EXPR";
    const promql::TextPosition at = promql::position_in(expr, error.range.begin);
    diagnostic.where = {at.line, at.column};
    diagnostic.length =
        std::max<std::size_t>(1, error.range.end - std::min(error.range.begin, error.range.end));
    sink.add(std::move(diagnostic));
  }
}

void add_promql_commands(Cli& cli) {
  CLI::App* promql = cli.add_command(cli.app, "promql", "PromQL by itself; works without an agent.", {});

  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* tester = cli.add_command(*promql, "test", "Run test scripts in the format of Prometheus' own.",
                                     [files] { return test(*files); });
  tester->add_option("FILE", *files, "Scripts: load, eval and what is expected.")->required();

  auto options = std::make_shared<ParseOptions>();
  CLI::App* parser = cli.add_command(*promql, "parse", "Print the tree of an expression, or its mistakes.",
                                     [options] { return parse(*options); });
  parser->add_option("EXPR", options->expr, "The expression.");
  parser->add_flag(
      "--batch", options->batch,
      "Read a JSON string with an expression from each line of standard input, and answer "
      "{\"ok\":true} or {\"ok\":false,\"error\":\"...\"}; every feature is on unless some are named.");
  parser
      ->add_option("--enable-feature", options->features,
                   "Experimental features by Prometheus' names; may repeat, commas separate several.")
      ->type_name("NAME")
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);  // what follows a value is EXPR, not another feature

  cli.add_command(*promql, "functions", "Functions and aggregations with their arguments, as Markdown.", [] {
    print(promql::reference_tables());
    return kExitOk;
  });
}

}  // namespace chiron::agent
