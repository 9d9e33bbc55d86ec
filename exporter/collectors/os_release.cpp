#include "exporter/collectors/os_release.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/file_stamp.h"

#include <algorithm>

namespace chiron {
namespace {

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

/// Nothing when a quote stays open or the value goes on after it.
std::optional<std::string> unquote(std::string_view value) {
  std::string out;
  const char quote = !value.empty() && (value.front() == '"' || value.front() == '\'') ? value.front() : '\0';
  std::size_t i = quote != '\0' ? 1 : 0;
  for (; i < value.size() && (quote == '\0' || value[i] != quote); ++i) {
    if (value[i] == '\\' && quote != '\'') {
      if (++i == value.size()) return std::nullopt;
    }
    out += value[i];
  }
  if (quote != '\0' && i + 1 != value.size()) return std::nullopt;
  return out;
}

/// Labels of node_os_info and the names they have in the file.
constexpr std::pair<const char*, std::string_view> kInfoLabels[] = {
    {"build_id", "BUILD_ID"},
    {"id", "ID"},
    {"id_like", "ID_LIKE"},
    {"image_id", "IMAGE_ID"},
    {"image_version", "IMAGE_VERSION"},
    {"name", "NAME"},
    {"pretty_name", "PRETTY_NAME"},
    {"variant", "VARIANT"},
    {"variant_id", "VARIANT_ID"},
    {"version", "VERSION"},
    {"version_codename", "VERSION_CODENAME"},
    {"version_id", "VERSION_ID"},
};

class OsCollector final : public Collector {
 public:
  explicit OsCollector(const CollectorContext& context)
      : paths_{context.paths.root("/etc/os-release"), context.paths.root("/usr/lib/os-release")},
        catalogue_(context.catalogue),
        changes_(context.files.changes()),
        info_(catalogue_.declare("node_os_info", "The operating system, as os-release(5) names it; always 1.",
                                 MetricType::gauge)),
        version_(catalogue_.declare("node_os_version", "MAJOR.MINOR of the operating system's version.",
                                    MetricType::gauge)) {}

  Status collect(Frame& frame) override {
    if (!stamp_ || looked_in_ != changes_.generation()) {
      if (Status looked = look(); !looked) {
        stamp_.reset();
        return looked;
      }
      looked_in_ = changes_.generation();
    }
    for (const FrameEntry& entry : entries_) frame.add(entry.id, entry.value);
    return problems_.report(frame);
  }

 private:
  Status look() {
    for (const std::string& path : paths_) {
      const std::optional<FileStamp> stamp = file_stamp(path);
      if (!stamp) continue;
      if (stamp_ == stamp) return {};
      const Result<std::string> text = read_file(path, 64 << 10);
      if (!text) return text.error();
      stamp_ = stamp;
      resolve(*text, path);
      return {};
    }
    return Error(ErrorCode::not_found, paths_[0] + ": no such file, nor " + paths_[1]);
  }

  void resolve(std::string_view text, const std::string& path) {
    problems_ = {};
    entries_.clear();
    const auto values = parse_os_release(text, path, problems_);
    const auto value_of = [&values](std::string_view wanted) {
      std::string found;
      for (const auto& [name, value] : values) {
        if (name == wanted) found = value;
      }
      return found;
    };
    if (values.empty()) return;
    std::vector<Label> labels;
    for (const auto& [label, name] : kInfoLabels) labels.push_back({label, value_of(name)});
    entries_.push_back({catalogue_.series(info_, Labels(std::move(labels))), 1});
    if (const std::optional<double> version = version_number(value_of("VERSION_ID"))) {
      const Labels named{
          {"id", value_of("ID")}, {"id_like", value_of("ID_LIKE")}, {"name", value_of("NAME")}};
      entries_.push_back({catalogue_.series(version_, named), *version});
    }
  }

  const std::string paths_[2];
  Catalogue& catalogue_;
  const HostChanges& changes_;
  std::uint64_t looked_in_ = 0;
  const FamilyId info_, version_;
  std::optional<FileStamp> stamp_;  // of the file that entries_ come from
  std::vector<FrameEntry> entries_;
  Problems problems_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_os_release(std::string_view text,
                                                                  std::string_view file, Problems& problems) {
  std::vector<std::pair<std::string, std::string>> values;
  std::string_view line;
  for (std::size_t number = 1; next_line(text, line); ++number) {
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    const std::string_view name = line.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string_view::npos && is_name(name)) value = unquote(line.substr(equals + 1));
    if (value) {
      values.emplace_back(name, std::move(*value));
    } else {
      problems.corrupt(file, number, "expected NAME=VALUE as in os-release(5)", line);
    }
  }
  return values;
}

std::optional<double> version_number(std::string_view version) {
  const auto digits = [&version](std::size_t from) {
    while (from < version.size() && is_digit(version[from])) ++from;
    return from;
  };
  std::size_t end = digits(0);
  if (end == 0) return std::nullopt;
  if (end < version.size() && version[end] == '.') {
    const std::size_t minor = digits(end + 1);
    if (minor > end + 1) end = minor;
  }
  return parse_double(version.substr(0, end));
}

Result<std::unique_ptr<Collector>> make_os_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new OsCollector(context));
}

}  // namespace chiron
