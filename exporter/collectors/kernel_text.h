#pragma once

#include "exporter/collectors/problems.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace chiron {

/// Goes through the lines of a kernel file and remembers where it is, for error messages. The kernel ends
/// every line with a newline; of a captured file the last one may lack it.
class KernelLines {
 public:
  KernelLines(std::string_view text, std::string_view file, Problems& problems);
  bool next(std::string_view& line);
  /// Reports the line given out last.
  void bad(std::string_view what, std::string_view found);

 private:
  std::string_view rest_;
  std::string_view file_;
  Problems& problems_;
  std::size_t number_ = 0;
};

/// Takes the next blank-separated word off the front as an unsigned number; nothing when it is none.
std::optional<std::uint64_t> next_number(std::string_view& text);

/// The same in hexadecimal, without 0x.
std::optional<std::uint64_t> next_hex(std::string_view& text);

/// Takes "NAME:" and blanks around it off the front; false when there is no colon or no name.
bool next_name(std::string_view& line, std::string_view& name);

/// Whether the kernel lets a network device have this name (dev_valid_name() of net/core/dev.c): then it is
/// fit for a path.
bool is_network_device(std::string_view name);

/// ErrorCode::no_data: this kernel was built without what the file tells of, or its module is not loaded.
Error absent(std::string_view file);
/// Why a file could not be read; where it is only absent, absent().
Error unless_absent(const Error& error, std::string_view file);

}  // namespace chiron
