# Puts the report page together at build time: Vega, our scripts and the style sheet inlined into
# src/report/page/page.html, which is left with one gap, {{data}}, that the library fills.
#
# The page's security policy names the SHA-256 of the one script it may run, so nothing that a study
# contains could ever run, and forbids the network altogether.
#
# Vega is Debian's libjs-vega: one AMD module a file. Each is wrapped into a function, to be run by the
# loader in vega.js; the reference to its source map is dropped, for a browser's developer tools would
# look for it.
set(EC_VEGA_MODULES
  canvas dataflow encode event-selector expression format functions geo interpreter loader parser
  projection runtime scale scenegraph selection statistics time transforms util view view-transforms)
set(EC_PAGE_SCRIPTS vega.js base.js specs.js ranking.js page.js) # in this order

if(CMAKE_SCRIPT_MODE_FILE)
  # Base64 of a SHA-256 given as 64 hexadecimal digits.
  function(base64_of_sha256 out hex)
    set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
    set(text "")
    foreach(at RANGE 0 60 6)
      string(SUBSTRING "${hex}00" ${at} 6 three_bytes)
      foreach(shift 18 12 6 0)
        math(EXPR digit "(0x${three_bytes} >> ${shift}) & 63")
        string(SUBSTRING ${alphabet} ${digit} 1 letter)
        string(APPEND text ${letter})
      endforeach()
    endforeach()
    string(REGEX REPLACE ".$" "=" text "${text}") # 32 bytes fill the last group but for one byte
    set(${out} "${text}" PARENT_SCOPE)
  endfunction()

  set(script "\"use strict\";\n(() => {\nconst vegaModules = {};\n")
  foreach(module IN LISTS EC_VEGA_MODULES)
    file(READ "${VEGA_DIR}/vega-${module}.min.js" source)
    string(REGEX REPLACE "//# sourceMappingURL=[^\n]*" "" source "${source}")
    string(APPEND script "vegaModules[\"vega-${module}\"] = function (define) {\n${source}\n};\n")
  endforeach()
  foreach(part IN LISTS EC_PAGE_SCRIPTS)
    file(READ "${PAGE_DIR}/${part}" source)
    string(APPEND script "${source}")
  endforeach()
  string(APPEND script "})();\n")
  string(FIND "${script}" "</script" ends_early)
  if(NOT ends_early EQUAL -1)
    message(FATAL_ERROR "a script of the report page contains '</script', which would end it early")
  endif()

  file(READ "${PAGE_DIR}/page.html" page)
  file(READ "${PAGE_DIR}/page.css" style)
  file(READ "${PAGE_DIR}/vega-licence.txt" licence)
  string(SHA256 hash "${script}")
  base64_of_sha256(hash ${hash})
  foreach(gap style licence hash script)
    string(REPLACE "{{${gap}}}" "${${gap}}" page "${page}")
  endforeach()
  file(WRITE "${OUTPUT}" "${page}")
  return()
endif()

find_path(EC_VEGA_DIR vega-view.min.js PATHS /usr/share/javascript/vega NO_DEFAULT_PATH
          DOC "Folder of Vega's minified modules, vega-*.min.js")
foreach(module IN LISTS EC_VEGA_MODULES)
  if(NOT EXISTS "${EC_VEGA_DIR}/vega-${module}.min.js")
    message(FATAL_ERROR "vega-${module}.min.js, which the report page needs, is not in '${EC_VEGA_DIR}'. "
                        "Install the package libjs-vega (apt-get install libjs-vega), "
                        "or name Vega's folder with -DEC_VEGA_DIR=….")
  endif()
endforeach()

set(page_inputs ${CMAKE_CURRENT_LIST_FILE})
foreach(part page.html page.css vega-licence.txt ${EC_PAGE_SCRIPTS})
  list(APPEND page_inputs ${CMAKE_CURRENT_SOURCE_DIR}/src/report/page/${part})
endforeach()
foreach(module IN LISTS EC_VEGA_MODULES)
  list(APPEND page_inputs ${EC_VEGA_DIR}/vega-${module}.min.js)
endforeach()
set(EC_REPORT_PAGE ${CMAKE_CURRENT_BINARY_DIR}/report_page.html)
add_custom_command(
  OUTPUT ${EC_REPORT_PAGE}
  COMMAND ${CMAKE_COMMAND} -DVEGA_DIR=${EC_VEGA_DIR} -DPAGE_DIR=${CMAKE_CURRENT_SOURCE_DIR}/src/report/page
          -DOUTPUT=${EC_REPORT_PAGE} -P ${CMAKE_CURRENT_LIST_FILE}
  DEPENDS ${page_inputs}
  COMMENT "Putting the report page together"
  VERBATIM)
ec_embed(ec_report ${EC_REPORT_PAGE} ec_report_page)
