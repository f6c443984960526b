# oneDNN, for src/cpu/onednn.c. Everything builds without it; `eyechart version` says whether it is there.
# Debian's package names no pkg-config file, and its CMake file wants OpenCL's headers, which nothing
# here uses.
set(EC_ONEDNN AUTO CACHE STRING "Use oneDNN: AUTO (if it is there), ON or OFF")
set(EC_PC_ONEDNN "")
if(NOT EC_ONEDNN STREQUAL "OFF")
  find_path(EC_ONEDNN_INCLUDE oneapi/dnnl/dnnl.h)
  find_library(EC_ONEDNN_LIBRARY dnnl)
  # The OpenMP that oneDNN brings along, to be told to use one thread.
  find_library(EC_OPENMP_LIBRARY NAMES libgomp.so.1)
  mark_as_advanced(EC_ONEDNN_INCLUDE EC_ONEDNN_LIBRARY EC_OPENMP_LIBRARY)
  if(EC_ONEDNN_INCLUDE AND EC_ONEDNN_LIBRARY AND EC_OPENMP_LIBRARY)
    include(CheckCSourceCompiles)
    set(CMAKE_REQUIRED_INCLUDES ${EC_ONEDNN_INCLUDE})
    set(CMAKE_REQUIRED_LIBRARIES ${EC_ONEDNN_LIBRARY} ${EC_OPENMP_LIBRARY})
    check_c_source_compiles("
      #include <oneapi/dnnl/dnnl.h>
      #if DNNL_CPU_RUNTIME != DNNL_RUNTIME_OMP || DNNL_VERSION_MAJOR * 100 + DNNL_VERSION_MINOR < 206
      #error only with OpenMP's threads, and from 2.6 on
      #endif
      extern void omp_set_num_threads(int);
      int main(void) { omp_set_num_threads(1); return dnnl_version() == NULL; }" EC_ONEDNN_WORKS)
    unset(CMAKE_REQUIRED_INCLUDES)
    unset(CMAKE_REQUIRED_LIBRARIES)
  endif()
  if(EC_ONEDNN_WORKS)
    target_include_directories(ec_settings INTERFACE ${EC_ONEDNN_INCLUDE})
    target_link_libraries(ec_settings INTERFACE ${EC_ONEDNN_LIBRARY} ${EC_OPENMP_LIBRARY})
    target_compile_definitions(ec_settings INTERFACE EC_ONEDNN)
    set(EC_PC_ONEDNN " ${EC_ONEDNN_LIBRARY} ${EC_OPENMP_LIBRARY}")
  elseif(EC_ONEDNN STREQUAL "ON")
    message(FATAL_ERROR "EC_ONEDNN is ON, but there is no oneDNN 2.6 or newer with OpenMP (Debian: libdnnl-dev)")
  endif()
endif()
if(EC_ONEDNN STREQUAL "OFF")
  set(EC_ONEDNN_WORKS OFF)
endif()
if(NOT EC_ONEDNN_WORKS)
  message(STATUS "oneDNN: not used")
else()
  message(STATUS "oneDNN: ${EC_ONEDNN_LIBRARY}")
endif()
