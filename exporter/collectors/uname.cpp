#include "exporter/collectors/uname.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"

#include <cerrno>

#include <sys/utsname.h>

namespace chiron {
namespace {

struct Names {
  std::string sysname, release, version, machine, nodename, domainname;
  bool operator==(const Names&) const = default;
};

Result<Names> ask_kernel() {
  struct utsname name {};
  if (::uname(&name) != 0) return Error::from_errno(errno, "uname");
  return Names{name.sysname, name.release, name.version, name.machine, name.nodename, name.domainname};
}

Result<Names> read_names(const HostPaths& paths) {
  // The architecture is in sys/kernel since Linux 6.1; a captured tree without it was made elsewhere, so what
  // this machine would say is no answer.
  Names names;
  names.machine = std::string(trim(read_file(paths.proc("sys/kernel/arch")).value_or("")));
  const std::pair<std::string_view, std::string*> files[] = {{"ostype", &names.sysname},
                                                             {"osrelease", &names.release},
                                                             {"version", &names.version},
                                                             {"hostname", &names.nodename},
                                                             {"domainname", &names.domainname}};
  for (const auto& [file, name] : files) {
    Result<std::string> text = read_file(paths.proc("sys/kernel/" + std::string(file)));
    if (!text) return std::move(text).error();
    *name = std::string(trim(*text));
  }
  return names;
}

class UnameCollector final : public Collector {
 public:
  explicit UnameCollector(const CollectorContext& context)
      : paths_(context.paths),
        catalogue_(context.catalogue),
        family_(catalogue_.declare("node_uname_info",
                                   "Names of the system and its kernel, as uname(2) tells; always 1.",
                                   MetricType::gauge)) {}

  Status collect(Frame& frame) override {
    Result<Names> names = ask();
    if (!names) {
      series_ = kNoSeries;
      return std::move(names).error();
    }
    if (series_ == kNoSeries || *names != names_) {
      names_ = std::move(*names);
      series_ = catalogue_.series(family_, Labels{{"sysname", names_.sysname},
                                                  {"release", names_.release},
                                                  {"version", names_.version},
                                                  {"machine", names_.machine},
                                                  {"nodename", names_.nodename},
                                                  {"domainname", names_.domainname}});
    }
    frame.add(series_, 1);
    return {};
  }

 private:
  Result<Names> ask() const {
    if (paths_.live()) return ask_kernel();
    Result<Names> names = read_names(paths_);
    // A host's /proc mounted into a container has no sys/kernel of another host: the kernel is the same.
    return names ? std::move(names) : ask_kernel();
  }

  const HostPaths& paths_;
  Catalogue& catalogue_;
  const FamilyId family_;
  Names names_;
  SeriesId series_ = kNoSeries;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_uname_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new UnameCollector(context));
}

}  // namespace chiron
