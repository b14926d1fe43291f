# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# twill::build_flags: warnings and sanitizers, for our own targets only.
add_library(twill_build_flags INTERFACE)
add_library(twill::build_flags ALIAS twill_build_flags)
target_compile_options(twill_build_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wno-missing-field-initializers>)
if(TWILL_SANITIZE)
  target_compile_options(twill_build_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=address,undefined;-fno-sanitize-recover=undefined;-fno-omit-frame-pointer>)
  target_link_options(twill_build_flags INTERFACE -fsanitize=address,undefined)
endif()
