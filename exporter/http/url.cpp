#include "exporter/http/url.h"

#include "exporter/base/parse.h"

namespace chiron::http {

std::optional<std::string> decode_percent(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const auto byte = parse_int<unsigned char>(text.substr(i + 1, 2), 16);
      if (!byte || *byte == 0) return std::nullopt;
      out += static_cast<char>(*byte);
      i += 2;
    }
  }
  return out;
}

}  // namespace chiron::http
