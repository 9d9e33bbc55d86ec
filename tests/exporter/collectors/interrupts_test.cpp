// /proc/interrupts. tests/fixtures/vm has a whole one; here is what goes wrong and what can be chosen.
#include "tests/exporter/collectors/host_fixture.h"

namespace chiron {
namespace {

using testing::HostFixture;
using Lines = std::vector<std::string>;

class Interrupts : public HostFixture {};

TEST_F(Interrupts, NamesThemAsNodeExporterDoes) {
  proc("interrupts",
       "           CPU0       CPU2       \n"
       "  9:          0          3   IO-APIC   9-fasteoi   acpi, i801_smbus\n"
       "NMI:         15          0   Non-maskable interrupts\n"
       "IPI0:1 2 Rescheduling interrupts\n"
       "ERR:          0\n"
       "MIS:          7\n");
  make("interrupts");
  const Status status = collect();
  ASSERT_TRUE(status.ok()) << status.error().to_string();
  EXPECT_EQ(
      lines(),
      (Lines{
          R"(node_interrupts_total{cpu="0",devices="9-fasteoi acpi, i801_smbus",info="IO-APIC",type="9"} 0)",
          R"(node_interrupts_total{cpu="0",info="Non-maskable interrupts",type="NMI"} 15)",
          R"(node_interrupts_total{cpu="0",info="Rescheduling interrupts",type="IPI0"} 1)",
          R"(node_interrupts_total{cpu="2",devices="9-fasteoi acpi, i801_smbus",info="IO-APIC",type="9"} 3)",
          R"(node_interrupts_total{cpu="2",info="Non-maskable interrupts",type="NMI"} 0)",
          R"(node_interrupts_total{cpu="2",info="Rescheduling interrupts",type="IPI0"} 2)"}));
  EXPECT_FALSE(find_collector("interrupts")->on_by_default);
  EXPECT_FALSE(collector_->can_hang());
}

TEST_F(Interrupts, FollowsWhatComesAndGoes) {
  proc("interrupts", "  CPU0 CPU1\n 1: 1 2 A a\n 2: 3 4 B b\n");
  make("interrupts");
  ASSERT_TRUE(collect().ok());
  // A driver takes over a line, a CPU goes away, another line comes.
  proc("interrupts", "  CPU1\n 1: 5 A c\n 3: 6 C\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_interrupts_total{cpu="1",devices="c",info="A",type="1"} 5)",
                            R"(node_interrupts_total{cpu="1",info="C",type="3"} 6)"}));
  forget_everything();
  proc("interrupts", "");
  expect_failure("proc/interrupts");
  proc("interrupts", "  CPU1\n 1: 8 A c\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), (Lines{R"(node_interrupts_total{cpu="1",devices="c",info="A",type="1"} 8)"}));
}

TEST_F(Interrupts, ChoosesByTypeInfoAndDevicesAndLeavesOutZeros) {
  proc("interrupts", " CPU0 CPU1\n 1: 0 2 IO-APIC 1-edge i8042\nLOC: 4 0 Local timer interrupts\n");
  option("name-exclude", {"^LOC;Local timer interrupts;$"});
  option("include-zeros", {"false"});
  make("interrupts");
  ASSERT_TRUE(collect().ok());
  const Lines keyboard{R"(node_interrupts_total{cpu="1",devices="1-edge i8042",info="IO-APIC",type="1"} 2)"};
  EXPECT_EQ(lines(), keyboard);
  option("name-exclude", {""});
  option("name-include", {"IO-APIC;.*i8042"});
  make("interrupts");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines(), keyboard);
  // The first interrupt of a CPU makes a series.
  proc("interrupts", " CPU0 CPU1\n 1: 1 2 IO-APIC 1-edge i8042\nLOC: 4 0 Local timer interrupts\n");
  ASSERT_TRUE(collect().ok());
  EXPECT_EQ(lines().size(), 2u);
  option("name-exclude", {"x"});
  const CollectorInfo* info = find_collector("interrupts");
  EXPECT_FALSE(info->make(context(*info)).ok()) << "they exclude each other";
}

TEST_F(Interrupts, DamageIsToldAndTheRestIsReported) {
  make("interrupts");
  expect_no_data();
  for (const char* bad : {"", "CPU0 CPUx\n 1: 1 2 A\n", "\n", " 1: 1 2 A a\n"}) {
    proc("interrupts", bad);
    expect_failure("proc/interrupts");
    EXPECT_TRUE(frame_.entries().empty()) << bad;
  }
  proc("interrupts",
       " CPU0 CPU1\n 1: 1 2 A a\n 2: 1 x B b\n 3: 1 18446744073709551616 C\nno colon\n 1: 3 4 A a\n"
       " 4:\n 5: 7\n 6: 1 2\n 7: 3 4 D\n 8: 5 6 E\n 9: 1 x");
  expect_failure("5 problems, the first: ");
  EXPECT_EQ(frame_.fault_count(), 5u);
  EXPECT_EQ(lines(), (Lines{R"(node_interrupts_total{cpu="0",devices="a",info="A",type="1"} 1)",
                            R"(node_interrupts_total{cpu="0",info="D",type="7"} 3)",
                            R"(node_interrupts_total{cpu="0",info="E",type="8"} 5)",
                            R"(node_interrupts_total{cpu="1",devices="a",info="A",type="1"} 2)",
                            R"(node_interrupts_total{cpu="1",info="D",type="7"} 4)",
                            R"(node_interrupts_total{cpu="1",info="E",type="8"} 6)"}));
}

}  // namespace
}  // namespace chiron
