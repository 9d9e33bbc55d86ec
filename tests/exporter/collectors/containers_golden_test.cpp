// The containers collector over a host of cgroup v2, tests/fixtures/containers: three engines with scripted
// answers, Docker with the cgroup drivers systemd and cgroupfs, and Podman. CHIRON_UPDATE_GOLDEN=1 writes the
// page anew: read the difference before committing it.
#include "exporter/base/file.h"
#include "exporter/collectors/containers.h"
#include "exporter/series/exposition.h"
#include "tests/support/collector_world.h"
#include "tests/support/engine_server.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

namespace chiron {
namespace {

using std::chrono::seconds;

const std::string kHost = CHIRON_SOURCE_DIR "/tests/fixtures/containers";

/// An engine whose answers are files.
class RecordedEngine {
 public:
  explicit RecordedEngine(std::string name) : name_(std::move(name)) {}
  std::string path() const { return server_.path(); }
  const std::string& name() const { return name_; }

 private:
  std::string answer(std::string_view request) const {
    constexpr std::string_view kContainer = "GET /containers/";
    if (request.starts_with("GET /containers/json?all=true ")) return file("containers");
    if (request.starts_with("GET /info ")) return file("info");
    if (request.starts_with("GET /system/df ")) return file("df");
    if (request.starts_with("GET /_ping ")) return testing::http_answer(200, "OK");
    if (!request.starts_with(kContainer)) return testing::http_answer(404, "{}");
    request.remove_prefix(kContainer.size());
    return file(std::string(request.substr(0, request.find('/'))));
  }
  std::string file(const std::string& what) const {
    const Result<std::string> text = read_file(kHost + "/" + name_ + "/" + what + ".json", 1 << 20);
    return text ? testing::http_answer(200, *text) : testing::http_answer(404, R"({"message":"none"})");
  }

  const std::string name_;
  testing::EngineServer server_{[this](std::string_view request) { return answer(request); }};
};

class GoldenContainers : public ::testing::Test, protected testing::CollectorWorld {
 protected:
  Status pass(Collector& collector) {
    frame_.clear();
    return collector.collect(frame_);
  }
  /// With each engine's name in place of its socket, each family sorted (the engines answer in any order),
  /// and without what tells when the test ran.
  std::string page() const {
    std::string all;
    ExpositionLayout(catalogue_, frame_.entries()).render(PageFormat::text, frame_.entries(), all);
    for (const RecordedEngine* engine : engines_) {
      for (std::size_t at; (at = all.find(engine->path())) != std::string::npos;)
        all.replace(at, engine->path().size(), engine->name());
    }
    std::istringstream in(all);
    std::string out, line;
    std::vector<std::string> family;
    const auto end_family = [&] {
      std::ranges::sort(family);
      for (const std::string& sample : family) out += sample + '\n';
      family.clear();
    };
    while (std::getline(in, line)) {
      if (line.starts_with("chiron_container_disk_usage_age_seconds{")) continue;
      if (!line.starts_with("#")) {
        family.push_back(line);
        continue;
      }
      end_family();
      out += line + '\n';
    }
    end_family();
    return out;
  }
  RecordedEngine systemd_{"docker-systemd"}, cgroupfs_{"docker-cgroupfs"}, podman_{"podman"};
  const RecordedEngine* const engines_[3] = {&systemd_, &cgroupfs_, &podman_};
  HostPaths paths_{HostPaths::Roots{kHost + "/proc", kHost + "/sys", "/"}};
  Frame frame_;
};

TEST_F(GoldenContainers, ThreeEnginesGiveThisPage) {
  CollectorContext context = default_context(paths_, *find_collector("containers"));
  context.options.set("socket", {systemd_.path(), cgroupfs_.path(), podman_.path()});
  const auto made =
      make_containers_collector(std::move(context), {.timeout = seconds(20), .life_timeout = seconds(20)});
  ASSERT_TRUE(made.ok());
  std::size_t sized = 0;
  for (const BootTime end = system_clock().boot() + seconds(20); sized < 3 && system_clock().boot() < end;) {
    const Status status = pass(**made);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
    sized = static_cast<std::size_t>(std::ranges::count_if(frame_.entries(), [&](const FrameEntry& entry) {
      return catalogue_.labels(entry.id).get(kMetricName) == "chiron_container_disk_usage_age_seconds";
    }));
  }
  ASSERT_EQ(sized, 3);
  const std::string golden = kHost + "/metrics.txt";
  const std::string got = page();
  if (std::getenv("CHIRON_UPDATE_GOLDEN") != nullptr) std::ofstream(golden) << got;
  std::ifstream file(golden);
  const std::string wanted((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(got, wanted);
}

}  // namespace
}  // namespace chiron
