#pragma once

#include <cstdint>
#include <string>

struct sd_bus_message;

namespace chiron {

/// Reads a D-Bus variant that holds a value of that type; negative as sd_bus_message_read(3) is when it holds
/// another. For the adapters in this folder.
int read_variant(sd_bus_message* message, std::string& value);
int read_variant(sd_bus_message* message, bool& value);
int read_variant(sd_bus_message* message, std::int32_t& value);
int read_variant(sd_bus_message* message, std::uint32_t& value);
int read_variant(sd_bus_message* message, std::uint64_t& value);

}  // namespace chiron
