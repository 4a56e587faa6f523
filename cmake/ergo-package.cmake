# Installation: libraries and headers, find_package(ergo) with one component per room, and a pkg-config file per room.
# Nothing that is written here names the prefix: an installed tree may be moved.
include_guard(GLOBAL)

# Sorts the dependencies of a room into our own rooms, arguments for find_dependency, pkg-config modules and flags.
function(ergo_sort_dependencies room_list find_list module_list flag_list)
  set(rooms)
  set(finds)
  set(modules)
  set(extra)
  foreach(target IN LISTS ARGN)
    if(target MATCHES "^ergo::(.+)$")
      list(APPEND rooms ${CMAKE_MATCH_1})
    else()
      ergo_external(${target} find module flags)
      if(NOT find)
        message(FATAL_ERROR "${target} is in no row of cmake/ergo-dependencies.cmake, so it cannot be exported.")
      endif()
      string(REGEX REPLACE "^OPTIONAL " "" find "${find}") # what was built with it needs it
      list(APPEND finds "${find}")
      list(APPEND modules ${module})
      list(APPEND extra ${flags})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES finds)
  set(${room_list} ${rooms} PARENT_SCOPE)
  set(${find_list} "${finds}" PARENT_SCOPE)
  set(${module_list} ${modules} PARENT_SCOPE)
  set(${flag_list} ${extra} PARENT_SCOPE)
endfunction()

# Writes and installs a pkg-config file. REQUIRES and PRIVATE are rooms, MODULES pkg-config modules, FLAGS linker flags.
# Static libraries name all they need in public, so that their users ask without --static: that would ask the shared
# libraries of others for their private needs as well, which need not be installed.
function(ergo_install_pkgconfig name description library)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "REQUIRES;PRIVATE;MODULES;FLAGS")
  list(TRANSFORM arg_REQUIRES PREPEND "ergo-")
  list(TRANSFORM arg_PRIVATE PREPEND "ergo-")
  set(private ${arg_PRIVATE} ${arg_MODULES})
  list(JOIN arg_FLAGS " " libs_private)
  set(libs)
  if(library)
    set(libs "-L\${libdir} -l${library}")
  endif()
  if(NOT BUILD_SHARED_LIBS)
    list(APPEND arg_REQUIRES ${private})
    set(private)
    string(STRIP "${libs} ${libs_private}" libs)
    set(libs_private)
  endif()
  list(JOIN arg_REQUIRES ", " requires)
  list(JOIN private ", " requires_private)
  file(RELATIVE_PATH up "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
  string(REGEX REPLACE "/$" "" up "${up}")
  set(file "${PROJECT_BINARY_DIR}/pkgconfig/${name}.pc")
  file(WRITE "${file}" "prefix=\${pcfiledir}/${up}
libdir=\${prefix}/${CMAKE_INSTALL_LIBDIR}
includedir=\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}

Name: ${name}
Description: ${description}
Version: ${PROJECT_VERSION}
Requires: ${requires}
Requires.private: ${requires_private}
Cflags: -I\${includedir}
Libs: ${libs}
Libs.private: ${libs_private}
")
  install(FILES "${file}" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
endfunction()

function(ergo_install_room room)
  install(TARGETS ergo_${room} EXPORT ergo-${room}-targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT libraries NAMELINK_COMPONENT development
    FILE_SET HEADERS DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development)
  install(EXPORT ergo-${room}-targets NAMESPACE ergo::
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/ergo" COMPONENT development)
endfunction()

# Installs the rooms of this build. To be called once, after all rooms.
function(ergo_install_package)
  get_property(rooms GLOBAL PROPERTY ERGO_BUILT_ROOMS)
  set(table)
  foreach(room IN LISTS rooms)
    get_property(public GLOBAL PROPERTY ERGO_ROOM_${room}_DEPENDS)
    get_property(private GLOBAL PROPERTY ERGO_ROOM_${room}_PRIVATE_DEPENDS)
    ergo_sort_dependencies(needs finds modules flags ${public})
    ergo_sort_dependencies(private_needs private_finds private_modules private_flags ${private})
    ergo_install_room(${room})

    set(all_finds ${finds} ${private_finds})
    string(APPEND table "set(_ergo_${room}_rooms ${needs} ${private_needs})\n"
      "set(_ergo_${room}_packages \"${all_finds}\")\n")

    get_target_property(type ergo_${room} TYPE)
    set(library)
    if(NOT type STREQUAL "INTERFACE_LIBRARY")
      set(library ergo_${room})
    endif()
    ergo_install_pkgconfig(ergo-${room} "${PROJECT_DESCRIPTION}: ${room}" "${library}"
      REQUIRES ${needs} PRIVATE ${private_needs} MODULES ${modules} ${private_modules} FLAGS ${flags} ${private_flags})
  endforeach()
  string(APPEND table "set(_ergo_ergo_rooms ${rooms})\nset(_ergo_ergo_packages)\n")
  ergo_install_room(ergo)
  ergo_install_pkgconfig(ergo "${PROJECT_DESCRIPTION}" "" REQUIRES ${rooms})

  set(ERGO_CONFIG_ROOMS ${rooms} ergo)
  set(ERGO_CONFIG_TABLE "${table}")
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/ergo-config.cmake.in"
    "${PROJECT_BINARY_DIR}/ergo-config.cmake"
    INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/ergo"
    NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/ergo-config-version.cmake"
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/ergo-config.cmake" "${PROJECT_BINARY_DIR}/ergo-config-version.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/FindGperftools.cmake" DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/ergo" COMPONENT development)
endfunction()
