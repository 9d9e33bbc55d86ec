# chiron_embed(TARGET SYMBOL_NAMESPACE FUNCTION FILES...): compiles text files into a target as
#   std::span<const EmbeddedFile> NAMESPACE::FUNCTION()
# so that the binary has its shipped rules and remedies without being installed. A changed file builds again.
function(chiron_embed target namespace function header)
  set(entries "")
  foreach(file IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    file(READ ${CMAKE_CURRENT_SOURCE_DIR}/${file} content)
    get_filename_component(name ${file} NAME)
    string(REGEX REPLACE "\\.(rules\\.)?yml$" "" name ${name})
    # GCC takes string literals of any length, but a raw one must not hold its own end.
    string(APPEND entries "    EmbeddedFile{\"${name}\", R\"embedded(${content})embedded\"},\n")
  endforeach()
  list(LENGTH ARGN count)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"#include \"@header@\"

namespace @namespace@ {

std::span<const EmbeddedFile> @function@() {
  static constexpr std::array<EmbeddedFile, @count@> files{{
@entries@  }};
  return files;
}

}  // namespace @namespace@
")
  target_sources(${target} PRIVATE ${output})
endfunction()
