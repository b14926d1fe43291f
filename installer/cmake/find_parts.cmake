# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# Looks for what each optional part needs and sets TWILL_HAS_<PART>. Nothing is downloaded.
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

find_package(Threads REQUIRED)
# The environment that installer/lib.sh makes is preferred to whatever python3 is on PATH.
if(NOT Python3_EXECUTABLE AND EXISTS "${PROJECT_SOURCE_DIR}/.venv/bin/python")
  set(Python3_EXECUTABLE "${PROJECT_SOURCE_DIR}/.venv/bin/python")
endif()
find_package(Python3 COMPONENTS Interpreter Development.Module)

# The system's, else the Python package that pyproject.toml asks for, which has the headers only.
find_package(nlohmann_json 3.11 QUIET)
if(NOT nlohmann_json_FOUND)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
            "import importlib.util as u; print(u.find_spec('nlohmann_json').submodule_search_locations[0])"
    OUTPUT_VARIABLE TWILL_JSON_PACKAGE OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT EXISTS "${TWILL_JSON_PACKAGE}/include/nlohmann/json.hpp")
    message(FATAL_ERROR "nlohmann_json 3.11 or newer was not found (Debian: nlohmann-json3-dev; or pip install nlohmann-json)")
  endif()
  add_library(nlohmann_json::nlohmann_json INTERFACE IMPORTED)
  target_include_directories(nlohmann_json::nlohmann_json INTERFACE "${TWILL_JSON_PACKAGE}/include")
endif()

set(TWILL_CUDA_FOUND FALSE)
if(NOT TWILL_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    # Each part says its own; CMake demands one to enable the language.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES "90")
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit QUIET REQUIRED)
    # CMake 3.25 does not know that nvcc 12 and later take C++20; newer ones set this themselves.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
    set(TWILL_CUDA_FOUND TRUE)
  endif()
endif()
twill_decide(CUDA "${TWILL_CUDA_FOUND}" "no CUDA compiler was found (nvcc on PATH, or -DCMAKE_CUDA_COMPILER=...)")

if(NOT TWILL_TORCH STREQUAL "OFF")
  include(${CMAKE_CURRENT_LIST_DIR}/find_torch.cmake)
  find_package(CLI11 QUIET)
  find_package(yaml-cpp QUIET)
  # 0.8 gave its target a namespace.
  set(TWILL_YAML yaml-cpp)
  if(TARGET yaml-cpp::yaml-cpp)
    set(TWILL_YAML yaml-cpp::yaml-cpp)
  endif()
endif()
if(NOT TWILL_TORCH_FOUND)
  twill_decide(TORCH FALSE "LibTorch was not found (a PyTorch wheel in the Python in use, or -DTWILL_TORCH_ROOT=...)")
elseif(NOT yaml-cpp_FOUND)
  twill_decide(TORCH FALSE "yaml-cpp was not found (Debian: libyaml-cpp-dev)")
else()
  twill_decide(TORCH "${CLI11_FOUND}" "CLI11 was not found (Debian: libcli11-dev)")
endif()

# Its .pc file would link the trainer too.
if(NOT TWILL_TEXT STREQUAL "OFF")
  find_path(TWILL_SENTENCEPIECE_HEADERS sentencepiece_processor.h)
  find_library(TWILL_SENTENCEPIECE_LIBRARY sentencepiece)
endif()
set(TWILL_SENTENCEPIECE_FOUND FALSE)
if(TWILL_SENTENCEPIECE_HEADERS AND TWILL_SENTENCEPIECE_LIBRARY)
  set(TWILL_SENTENCEPIECE_FOUND TRUE)
endif()
twill_decide(TEXT "${TWILL_SENTENCEPIECE_FOUND}"
  "SentencePiece was not found (Debian: libsentencepiece-dev), which text encoders of real models need")

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

# The app calls core/jobs, so it comes only with LibTorch.
if(NOT TWILL_GUI STREQUAL "OFF")
  find_package(Qt6 6.4 QUIET COMPONENTS Core Gui Widgets Network Svg WebSockets Test LinguistTools)
endif()
if(NOT TWILL_HAS_TORCH)
  twill_decide(GUI FALSE "it needs LibTorch")
else()
  twill_decide(GUI "${Qt6_FOUND}"
    "Qt 6.4 was not found (Debian: qt6-base-dev qt6-svg-dev qt6-websockets-dev qt6-tools-dev qt6-l10n-tools)")
endif()
