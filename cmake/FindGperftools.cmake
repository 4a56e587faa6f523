# The CPU profiler of gperftools, which brings no package file for CMake: the target gperftools::profiler.
find_path(Gperftools_INCLUDE gperftools/profiler.h)
find_library(Gperftools_PROFILER profiler)
mark_as_advanced(Gperftools_INCLUDE Gperftools_PROFILER)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Gperftools REQUIRED_VARS Gperftools_PROFILER Gperftools_INCLUDE)
if(Gperftools_FOUND AND NOT TARGET gperftools::profiler)
  add_library(gperftools::profiler UNKNOWN IMPORTED)
  set_target_properties(gperftools::profiler PROPERTIES
    IMPORTED_LOCATION "${Gperftools_PROFILER}" INTERFACE_INCLUDE_DIRECTORIES "${Gperftools_INCLUDE}")
endif()
