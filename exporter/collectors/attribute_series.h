#pragma once

#include "exporter/base/file.h"
#include "exporter/collectors/problems.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/frame.h"
#include "exporter/series/labels.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// A file of a device that holds one number.
struct NumberAttribute {
  std::string_view file;
  std::string_view family;
  std::string_view help;
  double unit = 1;  ///< the number times this; a negative one divides instead, which rounds as node_exporter
  MetricType type = MetricType::gauge;
  bool not_negative = false;  ///< a negative number means that there is none
};

/// A file of a device that holds a text, and the label that gets it.
struct TextAttribute {
  std::string_view file;
  std::string_view label;
  std::string_view (*meaning)(std::string_view text) = nullptr;  ///< of the text, when it is not the label
};

/// A number in a file of lines "KEY NUMBER NUMBER ...".
struct FieldAttribute {
  std::string_view key;
  std::size_t word = 0;    ///< counted from 0, after the key
  NumberAttribute number;  ///< its file is not used
};

/// A sysfs attribute read again and again. It is kept open when `keep` says so.
class AttributeFile {
 public:
  AttributeFile(std::string path, bool keep);
  /// Without blanks around it; valid until the next call.
  Result<std::string_view> read();
  const std::string& path() const { return kept_.path(); }

 private:
  KernelFile kept_;
  bool keep_;
  std::string text_;
};

/// Series of files with one number or text each, named when a device is found and read in every pass: a pass
/// builds no string and makes no series. A file that is absent (any more), forbidden, or that the driver
/// answers with "not supported", "invalid" or "no data" is without its series; one that cannot be read for
/// another reason or that holds something else than a number is a problem. Not thread-safe.
class AttributeSeries {
 public:
  enum class Unreadable { problem, silent };
  explicit AttributeSeries(Catalogue& catalogue, Unreadable unreadable = Unreadable::problem)
      : catalogue_(catalogue), unreadable_(unreadable) {}

  void clear();
  /// Nothing is added where the file does not exist now. `directory` ends without a slash.
  void add_number(const std::string& directory, const NumberAttribute& number, Labels labels);
  /// A series of 1 with the texts of files as labels, as they are in each pass. Long texts are cut.
  void add_info(FamilyId family, const std::string& directory, std::span<const TextAttribute> texts,
                Labels labels);
  /// Every field whose line the file has; each needs as many words as its rows name.
  void add_fields(const std::string& path, std::span<const FieldAttribute> fields, const Labels& labels);
  /// A series for each of `states`: 1 for the one that the file has, else 0. Without a label name there is
  /// one series for one state.
  void add_states(FamilyId family, const std::string& path, std::string_view label,
                  std::span<const std::string> states, const Labels& labels);
  void add_constant(FamilyId family, const Labels& labels, double value);

  void collect(Frame& frame, Problems& problems);
  /// Whether the last collect() missed a file that had been there before: devices must be looked for again.
  bool lost() const { return lost_; }
  std::size_t size() const {
    return numbers_.size() + fields_.size() + infos_.size() + states_.size() + constants_.size();
  }

 private:
  struct Handle {
    FamilyId family;
    Labels labels;
    std::optional<SeriesId> id;
  };
  struct Number {
    AttributeFile file;
    double unit;
    bool not_negative;
    Handle handle;
    bool seen = false;
  };
  struct Fields {
    AttributeFile file;
    std::span<const FieldAttribute> table;
    std::vector<Handle> handles;
    bool seen = false;
  };
  struct Text {
    AttributeFile file;
    std::string_view label;
    std::string_view (*meaning)(std::string_view);
    std::string last;
    bool seen = false;
  };
  struct Info {
    std::vector<Text> texts;
    Handle handle;
  };
  struct States {
    AttributeFile file;
    std::vector<std::string> names;
    std::vector<Handle> handles;
    bool seen = false;
  };

  bool keep_one() { return kept_++ < kMostKept; }
  std::optional<std::string_view> read(AttributeFile& file, bool& seen, Problems& problems);
  void collect_number(Number& number, Frame& frame, Problems& problems);
  void collect_fields(Fields& fields, Frame& frame, Problems& problems);
  void collect_line(Fields& fields, std::string_view line, Frame& frame, Problems& problems);
  void collect_info(Info& info, Frame& frame, Problems& problems);
  void collect_states(States& states, Frame& frame, Problems& problems);
  void add(Handle& handle, double value, Frame& frame);

  /// Of the 1,024 descriptors that a service has by default (systemd.exec(5), LimitNOFILE=): a machine of 256
  /// cores has a thousand files of cpufreq.
  static constexpr std::size_t kMostKept = 128;

  Catalogue& catalogue_;
  const Unreadable unreadable_;
  std::size_t kept_ = 0;
  bool lost_ = false;
  std::vector<Number> numbers_;
  std::vector<Fields> fields_;
  std::vector<Info> infos_;
  std::vector<States> states_;
  std::vector<Handle> constants_;
  std::vector<double> constant_values_;
};

/// A number as sysfs attributes have it: decimal with or without a sign, or hexadecimal after 0x. While an md
/// array is reshaped, its former number of disks follows in brackets: "5 (4)".
std::optional<double> parse_attribute(std::string_view text);

/// The text of an attribute that does not change, cut to what a label takes; empty when it cannot be read.
std::string read_attribute(const std::string& path);
/// A number read for this once. Nothing when there is none, which is a problem only where AttributeSeries
/// says so too.
std::optional<double> read_number_attribute(const std::string& path, Problems& problems);
/// A text as a label takes it: without blanks around it, long ones cut.
std::string_view attribute_label(std::string_view text);

}  // namespace chiron
