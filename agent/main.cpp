#include "agent/cli.h"

int main(int argc, char** argv) { return chiron::agent::run_command_line(argc, argv); }
