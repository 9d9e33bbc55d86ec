#include "exporter/base/pass_files.h"

namespace chiron {

const Result<std::string_view>& PassFiles::File::read() {
  if (!text_ || read_in_ != pass_) {
    text_.emplace(file_.read());
    read_in_ = pass_;
  }
  return *text_;
}

PassFiles::File& PassFiles::open(const std::string& path, KernelFile::Records records) {
  for (File& file : files_) {
    if (file.path() == path) return file;
  }
  return files_.emplace_back(path, records, pass_);
}

}  // namespace chiron
