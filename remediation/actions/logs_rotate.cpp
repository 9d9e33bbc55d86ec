#include "remediation/actions/logs_rotate.h"

#include "exporter/base/parse.h"
#include "exporter/base/utf8.h"
#include "remediation/actions/deletion/plan_items.h"
#include "remediation/actions/unit_policy.h"

#include <array>

#include <fmt/format.h>
#include <signal.h>

namespace chiron::remediation {
namespace {

using Writer = LogsRequest::Writer;
using Deed = LogsWork::Deed;

constexpr std::int64_t kMostKept = 10'000;

std::string_view verb(Deed deed) {
  switch (deed) {
    case Deed::removed:
      return "remove";
    case Deed::compressed:
      return "compress";
    case Deed::rotated:
      return "rotate";
    case Deed::finished:
      return "tell its writer, which an earlier run did not";
  }
  return "";
}

struct Totals {
  std::array<std::uint64_t, 4> count{};
  std::uint64_t freed = 0;

  void add(Deed deed, std::uint64_t bytes) {
    ++count[static_cast<std::size_t>(deed)];
    if (deed == Deed::removed || deed == Deed::compressed) freed += bytes;
  }
  std::uint64_t of(Deed deed) const { return count[static_cast<std::size_t>(deed)]; }
};

/// "(2 belong to logrotate; ...)", or nothing.
std::string explain(const LogsWork& work) {
  std::vector<std::string> parts;
  if (work.left().logrotate > 0)
    parts.push_back(fmt::format("{} belong to logrotate", work.left().logrotate));
  if (work.left().written > 0) {
    parts.push_back(fmt::format(
        "{} are open for writing and stay, {} first: set writer to signal, reload or copytruncate",
        work.left().written, work.first_written()));
  }
  if (std::string kept = describe(work.kept()); !kept.empty()) parts.push_back(std::move(kept));
  return parts.empty() ? std::string() : fmt::format(" ({})", fmt::join(parts, "; "));
}

}  // namespace

void LogsRotate::declare(Arguments& arguments) {
  arguments.add_patterns(
      "globs", &globs_,
      "the logs, as absolute globs below deletion.roots; their older parts are told by name", Need::required);
  arguments.add("max_size", &max_size_, Need::optional, "rotate logs larger than this size");
  arguments.add("keep", &keep_, Need::optional, "so many older parts of each log stay, the newest by mtime");
  arguments.add("compress_after", &compress_after_, Need::optional,
                "compress older parts that were last written so long ago");
  arguments.add("delete_after", &delete_after_, Need::optional,
                "remove older parts that were last written so long ago");
  arguments.add("writer", &writer_, Need::optional, "what to do with a large log that is open for writing",
                {"leave", "signal", "reload", "copytruncate"});
  arguments.add("unit", &unit_, Need::optional,
                "with writer: signal, the systemd unit whose main process opens its logs again when told");
  arguments.add("signal", &signal_, Need::optional, "with writer: signal, what it is told by",
                {"HUP", "USR1", "USR2"});
  arguments.add("reload", &reload_, Need::optional,
                "with writer: reload, the systemd unit that opens its logs again when it is reloaded");
  arguments.mark_subject("unit");
  arguments.mark_subject("reload");
}

Status LogsRotate::validate() const {
  const auto refuse = [](std::string why) { return Error(ErrorCode::invalid_argument, std::move(why)); };
  if (globs_.empty()) return refuse("globs: names nothing; give absolute globs such as /var/log/app/*.log");
  for (const std::string& text : globs_) {
    Result<PathGlob> glob = PathGlob::compile(text, PathGlob::Hidden::explicit_);
    if (!glob) return std::move(glob).error().wrap("globs");
    if (Status plain = check_no_braces(text); !plain) return std::move(plain).error().wrap("globs");
    if (text.ends_with("**"))
      return refuse(fmt::format("globs: {} must end in the name of logs, such as *.log", quoted(text)));
  }
  if (Result<std::uint64_t> size = parse_bytes(max_size_); !size)
    return std::move(size).error().wrap("max_size");
  if (keep_ < 0 || keep_ > kMostKept) return refuse(fmt::format("keep: must be from 0 to {}", kMostKept));
  if (compress_after_ < Duration::zero()) return refuse("compress_after: must not be negative");
  if (delete_after_ < Duration::zero()) return refuse("delete_after: must not be negative");
  struct Telling {
    std::string_view writer, argument;
    const std::string& unit;
  };
  for (const Telling& way : {Telling{"signal", "unit", unit_}, Telling{"reload", "reload", reload_}}) {
    if (writer_ != way.writer && !way.unit.empty()) {
      return refuse(fmt::format("{}: given, but writer is not {}", way.argument, way.writer));
    }
    if (writer_ != way.writer) continue;
    if (!is_valid_unit_name(full_unit_name(way.unit))) {
      return refuse(
          fmt::format("writer: {} needs the argument {}, such as nginx.service", way.writer, way.argument));
    }
    if (Status allowed = check_not_denied(full_unit_name(way.unit)); !allowed)
      return std::move(allowed).error().wrap(std::string(way.argument));
  }
  return {};
}

LogsRequest LogsRotate::request() const {
  LogsRequest request;
  request.globs = globs_;
  request.max_size = *parse_bytes(max_size_);
  request.keep = static_cast<std::size_t>(keep_);
  request.delete_after = delete_after_;
  request.compress_after = compress_after_;
  request.writer = writer_ == "signal"         ? Writer::signal
                   : writer_ == "reload"       ? Writer::reload
                   : writer_ == "copytruncate" ? Writer::copytruncate
                                               : Writer::leave;
  request.unit = full_unit_name(writer_ == "reload" ? reload_ : unit_);
  request.signal = signal_ == "USR1" ? SIGUSR1 : signal_ == "USR2" ? SIGUSR2 : SIGHUP;
  return request;
}

Result<Plan> LogsRotate::plan(ActionContext& context) {
  LargestItems items;
  Totals totals;
  LogsWork work(context, LogsWork::Mode::only_look, make_manager_,
                [&](Deed deed, const std::string& path, std::uint64_t bytes) {
                  totals.add(deed, bytes);
                  items.add({.what = path, .bytes = bytes, .objects = 1, .note = std::string(verb(deed))});
                });
  if (Status status = work.perform(request()); !status) return std::move(status).error();
  Plan plan;
  plan.items = items.take();
  plan.bytes = totals.freed;
  for (const std::uint64_t count : totals.count) plan.objects += count;
  plan.summary = plan.objects == 0
                     ? "nothing to do" + explain(work)
                     : fmt::format("remove {}, compress {}, rotate {}{}", totals.of(Deed::removed),
                                   totals.of(Deed::compressed),
                                   totals.of(Deed::rotated) + totals.of(Deed::finished), explain(work));
  return plan;
}

Status LogsRotate::run(ActionContext& context, Report& report) {
  Totals totals;
  LogsWork work(context, LogsWork::Mode::change, make_manager_,
                [&](Deed deed, const std::string& path, std::uint64_t bytes) {
                  totals.add(deed, bytes);
                  report.freed_bytes = totals.freed;
                  if (deed == Deed::removed) ++report.removed_objects;
                  context.log.info(
                      "log rotation",
                      {{"run", context.run_id}, {"did", verb(deed)}, {"path", path}, {"bytes", bytes}});
                });
  const Status status = work.perform(request());
  report.summary =
      fmt::format("removed {}, compressed {}, rotated {}, freed {}{}", totals.of(Deed::removed),
                  totals.of(Deed::compressed), totals.of(Deed::rotated) + totals.of(Deed::finished),
                  format_bytes(totals.freed), explain(work));
  const auto fact = [&report](std::string_view name, std::uint64_t value) {
    if (value > 0) report.facts.emplace_back(name, fmt::format("{}", value));
  };
  fact("logrotate_owns", work.left().logrotate);
  fact("open_for_writing", work.left().written);
  fact("failed_files", work.left().failed);
  for (auto& reason : kept_facts(work.kept())) report.facts.push_back(std::move(reason));
  if (!status) return status;
  if (!work.first_error()) return {};
  return Error(*work.first_error()).wrap(fmt::format("{} logs were left alone", work.left().failed));
}

}  // namespace chiron::remediation
