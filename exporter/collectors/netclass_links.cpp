#include "exporter/collectors/netclass_links.h"

#include "exporter/base/host_changes.h"
#include "exporter/base/parse.h"
#include "exporter/collectors/attribute_series.h"
#include "exporter/collectors/link_list.h"
#include "exporter/collectors/netclass_rows.h"
#include "exporter/collectors/problems.h"
#include "exporter/collectors/series_map.h"

#include <algorithm>
#include <array>

#include <linux/rtnetlink.h>

namespace chiron {
namespace {

constexpr std::size_t kRows = std::size(kNetclassRows);
/// By IF_OPER_*, as net/core/net-sysfs.c names them.
constexpr std::array<std::string_view, 7> kStates = {"unknown", "notpresent", "down", "lowerlayerdown",
                                                     "testing", "dormant",    "up"};

std::string_view state_of(const Link& link) {
  return link.operational_state < kStates.size() ? kStates[link.operational_state] : std::string_view();
}

class NetclassLinks final : public Collector {
 public:
  NetclassLinks(const CollectorContext& context, std::optional<Pattern> ignored,
                std::unique_ptr<Collector> files)
      : catalogue_(context.catalogue),
        directory_(context.paths.sys("class/net") + '/'),
        ignored_(std::move(ignored)),
        known_speed_only_(context.options.flag("ignore-invalid-speed")),
        files_(std::move(files)),
        up_(catalogue_.declare(kNetclassUp, kNetclassUpHelp, MetricType::gauge)),
        info_(catalogue_.declare(kNetclassInfo, kNetclassInfoHelp, MetricType::gauge)),
        rare_look_(context.clock) {
    for (std::size_t row = 0; row < kRows; ++row) {
      const NumberAttribute& number = kNetclassRows[row].number;
      families_[row] = catalogue_.declare(number.family, number.help, number.type);
    }
  }

  /// The kernel answers under the lock that whoever configures a device holds, sysfs too.
  bool can_hang() const override { return true; }
  /// Not while the kernel announces nothing: then what it told last stands.
  bool can_hang_now() override {
    look();
    return is_due_;
  }

  Status collect(Frame& frame) override {
    look();
    looked_ = false;
    if (is_due_ && !read()) {
      devices_ = {};
      links_now_.clear();
      is_known_ = false;
      return files_->collect(frame);
    }
    Problems problems;
    devices_.begin_pass();
    std::size_t wanted = 0;
    for (const Link& link : links_now_) {
      if (ignored_ && ignored_->search(link.name)) continue;
      ++wanted;
      Device& device = devices_.at(link.name, [&] { return Device(link.name); });
      if (is_due_) read_files(link, device);
      report(link, device, frame);
      problems.add(device.problems);
    }
    devices_.end_pass();
    if (wanted == 0) return Error(ErrorCode::no_data, directory_ + ": no such device is there");
    return problems.report(frame);
  }

 private:
  /// Sets whether the next collect() asks: after an announcement and in the pass after it, for a device takes
  /// its time to settle, and once a minute for what is not announced.
  void look() {
    if (looked_) return;
    looked_ = true;
    const bool announced = !events_.listening() || events_.any();
    is_due_ = announced || announced_before_ || !is_known_ || rare_look_.due();
    announced_before_ = announced;
    if (is_due_) rare_look_.done();
  }

  bool read() {
    is_known_ = links_.read(links_now_).ok() && same_namespace();
    return is_known_;
  }

  struct Device {
    explicit Device(const std::string& name) : labels{{"device", name}} {}
    const Labels labels;
    std::array<std::optional<double>, kRows> read{};  // what rtnetlink does not tell
    std::string duplex;
    Problems problems;  // of the last reading
    std::array<std::optional<SeriesId>, kRows> series{};
    std::optional<SeriesId> up, info;
  };

  /// Compared once, by the numbers of the devices. A device that comes, goes or is renamed meanwhile makes a
  /// difference too, so that only several in a row tell.
  bool same_namespace() {
    constexpr int kAttempts = 3;
    for (int attempt = 0; !same_namespace_; ++attempt) {
      if (numbers_agree()) {
        same_namespace_ = true;
      } else if (attempt == kAttempts) {
        same_namespace_ = false;
      } else if (!links_.read(links_now_)) {
        return false;
      }
    }
    return *same_namespace_;
  }

  bool numbers_agree() const {
    const Result<std::vector<std::string>> names = list_directory(directory_);
    if (!names) return false;
    std::size_t found = 0;
    for (const std::string& name : *names) {
      const std::optional<int> number = parse_int<int>(read_attribute(directory_ + name + "/ifindex"));
      if (!number) continue;  // bonding_masters
      const auto same = [&](const Link& link) { return link.name == name && link.index == *number; };
      if (std::none_of(links_now_.begin(), links_now_.end(), same)) return false;
      ++found;
    }
    return found == links_now_.size();
  }

  void read_files(const Link& link, Device& device) const {
    device.problems = {};
    const std::string path = directory_ + link.name + '/';
    for (std::size_t row = 0; row < kRows; ++row) {
      const NetclassRow& one = kNetclassRows[row];
      if (one.told != nullptr) continue;
      device.read[row] = read_number_attribute(path + std::string(one.number.file), device.problems);
      if (device.read[row]) *device.read[row] *= one.number.unit;
    }
    std::optional<double>& speed = device.read[kNetclassSpeed];
    if (known_speed_only_ && speed && *speed < 0) speed.reset();
    device.duplex = read_attribute(path + "duplex");
    name_info(link, device);
  }

  /// Whatever is in its labels, the files were read when it changed.
  void name_info(const Link& link, Device& device) const {
    Labels labels = device.labels;
    labels.set("address", link.address.to_string());
    labels.set("broadcast", link.broadcast.to_string());
    labels.set("duplex", device.duplex);
    labels.set("operstate", state_of(link));
    labels.set("ifalias", attribute_label(link.alias));
    labels.set("adminstate", link.up() ? "up" : "down");
    device.info = catalogue_.series(info_, labels);
  }

  void report(const Link& link, Device& device, Frame& frame) const {
    for (std::size_t row = 0; row < kRows; ++row) {
      const auto told = kNetclassRows[row].told;
      const std::optional<double> value = told != nullptr ? told(link) : device.read[row];
      if (value) {
        add(device.series[row], families_[row], device.labels, *value, frame);
      } else {
        device.series[row].reset();
      }
    }
    add(device.up, up_, device.labels, state_of(link) == "up" ? 1 : 0, frame);
    frame.add(*device.info, 1);
  }

  void add(std::optional<SeriesId>& series, FamilyId family, const Labels& labels, double value,
           Frame& frame) const {
    if (!series) series = catalogue_.series(family, labels);
    frame.add(*series, value);
  }

  Catalogue& catalogue_;
  const std::string directory_;
  const std::optional<Pattern> ignored_;
  const bool known_speed_only_;
  const std::unique_ptr<Collector> files_;
  const FamilyId up_, info_;
  std::array<FamilyId, kRows> families_{};
  NetlinkEvents events_{NETLINK_ROUTE, RTMGRP_LINK};  // listening before the first reading
  LinkList links_;
  std::vector<Link> links_now_;
  bool is_known_ = false;  // links_now_ is what the kernel told
  SeriesMap<Device> devices_;
  std::optional<bool> same_namespace_;
  RareLook rare_look_;
  bool looked_ = false;  // for the next collect(), and so is the next
  bool is_due_ = false;
  bool announced_before_ = false;
};

}  // namespace

std::unique_ptr<Collector> make_netclass_links(const CollectorContext& context,
                                               std::optional<Pattern> ignored,
                                               std::unique_ptr<Collector> files) {
  return std::make_unique<NetclassLinks>(context, std::move(ignored), std::move(files));
}

}  // namespace chiron
