#include "exporter/base/bus_value.h"

#include <systemd/sd-bus.h>

namespace chiron {

int read_variant(sd_bus_message* message, std::string& value) {
  const char* text = nullptr;
  const int rc = sd_bus_message_read(message, "v", "s", &text);
  if (rc > 0) value = text;
  return rc;
}

int read_variant(sd_bus_message* message, bool& value) {
  int number = 0;  // D-Bus booleans are ints in C
  const int rc = sd_bus_message_read(message, "v", "b", &number);
  if (rc > 0) value = number != 0;
  return rc;
}

int read_variant(sd_bus_message* message, std::int32_t& value) {
  return sd_bus_message_read(message, "v", "i", &value);
}

int read_variant(sd_bus_message* message, std::uint32_t& value) {
  return sd_bus_message_read(message, "v", "u", &value);
}

int read_variant(sd_bus_message* message, std::uint64_t& value) {
  return sd_bus_message_read(message, "v", "t", &value);
}

}  // namespace chiron
