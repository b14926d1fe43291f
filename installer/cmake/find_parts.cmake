# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Looks for what each optional part needs and sets TWILL_HAS_<PART>. Nothing is downloaded.
set(TWILL_PARTS_SUMMARY "")

# After the search for a part: ON and not found fails, AUTO and not found says what is left out.
function(twill_decide part found reason)
  set(has FALSE)
  if(NOT TWILL_${part} STREQUAL "OFF")
    if(found)
      set(has TRUE)
    elseif(TWILL_${part} STREQUAL "ON")
      message(FATAL_ERROR "TWILL_${part}=ON but ${reason}")
    else()
      message(STATUS "TWILL_${part}: left out, ${reason}")
    endif()
  endif()
  set(TWILL_HAS_${part} ${has} PARENT_SCOPE)
endfunction()

find_package(nlohmann_json 3.11 REQUIRED)
find_package(Threads REQUIRED)
find_package(Python3 COMPONENTS Interpreter Development.Module)

if(NOT TWILL_TORCH STREQUAL "OFF")
  # Torch_DIR can be given; else the wheel of the Python in use answers.
  if(NOT Torch_DIR AND Python3_EXECUTABLE)
    execute_process(COMMAND ${Python3_EXECUTABLE} -c "import torch; print(torch.utils.cmake_prefix_path)"
                    OUTPUT_VARIABLE TWILL_TORCH_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    list(APPEND CMAKE_PREFIX_PATH "${TWILL_TORCH_PREFIX}")
  endif()
  find_package(Torch QUIET)
  find_package(CLI11 QUIET)
endif()
if(Torch_FOUND AND CLI11_FOUND)
  twill_decide(TORCH TRUE "")
elseif(Torch_FOUND)
  twill_decide(TORCH FALSE "CLI11 was not found (Debian: libcli11-dev)")
else()
  twill_decide(TORCH FALSE "LibTorch was not found (a PyTorch wheel in the Python in use, or -DTorch_DIR=...)")
endif()

if(NOT TWILL_VIDEO STREQUAL "OFF")
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(LIBAV QUIET IMPORTED_TARGET libavformat libavcodec libswscale libavutil)
  endif()
endif()
twill_decide(VIDEO "${LIBAV_FOUND}" "libavformat, libavcodec, libswscale or libavutil was not found (Debian: libav*-dev)")

if(NOT TWILL_PYTHON STREQUAL "OFF" AND Python3_EXECUTABLE)
  if(NOT pybind11_DIR)
    execute_process(COMMAND ${Python3_EXECUTABLE} -c "import pybind11; print(pybind11.get_cmake_dir())"
                    OUTPUT_VARIABLE TWILL_PYBIND11_DIR OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    list(APPEND CMAKE_PREFIX_PATH "${TWILL_PYBIND11_DIR}")
  endif()
  set(PYBIND11_FINDPYTHON ON)
  find_package(pybind11 QUIET)
endif()
twill_decide(PYTHON "${pybind11_FOUND}" "pybind11 was not found (pip install pybind11)")
