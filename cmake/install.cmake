# `cmake --install build/release [--prefix DIR]`, or `make install`: the program with its man page and
# shell completions (written by the program itself, from the one table of its options), the
# library with headers and eyechart.pc. The .pc file finds its prefix from where it lies, so an
# installation may be moved; the library is static, hence Requires and not Requires.private.
include(GNUInstallDirs)

set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH EC_PREFIX_FROM_PC /prefix/${pc_dir} /prefix)
list(JOIN EC_PACKAGES " " EC_PC_REQUIRES)
configure_file(cmake/eyechart.pc.in eyechart.pc @ONLY)

# ec_generate(<file> <format> <directory>): `eyechart help --format <format>` into <file>.
function(ec_generate file format directory)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/generated/${file})
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/generated
    COMMAND eyechart help --format ${format} > ${output}
    DEPENDS eyechart
    VERBATIM)
  set_property(GLOBAL APPEND PROPERTY EC_GENERATED ${output})
  install(FILES ${output} DESTINATION ${directory})
endfunction()

ec_generate(eyechart.1 man ${CMAKE_INSTALL_MANDIR}/man1)
ec_generate(eyechart bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
ec_generate(_eyechart zsh ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
get_property(generated GLOBAL PROPERTY EC_GENERATED)
add_custom_target(generated ALL DEPENDS ${generated})

install(TARGETS eyechart eyechart_lib)
install(DIRECTORY include/eyechart DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/eyechart.pc DESTINATION ${pc_dir})
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
