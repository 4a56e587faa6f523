# How this project's own sources are compiled: warnings, hardening, sanitizers, a fast linker, a compiler cache.
# Everything hangs on the interface target `ergo_build_flags`, which is linked privately and never exported.
include_guard(GLOBAL)

include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12.2)
  message(FATAL_ERROR "libergo needs GCC 12.2 or newer; this is ${CMAKE_CXX_COMPILER_VERSION}.")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "libergo needs clang 19 or newer; this is ${CMAKE_CXX_COMPILER_VERSION}.")
endif()

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(ERGO_CCACHE ccache)
  if(ERGO_CCACHE)
    # Paths below the tree count as relative ones, so that two clones share what they have compiled.
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=true "${ERGO_CCACHE}")
  endif()
endif()

add_library(ergo_build_flags INTERFACE)

target_compile_options(ergo_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wold-style-cast -Woverloaded-virtual -Wextra-semi
  -Wcast-align -Wimplicit-fallthrough -Wformat=2 -Wundef
  # Options are set by designated initialisers here, and the fields left out have defaults.
  -Wno-missing-field-initializers)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ergo_build_flags INTERFACE -Wduplicated-cond -Wlogical-op -Wshadow=local -fdiagnostics-color=auto)
  # These look through inlining and are wrong too often on std::string, std::variant, small buffers and coroutine
  # frames to be errors; clang, the sanitizers and clang-tidy watch the same ground.
  target_compile_options(ergo_build_flags INTERFACE
    -Wno-maybe-uninitialized -Wno-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds -Wno-dangling-pointer -Wno-free-nonheap-object -Wno-mismatched-new-delete
    -Wno-use-after-free -Wno-nonnull -Wno-address -Wno-aggressive-loop-optimizations)
else()
  target_compile_options(ergo_build_flags INTERFACE -Wshadow -fcolor-diagnostics)
endif()

# ----- sanitizers, fuzzers, coverage --------------------------------------------------------------------------------

set(ergo_instrument)
if(ERGO_SANITIZE)
  string(REPLACE ";" "," ergo_sanitizers "${ERGO_SANITIZE}")
  list(APPEND ergo_instrument -fsanitize=${ergo_sanitizers} -fno-omit-frame-pointer)
  if(ergo_sanitizers MATCHES "undefined")
    list(APPEND ergo_instrument -fno-sanitize-recover=all)
  endif()
endif()
if(ERGO_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "ERGO_FUZZ needs clang; this is ${CMAKE_CXX_COMPILER_ID}.")
  endif()
  if(ERGO_FUZZ STREQUAL "afl")
    # AFL++'s own compilers wrap a clang that is too old; its runtime understands what every clang can insert.
    list(APPEND ergo_instrument -fsanitize-coverage=trace-pc-guard)
    find_file(ERGO_AFL_RUNTIME afl-compiler-rt.o PATHS /usr/lib/afl /usr/local/lib/afl REQUIRED)
    find_file(ERGO_AFL_DRIVER libAFLDriver.a PATHS /usr/lib/afl /usr/local/lib/afl REQUIRED)
    set(ergo_fuzzing_main "${ERGO_AFL_DRIVER}" "${ERGO_AFL_RUNTIME}")
  else()
    list(APPEND ergo_instrument -fsanitize=fuzzer-no-link)
    set(ergo_fuzzing_main -fsanitize=fuzzer)
  endif()
endif()
if(ERGO_COVERAGE)
  # Without atomic counters, threads lose counts, and gcov then derives negative ones for what lies between.
  list(APPEND ergo_instrument --coverage -fprofile-update=atomic)
endif()
if(PROJECT_IS_TOP_LEVEL AND ergo_instrument)
  add_compile_options(${ergo_instrument})
  add_link_options(${ergo_instrument})
endif()

# What decodes bytes of strangers has no arithmetic that wraps around or loses bits, but where integer-checks.txt says
# that it is meant; and `integer` finds what `undefined` cannot, because unsigned arithmetic is defined.
function(ergo_check_integers target)
  if(TARGET ${target} AND ERGO_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    set(list "${PROJECT_SOURCE_DIR}/cmake/integer-checks.txt")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${list}")
    # ccache sees the name of the file, not what is in it.
    file(SHA1 "${list}" contents)
    set(copy "${PROJECT_BINARY_DIR}/integer-checks-${contents}.txt")
    configure_file("${list}" "${copy}" COPYONLY)
    target_compile_options(${target} PRIVATE -fsanitize=integer -fno-sanitize-recover=integer
      "-fsanitize-ignorelist=${copy}")
  endif()
endfunction()

# ----- hardening ----------------------------------------------------------------------------------------------------

if(ERGO_HARDENING)
  check_pie_supported(LANGUAGES CXX)
  if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_POSITION_INDEPENDENT_CODE)
    # Programs become PIE, and the static libraries fit into PIE programs and shared objects alike.
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  endif()
  target_compile_options(ergo_build_flags INTERFACE -fstack-protector-strong -fno-semantic-interposition)
  foreach(flag IN ITEMS -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER "ergo_has${flag}" has)
    check_cxx_compiler_flag(${flag} ${has})
    if(${has})
      target_compile_options(ergo_build_flags INTERFACE ${flag})
    endif()
  endforeach()
  # FORTIFY needs an optimised build, and sanitizers check the same calls better.
  string(TOUPPER "${CMAKE_BUILD_TYPE}" ergo_config)
  if(NOT ergo_instrument AND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${ergo_config}}" MATCHES "-O[123sz]")
    target_compile_options(ergo_build_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  target_link_options(ergo_build_flags INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

# ----- linker -------------------------------------------------------------------------------------------------------

if(PROJECT_IS_TOP_LEVEL)
  foreach(linker IN ITEMS mold lld-19 lld)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND linker STREQUAL "lld-19")
      continue() # GCC knows its linkers by their plain names only
    endif()
    string(MAKE_C_IDENTIFIER "ergo_has_${linker}" has)
    check_linker_flag(CXX -fuse-ld=${linker} ${has})
    if(${has})
      add_link_options(-fuse-ld=${linker})
      break()
    endif()
  endforeach()
endif()
