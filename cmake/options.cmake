# How everything of ours is compiled: warnings, hardening, sanitizers. One interface target, millrace_options, carries it.
include(CheckCCompilerFlag)
include(CheckPIESupported)

option(MILLRACE_HARDEN "Harden what is built: fortify, stack and control-flow protection, full RELRO" ON)
option(MILLRACE_COVERAGE "Count the lines that tests execute" OFF)
option(MILLRACE_FUZZ "Build the fuzz targets with libFuzzer (needs clang); otherwise they replay their corpus" OFF)
set(MILLRACE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")

if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
  set(CMAKE_COMPILE_WARNING_AS_ERROR ON) # a packager's way out: cmake --compile-no-warning-as-error
endif()
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, RelWithDebInfo or Release" FORCE)
endif()

set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_VISIBILITY_PRESET hidden) # only what millrace.h marks MR_API or MR_MUST is seen from outside
set(CMAKE_EXPORT_COMPILE_COMMANDS ON) # clang-tidy reads it
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)

add_library(millrace_options INTERFACE)
target_include_directories(millrace_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/sdk/include)
target_compile_definitions(millrace_options INTERFACE # programs may use all of glibc; what the SDK includes keeps to POSIX
  $<$<EQUAL:$<TARGET_PROPERTY:C_STANDARD>,17>:_GNU_SOURCE>)
target_compile_options(millrace_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef
  -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough -Wnull-dereference)

if(MILLRACE_HARDEN)
  target_compile_options(millrace_options INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3> # does nothing but warn without optimisation
    -fstack-protector-strong -fstack-clash-protection)
  foreach(flag -fcf-protection -mbranch-protection=standard) # x86; arm64
    string(MAKE_C_IDENTIFIER "MILLRACE_HAVE${flag}" have)
    check_c_compiler_flag(${flag} ${have})
    if(${have})
      target_compile_options(millrace_options INTERFACE ${flag})
    endif()
  endforeach()
  target_link_options(millrace_options INTERFACE -Wl,-z,relro,-z,now)
endif()

if(MILLRACE_SANITIZE)
  target_compile_options(millrace_options INTERFACE
    -fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(millrace_options INTERFACE -fsanitize=${MILLRACE_SANITIZE})
endif()
if(MILLRACE_FUZZ)
  target_compile_options(millrace_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(MILLRACE_COVERAGE)
  target_compile_options(millrace_options INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(millrace_options INTERFACE --coverage)
endif()
