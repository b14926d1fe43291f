# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# twill::build_flags: warnings and sanitizers, for our own targets only.
add_library(twill_build_flags INTERFACE)
add_library(twill::build_flags ALIAS twill_build_flags)
target_compile_options(twill_build_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wno-missing-field-initializers>)
# GCC 12 sees overlapping copies in "literal" + std::string where there are none: https://gcc.gnu.org/PR105651
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(twill_build_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(TWILL_WARNINGS_AS_ERRORS)
  target_compile_options(twill_build_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(TWILL_SANITIZE)
  target_compile_options(twill_build_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined;-fno-sanitize-recover=undefined;-fno-omit-frame-pointer>)
  target_link_options(twill_build_flags INTERFACE -fsanitize=address,undefined)
endif()
if(TWILL_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "TWILL_FUZZ needs Clang for its libFuzzer; ${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  target_compile_options(twill_build_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link>)
endif()

# ccache is used where it is installed, unless another launcher was asked for.
if(NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(TWILL_CCACHE ccache)
  if(TWILL_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${TWILL_CCACHE}")
    set(CMAKE_CUDA_COMPILER_LAUNCHER "${TWILL_CCACHE}")
  endif()
endif()
# GCC writes the text of a precompiled header into each preprocessed file with this flag, which ccache needs to tell them apart.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(twill_build_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
