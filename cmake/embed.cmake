# ec_embed(<target> <file> <symbol>) compiles a file into <target> as
#
#     extern const unsigned char <symbol>[];  /* the bytes, and one 0 after them */
#     extern const size_t <symbol>_size;      /* bytes, the 0 not counted */
#
# The C file is generated at build time, by this same script in CMake's script mode, whenever the
# input changes. A string literal compiles many times faster than a list of numbers.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${INPUT}" bytes HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${bytes}")
  string(REPEAT "...." 32 line) # 32 escapes of 4 characters
  string(REGEX REPLACE "(${line})" "\\1\"\n    \"" bytes "${bytes}")
  get_filename_component(name "${INPUT}" NAME)
  file(WRITE "${OUTPUT}" "/* Generated from ${name}; do not edit. */
#include <stddef.h>

extern const unsigned char ${SYMBOL}[];
extern const size_t ${SYMBOL}_size;

const unsigned char ${SYMBOL}[] =
    \"${bytes}\";
const size_t ${SYMBOL}_size = sizeof ${SYMBOL} - 1;
")
  return()
endif()

set(EC_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(ec_embed target file symbol)
  get_filename_component(input ${file} ABSOLUTE)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embed/${symbol}.c)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DSYMBOL=${symbol} -P ${EC_EMBED_SCRIPT}
    DEPENDS ${input} ${EC_EMBED_SCRIPT}
    COMMENT "Embedding ${file}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
