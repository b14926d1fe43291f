# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# cmake -DPROGRAM=... -DNAMES=Suite.name:Other.* -P check_names.cmake: fails when a name matches no test of a GoogleTest program.
string(REPLACE ":" ";" names "${NAMES}")
foreach(name IN LISTS names)
  execute_process(COMMAND ${PROGRAM} --gtest_list_tests --gtest_filter=${name} OUTPUT_VARIABLE found COMMAND_ERROR_IS_FATAL ANY)
  # Suites stand at the beginning of a line, their tests are indented.
  if(NOT found MATCHES "\n  ")
    message(SEND_ERROR "${name}: ${PROGRAM} has no such test")
  endif()
endforeach()
