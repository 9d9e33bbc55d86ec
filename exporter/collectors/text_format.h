#pragma once

#include "exporter/base/result.h"
#include "exporter/series/catalogue.h"
#include "exporter/series/labels.h"

#include <string>
#include <string_view>
#include <vector>

namespace chiron {

/// One sample of a family: `suffix` is "", or "_bucket", "_sum", "_count" of a histogram or summary.
struct TextSample {
  std::string suffix;
  Labels labels;
  double value = 0;
};

struct TextFamily {
  std::string name;
  std::string help;  ///< empty when none was given
  MetricType type = MetricType::untyped;
  std::vector<TextSample> samples;
};

/// Reads Prometheus' text format 0.0.4 strictly: the whole of `text` or an error (ErrorCode::corrupt) with
/// FILE:LINE:COLUMN. Refused beside what the format forbids: timestamps, the same series twice, bytes that
/// are not UTF-8, a last line without newline (a file that is being written). Families in the order they
/// first appear; those without samples are left out.
Result<std::vector<TextFamily>> parse_text_format(std::string_view text, std::string_view file);

}  // namespace chiron
