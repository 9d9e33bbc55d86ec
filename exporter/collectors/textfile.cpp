#include "exporter/collectors/textfile.h"

#include "exporter/base/event_log.h"
#include "exporter/base/file.h"
#include "exporter/collectors/file_stamp.h"
#include "exporter/collectors/text_format.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include <glob.h>
#include <spdlog/fmt/fmt.h>

namespace chiron {
namespace {

constexpr std::size_t kLargestFile = 16 << 20;
constexpr std::string_view kExtension = ".prom";

/// The directories that a pattern stands for; itself when it is no pattern or matches nothing, so that a
/// directory that is missing is missed.
std::vector<std::string> directories_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> directories;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    directories.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  const bool is_pattern = pattern.find_first_of("*?[") != std::string::npos;
  if (directories.empty() && !is_pattern) directories.push_back(pattern);
  return directories;
}

struct FileSeen {
  std::string path;
  std::optional<FileStamp> stamp;  // nothing: it is named but cannot be looked at
  bool operator==(const FileSeen&) const = default;
};

class TextfileCollector final : public Collector {
 public:
  explicit TextfileCollector(const CollectorContext& context)
      : catalogue_(context.catalogue),
        log_(context.log),
        patterns_(context.options.list("directory")),
        mtime_(catalogue_.declare("node_textfile_mtime_seconds",
                                  "When a text file that was read last changed.", MetricType::gauge)),
        scrape_error_(catalogue_.series(
            catalogue_.declare("node_textfile_scrape_error",
                               "1 when a text file or directory could not be used.", MetricType::gauge),
            {})) {
    std::erase(patterns_, "");
  }

  bool can_hang() const override { return !patterns_.empty(); }

  Status collect(Frame& frame) override {
    bool directory_error = false;
    std::vector<FileSeen> files = list_files(directory_error);
    if (files != files_) {
      files_ = std::move(files);
      read_all();
    }
    for (const FrameEntry& entry : entries_) frame.add(entry.id, entry.value);
    frame.add(scrape_error_, directory_error || file_error_ ? 1 : 0);
    return {};
  }

 private:
  std::vector<FileSeen> list_files(bool& error) {
    std::vector<FileSeen> files;
    std::string failure;
    for (const std::string& pattern : patterns_) {
      for (const std::string& directory : directories_of(pattern)) {
        const Result<std::vector<std::string>> names = list_directory(directory);
        if (!names) failure = names.error().to_string();
        for (const std::string& name : names.value_or({})) {
          if (!name.ends_with(kExtension)) continue;
          std::string path = directory + (directory.ends_with('/') ? "" : "/") + name;
          std::optional<FileStamp> stamp = file_stamp(path);
          files.push_back({std::move(path), stamp});
        }
      }
    }
    error = !failure.empty();
    if (error && failure != last_failure_) log_.warning("textfile directory unusable", {{"error", failure}});
    last_failure_ = std::move(failure);
    return files;
  }

  /// All files are read when one changed: whether they agree on types and series can only be told together.
  void read_all() {
    entries_.clear();
    taken_.clear();
    said_.clear();
    file_error_ = false;
    std::set<std::string> failures;
    for (FileSeen& file : files_) {
      const Status status = read_one(file);
      if (status) continue;
      file_error_ = true;
      // What was not the file's fault is tried again in the next pass.
      const ErrorCode code = status.error().code();
      if (code != ErrorCode::corrupt && code != ErrorCode::failed_precondition) file.stamp.reset();
      const std::string message = status.error().to_string();
      if (!failures_.contains(message)) {
        log_.warning("textfile refused", {{"file", file.path}, {"error", message}});
      }
      failures.insert(message);
    }
    failures_ = std::move(failures);
    entries_.shrink_to_fit();
  }

  Status read_one(const FileSeen& file) {
    const Result<std::string> text = read_file(file.path, kLargestFile);
    if (!text) return text.error();
    if (!file.stamp) return Error(ErrorCode::unavailable, file.path + ": changed while it was read");
    const Result<std::vector<TextFamily>> families = parse_text_format(*text, file.path);
    if (!families) return families.error();

    Status status;
    std::vector<FrameEntry> entries;
    for (const TextFamily& family : *families) {
      if (Status added = add_family(family, file.path, entries); !added) status = std::move(added);
    }
    const Labels labels{{"file", file.path}};
    entries.push_back({catalogue_.series(mtime_, labels), file.stamp->modified_seconds});
    entries_.insert(entries_.end(), entries.begin(), entries.end());
    return status;
  }

  /// A family whose type clashes with one of ours or of an earlier file is left out; a HELP that differs is
  /// only told.
  Status add_family(const TextFamily& family, const std::string& path, std::vector<FrameEntry>& entries) {
    const auto [known, first] = said_.emplace(family.name, Said{family.type, family.help});
    if (!first && known->second.type != family.type) {
      return Error(ErrorCode::corrupt,
                   fmt::format("{}: {} is a {} here and a {} in another file; the first "
                               "one is kept",
                               path, family.name, to_string(family.type), to_string(known->second.type)));
    }
    const std::string help = family.help.empty() ? "Metric read from " + path : family.help;
    const Result<FamilyId> id = catalogue_.family(family.name, help, family.type);
    if (!id) return Error(id.error()).wrap(path);
    Status status;
    if (known->second.help != family.help) {
      status = Error(
          ErrorCode::corrupt,
          fmt::format("{}: {} has another HELP in another file; the first one is kept", path, family.name));
    }
    for (const TextSample& sample : family.samples) {
      const SeriesId series = catalogue_.series(*id, sample.labels, sample.suffix);
      if (taken_.insert(series).second) {
        entries.push_back({series, sample.value});
      } else {
        status = Error(ErrorCode::corrupt,
                       fmt::format("{}: {}{} {} is in another file too; the first one is kept", path,
                                   family.name, sample.suffix, sample.labels.to_string()));
      }
    }
    return status;
  }

  Catalogue& catalogue_;
  EventLog& log_;
  std::vector<std::string> patterns_;
  const FamilyId mtime_;
  const SeriesId scrape_error_;
  std::vector<FileSeen> files_;
  std::vector<FrameEntry> entries_;
  bool file_error_ = false;
  std::set<std::string> failures_;  // told already
  std::string last_failure_;
  // While reading: what the files before this one brought.
  std::unordered_set<SeriesId> taken_;
  struct Said {
    MetricType type;
    std::string help;
  };
  std::unordered_map<std::string, Said> said_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_textfile_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new TextfileCollector(context));
}

}  // namespace chiron
