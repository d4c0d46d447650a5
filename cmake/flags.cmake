# Compiler and linker flags, all in one place.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(HSMGATE_WERROR "Treat warnings as errors" OFF)
set(HSMGATE_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread")
option(HSMGATE_COVERAGE "Count covered lines (gcov)" OFF)
option(HSMGATE_FUZZ "Build the libFuzzer targets (clang)" OFF)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes
  -Wformat=2 -Wundef -Wvla -Wswitch-enum -Wwrite-strings -Wpointer-arith -Wdouble-promotion
  -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wlogical-op -Wduplicated-cond -Wduplicated-branches)
endif()
if(HSMGATE_WERROR)
  add_compile_options(-Werror)
endif()

if(HSMGATE_SANITIZE)
  add_compile_options(-fsanitize=${HSMGATE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HSMGATE_SANITIZE})
endif()
if(HSMGATE_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(HSMGATE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Hundreds of test programs are linked: mold takes a third of the time. What ships is linked by the default linker.
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  include(CheckLinkerFlag)
  check_linker_flag(C -fuse-ld=mold HSMGATE_HAS_MOLD)
  if(HSMGATE_HAS_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

# assert() is for our own bugs and stays on in release: Release does not define NDEBUG.
set(CMAKE_C_FLAGS_RELEASE "-O2")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
    -fcf-protection -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
