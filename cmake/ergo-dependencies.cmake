# What this project takes from the system, and how each is found: here when we build, and by find_package(ergo) and
# pkg-config when somebody uses the installed libraries.
include_guard(GLOBAL)

# target | arguments of find_package | pkg-config module | flags where there is no module
# A package that may be absent says OPTIONAL: the rooms that need it are left out then.
set(ergo_externals
  "Boost::headers|Boost 1.83 CONFIG||"
  "Boost::program_options|Boost 1.83 CONFIG COMPONENTS program_options||-lboost_program_options"
  "ZLIB::ZLIB|ZLIB|zlib|"
  "OpenSSL::SSL|OpenSSL 3.0|libssl|"
  "OpenSSL::Crypto|OpenSSL 3.0|libcrypto|"
  "spdlog::spdlog|spdlog 1.10 CONFIG|spdlog|"
  "prometheus-cpp::core|OPTIONAL prometheus-cpp CONFIG|prometheus-cpp-core|"
  "gperftools::profiler|OPTIONAL Gperftools|libprofiler|"
  "Threads::Threads|Threads||-pthread")

# Sets `find`, `module` and `flags` to what the table says about a target; all are empty for one of our own.
function(ergo_external target find module flags)
  set(${find} "" PARENT_SCOPE)
  set(${module} "" PARENT_SCOPE)
  set(${flags} "" PARENT_SCOPE)
  foreach(row IN LISTS ergo_externals)
    string(REPLACE "|" ";" row "${row}")
    list(GET row 0 name)
    if(name STREQUAL target)
      list(GET row 1 value)
      set(${find} "${value}" PARENT_SCOPE)
      list(GET row 2 value)
      set(${module} "${value}" PARENT_SCOPE)
      list(GET row 3 value)
      set(${flags} "${value}" PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

# Finds the packages behind those targets of a dependency list that come from the system. A macro, because the
# imported targets must be seen by the caller.
macro(ergo_find_packages)
  foreach(ergo_needed IN ITEMS ${ARGN})
    if(NOT TARGET ${ergo_needed})
      ergo_external(${ergo_needed} ergo_find ergo_module ergo_flags)
      if(ergo_find)
        string(REPLACE " " ";" ergo_find "${ergo_find}")
        set(ergo_must REQUIRED)
        if("OPTIONAL" IN_LIST ergo_find)
          list(REMOVE_ITEM ergo_find OPTIONAL)
          set(ergo_must QUIET)
        endif()
        find_package(${ergo_find} ${ergo_must} GLOBAL)
      endif()
    endif()
  endforeach()
endmacro()

# Asio, as the rooms use it. With ERGO_SEPARATE_ASIO it is compiled once, into an archive with a single member: a
# program that compiles Asio itself defines every symbol of it, so that the linker never takes ours as well. The
# definition is not exported, so the user of an installed library chooses freely.
function(ergo_add_asio)
  set(CMAKE_THREAD_PREFER_PTHREAD ON)
  ergo_find_packages(Boost::headers Threads::Threads)
  if(ERGO_SEPARATE_ASIO AND NOT BUILD_SHARED_LIBS)
    add_library(ergo_asio STATIC "${PROJECT_SOURCE_DIR}/cmake/asio.cpp")
    target_compile_definitions(ergo_asio PUBLIC
      $<BUILD_INTERFACE:BOOST_ASIO_SEPARATE_COMPILATION>)
    set(scope PUBLIC)
    target_compile_features(ergo_asio PUBLIC cxx_std_23)
  else()
    add_library(ergo_asio INTERFACE)
    set(scope INTERFACE)
  endif()
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_definitions(ergo_asio ${scope} $<BUILD_INTERFACE:BOOST_ASIO_NO_DEPRECATED>)
  endif()
  target_link_libraries(ergo_asio ${scope} Boost::headers Threads::Threads)
  add_library(ergo::asio ALIAS ergo_asio)
  set_target_properties(ergo_asio PROPERTIES EXPORT_NAME asio)
  set_property(GLOBAL APPEND PROPERTY ERGO_BUILT_ROOMS asio)
  set_property(GLOBAL PROPERTY ERGO_ROOM_asio_DEPENDS Boost::headers Threads::Threads)
endfunction()
ergo_add_asio()
