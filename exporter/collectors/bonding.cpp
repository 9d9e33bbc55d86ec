#include "exporter/collectors/bonding.h"

#include "exporter/base/file.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/kernel_text.h"
#include "exporter/collectors/series_map.h"

#include <vector>

#include <unistd.h>

namespace chiron {
namespace {

class BondingCollector final : public Collector {
 public:
  explicit BondingCollector(const CollectorContext& context)
      : paths_(context.paths),
        catalogue_(context.catalogue),
        masters_(context.paths.sys("class/net/bonding_masters"), context.files.changes(),
                 KernelFile::Records::one) {}

  Status collect(Frame& frame) override {
    const Result<std::string_view> text = masters_.read();
    if (!text) {
      bonds_.begin_pass();
      bonds_.end_pass();
      return unless_absent(text.error(), masters_.path());
    }
    Problems problems;
    bonds_.begin_pass();
    std::string_view line, rest = *text;
    while (next_line(rest, line)) {
      std::string_view master;
      while (next_word(line, master)) {
        if (is_network_device(master)) {
          report(bonds_.at(master, [&] { return make(master); }), frame, problems);
        } else {
          problems.corrupt(masters_.path(), 1, "expected names of network devices", master);
        }
      }
    }
    bonds_.end_pass();
    return problems.report(frame);
  }

 private:
  struct Bond {
    std::string directory;
    SeriesId slaves, active;
    KernelFile names;
    std::string last;  // the names that `states` is of
    std::vector<KernelFile> states;
  };

  Bond make(std::string_view master) const {
    const FamilyId slaves =
        catalogue_.declare("node_bonding_slaves", "Slaves of a bonded network device.", MetricType::gauge);
    const FamilyId active = catalogue_.declare(
        "node_bonding_active", "Slaves of a bonded network device that have a link.", MetricType::gauge);
    const Labels labels{{"master", std::string(master)}};
    const std::string directory = paths_.sys("class/net/" + std::string(master));
    return {directory,
            catalogue_.series(slaves, labels),
            catalogue_.series(active, labels),
            KernelFile(directory + "/bonding/slaves", KernelFile::Records::one),
            {},
            {}};
  }

  void report(Bond& bond, Frame& frame, Problems& problems) const {
    const Result<std::string_view> names = bond.names.read();
    if (!names) {
      // Gone since it was listed; and handles that are not written are to be made anew.
      if (names.error().code() != ErrorCode::not_found) problems.add(names.error());
      bond = make(bond.directory.substr(bond.directory.rfind('/') + 1));
      return;
    }
    if (*names != bond.last) find_slaves(bond, *names, problems);
    std::size_t active = 0;
    for (KernelFile& state : bond.states) {
      const Result<std::string_view> text = state.read();
      if (text) {
        if (trim(*text) == "up") ++active;
      } else {
        problems.add(text.error());
      }
    }
    frame.add(bond.slaves, static_cast<double>(bond.states.size()));
    frame.add(bond.active, static_cast<double>(active));
  }

  /// Before Linux 3.9 the link to a slave was named slave_, not lower_.
  static void find_slaves(Bond& bond, std::string_view names, Problems& problems) {
    bond.last = names;
    bond.states.clear();
    std::string_view line, name;
    while (next_line(names, line)) {
      while (next_word(line, name)) {
        if (!is_network_device(name)) {
          problems.corrupt(bond.names.path(), 1, "expected names of network devices", name);
          bond.last.clear();  // told again in the next pass
          continue;
        }
        std::string path = bond.directory + "/lower_" + std::string(name) + "/bonding_slave/mii_status";
        if (::access(path.c_str(), F_OK) != 0)
          path = bond.directory + "/slave_" + std::string(name) + "/bonding_slave/mii_status";
        bond.states.emplace_back(std::move(path), KernelFile::Records::one);
      }
    }
  }

  const HostPaths& paths_;
  Catalogue& catalogue_;
  OptionalKernelFile masters_;
  SeriesMap<Bond> bonds_;
};

}  // namespace

Result<std::unique_ptr<Collector>> make_bonding_collector(CollectorContext context) {
  return std::unique_ptr<Collector>(new BondingCollector(context));
}

}  // namespace chiron
