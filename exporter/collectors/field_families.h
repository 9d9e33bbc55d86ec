#pragma once

#include "exporter/series/catalogue.h"
#include "exporter/series/labels.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// Families named after the fields of kernel files, for collectors that report whatever fields there are: one
/// series without labels each, made when the field is first seen. Files keep the order of their fields, so a
/// field is looked up by its place and costs one comparison. Usage in collect():
///   fields.begin_pass();  ... fields.next(group, name) for every field ...  fields.end_pass(all_were_good);
class FieldFamilies {
 public:
  struct Naming {
    std::string_view prefix;  ///< "node_vmstat_"
    MetricType type;
    std::string_view help;  ///< '*' stands for the field's name
  };
  struct Field {
    std::string key;                 ///< GROUP_NAME, or NAME without a group
    bool named = false;              ///< false: no metric can be named so
    std::optional<SeriesId> series;  ///< none: not wanted
  };

  /// `wanted` is searched for in the key; none: every field.
  FieldFamilies(Catalogue& catalogue, Naming naming, std::optional<Pattern> wanted)
      : catalogue_(catalogue), naming_(naming), wanted_(std::move(wanted)) {}

  void begin_pass() { next_ = 0; }
  /// Valid until the following call.
  const Field& next(std::string_view group, std::string_view name);
  /// Series whose values could not be read must be resolved again, so a pass that was not good forgets all.
  void end_pass(bool good) { fields_.resize(good ? next_ : 0); }
  /// How many fields this pass has seen.
  std::size_t seen() const { return next_; }

 private:
  Field make(std::string_view group, std::string_view name) const;

  Catalogue& catalogue_;
  const Naming naming_;
  const std::optional<Pattern> wanted_;
  std::vector<Field> fields_;
  std::size_t next_ = 0;
};

}  // namespace chiron
