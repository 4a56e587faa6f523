# The helpers that rooms, tests, fuzzers and apps are declared with. A CMakeLists.txt of this project says what a
# thing is made of; how it is compiled, checked, installed and tested is decided here, once.
include_guard(GLOBAL)

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

option(ERGO_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(ERGO_BUILD_APPS "Build the stand-alone programs" ${PROJECT_IS_TOP_LEVEL})
option(ERGO_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(ERGO_INSTALL "Install the libraries, headers and programs" ${PROJECT_IS_TOP_LEVEL})
option(ERGO_ASSERTIONS "Check ERGO_ASSERT in this build" OFF)
option(ERGO_HARDENING "PIE, full RELRO, FORTIFY, stack protector" ON)
option(ERGO_FUZZ "Build the libFuzzer harnesses (needs clang)" OFF)
option(ERGO_COVERAGE "Instrument for coverage" OFF)
option(ERGO_SEPARATE_ASIO "Compile Asio once instead of in every source that includes it" ${PROJECT_IS_TOP_LEVEL})
set(ERGO_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")
set(ERGO_ROOMS "" CACHE STRING "Build these rooms only (etf;dist;…); empty means all")

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_CXX_STANDARD 23)
  set(CMAKE_CXX_STANDARD_REQUIRED ON)
  set(CMAKE_CXX_EXTENSIONS OFF)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  set_property(GLOBAL PROPERTY USE_FOLDERS ON)
endif()

include(ergo-toolchain)
include(ergo-dependencies)
include(ergo-package)

# ----- where things are ---------------------------------------------------------------------------------------------

# Adds a folder when it has a CMakeLists.txt: a room that is not there yet does not break the others.
function(ergo_enter folder)
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt")
    add_subdirectory(${folder})
  endif()
endfunction()

# Adds every folder below `parent` that has a CMakeLists.txt.
function(ergo_enter_each parent)
  file(GLOB lists CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${parent}/*/CMakeLists.txt")
  foreach(list IN LISTS lists)
    get_filename_component(folder "${list}" DIRECTORY)
    add_subdirectory("${folder}")
  endforeach()
endfunction()

# Sets `result` to the targets of a dependency list in which a room may be named `etf` or `ergo::etf`, and
# `missing` to the rooms among them that this build does not have.
function(ergo_resolve result missing)
  set(targets)
  set(absent)
  foreach(name IN LISTS ARGN)
    string(REGEX REPLACE "^ergo::" "" room "${name}")
    if(TARGET ergo_${room})
      list(APPEND targets ergo::${room})
    elseif(TARGET ${name})
      list(APPEND targets ${name})
    else()
      list(APPEND absent ${room})
    endif()
  endforeach()
  set(${result} ${targets} PARENT_SCOPE)
  set(${missing} ${absent} PARENT_SCOPE)
endfunction()

# ----- rooms --------------------------------------------------------------------------------------------------------

# ergo_add_room(NAME etf SOURCES src/a.cpp … [DEPENDS …] [PRIVATE_DEPENDS …])
#
# The library `ergo_<name>` (ergo::<name>) of the current folder: public headers in include/, sources in src/.
# DEPENDS is what the public headers need, PRIVATE_DEPENDS what only the sources need. A room whose dependencies are
# not part of this build is left out with a line that says which one is missing.
function(ergo_add_room)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPENDS;PRIVATE_DEPENDS")
  if(ERGO_ROOMS AND NOT arg_NAME IN_LIST ERGO_ROOMS)
    return()
  endif()
  ergo_find_packages(${arg_DEPENDS} ${arg_PRIVATE_DEPENDS})
  ergo_resolve(public missing_public ${arg_DEPENDS})
  ergo_resolve(private missing_private ${arg_PRIVATE_DEPENDS})
  if(missing_public OR missing_private)
    message(STATUS "Room ${arg_NAME} is left out: it needs ${missing_public} ${missing_private}")
    return()
  endif()

  set(target ergo_${arg_NAME})
  if(arg_SOURCES)
    set(scope PUBLIC)
    add_library(${target} ${arg_SOURCES})
    target_link_libraries(${target} PUBLIC ${public} PRIVATE ${private} $<BUILD_INTERFACE:ergo_build_flags>)
    target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
    # Two words that were just written one by one and are copied as one vector wait for the cache: about 10 ns each time.
    # Small copies of that kind are most of what the rooms do, but for the codec, which gains by vectors.
    if(NOT arg_NAME STREQUAL etf)
      target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-tree-slp-vectorize>)
    endif()
    set_target_properties(${target} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0)
  else()
    set(scope INTERFACE)
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${public} ${private})
  endif()
  add_library(ergo::${arg_NAME} ALIAS ${target})
  target_compile_features(${target} ${scope} cxx_std_23)
  target_compile_definitions(${target} ${scope} $<BUILD_INTERFACE:$<$<BOOL:${ERGO_ASSERTIONS}>:ERGO_ASSERTIONS=1>>)

  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/*.hpp")
  target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/include" FILES ${headers})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_NAME} VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})

  set_property(GLOBAL APPEND PROPERTY ERGO_BUILT_ROOMS ${arg_NAME})
  set_property(GLOBAL PROPERTY ERGO_ROOM_${arg_NAME}_DEPENDS ${public})
  set_property(GLOBAL PROPERTY ERGO_ROOM_${arg_NAME}_PRIVATE_DEPENDS ${private})
endfunction()

# ergo::ergo, all rooms of this build, and `headers_check`, which compiles every public header alone.
function(ergo_add_everything)
  get_property(rooms GLOBAL PROPERTY ERGO_BUILT_ROOMS)
  list(REMOVE_ITEM rooms asio)
  list(TRANSFORM rooms PREPEND ergo:: OUTPUT_VARIABLE targets)
  add_library(ergo_ergo INTERFACE)
  add_library(ergo::ergo ALIAS ergo_ergo)
  set_target_properties(ergo_ergo PROPERTIES EXPORT_NAME ergo)
  target_link_libraries(ergo_ergo INTERFACE ${targets})
  if(PROJECT_IS_TOP_LEVEL)
    add_custom_target(headers_check)
    foreach(room IN LISTS rooms)
      add_dependencies(headers_check ergo_${room}_verify_interface_header_sets)
    endforeach()
  endif()
endfunction()

# An option of these functions that a caller passes on empty is one that was not given.
if(POLICY CMP0174)
  cmake_policy(SET CMP0174 NEW)
endif()

# ----- tests, fuzzers, programs -------------------------------------------------------------------------------------

# ergo_add_test_program(NAME sim_links LABEL sim SOURCES … DEPENDS … [TIMEOUT seconds])
#
# A Catch2 program that CTest runs as one entry; without a LABEL it is built but not run. It is left out when a room it needs is not part of this build.
function(ergo_add_test_program)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LABEL;TIMEOUT" "SOURCES;DEPENDS")
  ergo_find_packages(${arg_DEPENDS})
  ergo_resolve(targets missing ${arg_DEPENDS})
  if(missing)
    message(STATUS "Test ${arg_NAME} is left out: it needs ${missing}")
    return()
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE ${targets} ergo_test_support ergo_build_flags)
  # So that the stacks which the watchdog prints have names in them.
  set_target_properties(${arg_NAME} PROPERTIES ENABLE_EXPORTS ON)
  if(arg_LABEL)
    ergo_run_as_test(${arg_NAME} PROGRAM ${arg_NAME} LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()

# Registers one run of a Catch2 program. A run in which every test case was skipped counts as skipped, visibly.
function(ergo_run_as_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "PROGRAM;TIMEOUT" "ARGUMENTS;LABELS;ENVIRONMENT")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(ERGO_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 3")
  endif()
  add_test(NAME ${name} COMMAND ${arg_PROGRAM} ${arg_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "${arg_ENVIRONMENT}" SKIP_RETURN_CODE 4)
  if(arg_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# ergo_add_unit_tests(ROOM etf SOURCES … [COUNTS_ALLOCATIONS …] [DEPENDS …])
#
# The program unit_<room>. It links that room alone, so that a test cannot lean on a room above it. COUNTS_ALLOCATIONS
# names the sources that use ergo_test/allocations.hpp. The thread sanitizer's operator new cannot be replaced: there,
# these sources are left out.
function(ergo_add_unit_tests)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "ROOM;TIMEOUT" "SOURCES;COUNTS_ALLOCATIONS;DEPENDS")
  if(arg_COUNTS_ALLOCATIONS AND NOT ERGO_SANITIZE STREQUAL "thread")
    list(APPEND arg_SOURCES ${arg_COUNTS_ALLOCATIONS} "${PROJECT_SOURCE_DIR}/tests/support/allocations.cpp")
  endif()
  ergo_add_test_program(NAME unit_${arg_ROOM} LABEL unit TIMEOUT "${arg_TIMEOUT}" SOURCES ${arg_SOURCES}
    DEPENDS ergo::${arg_ROOM} ${arg_DEPENDS})
endfunction()

# ergo_add_interop_tests(NAME interop_dist SOURCES … DEPENDS … [TIMEOUT seconds] [INSTALLED_ONLY])
#
# A test program that talks to a live Erlang. It is run once with ERGO_TEST_OTP=installed (label interop) and, unless
# INSTALLED_ONLY, once for each of the releases 23, 25, 27 and 29 that is not the installed one (label releases). The
# program finds them by `cmake/otp-releases list` (ERGO_OTP_RELEASES names the script) and skips what is not there.
function(ergo_add_interop_tests)
  cmake_parse_arguments(PARSE_ARGV 0 arg "INSTALLED_ONLY" "NAME;TIMEOUT" "SOURCES;DEPENDS")
  ergo_add_test_program(NAME ${arg_NAME} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS})
  if(NOT TARGET ${arg_NAME})
    return()
  endif()
  set(script "ERGO_OTP_RELEASES=${PROJECT_SOURCE_DIR}/cmake/otp-releases")
  ergo_run_as_test(${arg_NAME} PROGRAM ${arg_NAME} LABELS interop SERIAL TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT ERGO_TEST_OTP=installed ${script})
  if(arg_INSTALLED_ONLY)
    return()
  endif()
  foreach(release IN ITEMS 23 25 27 29)
    if(NOT release STREQUAL ERGO_INSTALLED_OTP)
      ergo_run_as_test(${arg_NAME}_otp${release} PROGRAM ${arg_NAME} LABELS releases SERIAL TIMEOUT ${arg_TIMEOUT}
        ENVIRONMENT ERGO_TEST_OTP=${release} ${script})
    endif()
  endforeach()
endfunction()

# ergo_add_fuzzer(NAME etf_decode SOURCES … ROOMS etf … [INCLUDES …])
#
# A harness of tests/fuzz with its seeds in tests/data/fuzz/<name>, if any. With ERGO_FUZZ it is the libFuzzer program
# fuzz_<name> (where it says `afl`, the one for AFL++), else replay_<name>, which runs the seeds alone. But for AFL++,
# the test fuzz_<name> runs each seed once, so that what was found stays found.
function(ergo_add_fuzzer)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;ROOMS;INCLUDES")
  ergo_find_packages(${arg_ROOMS})
  ergo_resolve(targets missing ${arg_ROOMS})
  if(missing)
    message(STATUS "Fuzzer ${arg_NAME} is left out: it needs ${missing}")
    return()
  endif()
  set(seeds "${PROJECT_SOURCE_DIR}/tests/data/fuzz/${arg_NAME}")
  if(ERGO_FUZZ)
    set(program fuzz_${arg_NAME})
    add_executable(${program} ${arg_SOURCES})
    target_link_options(${program} PRIVATE ${ergo_fuzzing_main})
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
    if(NOT TARGET fuzzers)
      add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers ${program})
    set(options -runs=0 -timeout=20 -rss_limit_mb=2048 -max_len=65536)
  else()
    set(program replay_${arg_NAME})
    add_executable(${program} ${arg_SOURCES} "${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cpp")
    set(options)
  endif()
  target_link_libraries(${program} PRIVATE ${targets} ergo_build_flags)
  target_include_directories(${program} PRIVATE ${arg_INCLUDES})
  # The program for AFL++ is run by AFL++ only.
  if(EXISTS "${seeds}" AND NOT ERGO_FUZZ STREQUAL "afl")
    ergo_run_as_test(fuzz_${arg_NAME} PROGRAM ${program} LABELS unit ARGUMENTS ${options} "${seeds}")
  endif()
endfunction()

# ergo_add_app(NAME ergo-demo SOURCES … DEPENDS … [INSTALL])
#
# A stand-alone program; with INSTALL it is installed under its name.
function(ergo_add_app)
  cmake_parse_arguments(PARSE_ARGV 0 arg "INSTALL" "NAME" "SOURCES;DEPENDS")
  ergo_find_packages(${arg_DEPENDS})
  ergo_resolve(targets missing ${arg_DEPENDS})
  if(missing)
    message(STATUS "Program ${arg_NAME} is left out: it needs ${missing}")
    return()
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE ${targets} ergo_build_flags)
  if(arg_INSTALL AND ERGO_INSTALL)
    install(TARGETS ${arg_NAME} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT programs)
  endif()
endfunction()
