# One INTERFACE target carries what every Chiron target is compiled with; nothing is set globally but the launcher.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # The precompiled header is only cacheable when ccache is told to overlook its defines and time stamps.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
endif()

find_program(MOLD_PROGRAM mold)

add_library(chiron_options INTERFACE)
add_library(chiron::options ALIAS chiron_options)
target_include_directories(chiron_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(chiron_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wconversion
  -Wsign-conversion -Wimplicit-fallthrough -Werror
  # PromQL results are compared bit for bit with Prometheus': the compiler must not fuse multiply and add.
  -ffp-contract=off
  -fno-omit-frame-pointer
  $<$<CONFIG:Debug>:-Og>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(chiron_options INTERFACE -fpch-preprocess)
else()
  target_compile_options(chiron_options INTERFACE -Wthread-safety)
endif()
if(CHIRON_SANITIZE)
  # Reports need lines, not variables; the rest of the debugging information is a quarter of the time of a build.
  target_compile_options(chiron_options INTERFACE -fsanitize=${CHIRON_SANITIZE} -fno-sanitize-recover=all -g1)
  target_link_options(chiron_options INTERFACE -fsanitize=${CHIRON_SANITIZE})
  if(CHIRON_SANITIZE STREQUAL "thread")
    # GCC 12 warns that TSan does not understand fences; Boost.Asio uses one in its scheduler.
    target_compile_options(chiron_options INTERFACE -Wno-tsan)
  endif()
endif()
if(CHIRON_FUZZ)
  # Coverage for libFuzzer in the libraries too; only the fuzz programs link its main().
  target_compile_options(chiron_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(GOLD_PROGRAM ld.gold)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_definitions(chiron_options INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(chiron_options INTERFACE -Wl,-z,relro,-z,now)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND GOLD_PROGRAM AND NOT CHIRON_SANITIZE)
  # A fault maps the 16 pages around it (fault_around_bytes of the kernel): the functions of a pass, spread over the
  # program, keep nearly all of it in memory. gold is the linker here that lays them side by side.
  set(hot_functions ${PROJECT_SOURCE_DIR}/cmake/hot_functions.txt)
  target_compile_options(chiron_options INTERFACE -ffunction-sections)
  target_link_options(chiron_options INTERFACE -fuse-ld=gold -Wl,--section-ordering-file=${hot_functions})
  set_target_properties(chiron_options PROPERTIES INTERFACE_LINK_DEPENDS ${hot_functions})
elseif(MOLD_PROGRAM)
  target_link_options(chiron_options INTERFACE -fuse-ld=mold)
endif()

# chiron_library(NAME <folder> DEPENDS <targets>): one static library per top-level folder, in rank order.
function(chiron_library)
  cmake_parse_arguments(ARG "" "NAME" "DEPENDS" ${ARGN})
  add_library(chiron_${ARG_NAME} STATIC)
  add_library(chiron::${ARG_NAME} ALIAS chiron_${ARG_NAME})
  target_link_libraries(chiron_${ARG_NAME} PUBLIC chiron_options ${ARG_DEPENDS})
  # Compiled once: every library is built with the same options.
  if(ARG_NAME STREQUAL "exporter")
    target_precompile_headers(chiron_exporter PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)
  else()
    target_precompile_headers(chiron_${ARG_NAME} REUSE_FROM chiron_exporter)
  endif()
endfunction()
