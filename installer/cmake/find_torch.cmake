# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0

# LibTorch as the imported target `torch`, from -DTWILL_TORCH_ROOT=... or from the PyTorch wheel of the Python in use.
# PyTorch's own package configuration is not used: for a wheel with CUDA it insists on a toolkit, and its enable_language(CUDA)
# with C++20 fails under CMake 3.25, though the headers and libraries used here need neither.
# Sets TWILL_TORCH_FOUND, TWILL_TORCH_ROOT, TORCH_LIBRARIES.
set(TWILL_TORCH_FOUND FALSE)
if(NOT TWILL_TORCH_ROOT AND Python3_EXECUTABLE)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
            "import importlib.util as u, pathlib; print(pathlib.Path(u.find_spec('torch').origin).parent)"
    OUTPUT_VARIABLE TWILL_TORCH_WHEEL OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(TWILL_TORCH_ROOT "${TWILL_TORCH_WHEEL}")
endif()

find_library(TWILL_TORCH_CPU_LIBRARY torch_cpu PATHS "${TWILL_TORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_library(TWILL_C10_LIBRARY c10 PATHS "${TWILL_TORCH_ROOT}/lib" NO_DEFAULT_PATH)
if(TWILL_TORCH_CPU_LIBRARY AND TWILL_C10_LIBRARY AND EXISTS "${TWILL_TORCH_ROOT}/include/ATen/ATen.h")
  set(TWILL_TORCH_FOUND TRUE)
  add_library(torch INTERFACE IMPORTED)
  target_include_directories(torch INTERFACE "${TWILL_TORCH_ROOT}/include"
                                             "${TWILL_TORCH_ROOT}/include/torch/csrc/api/include")
  target_link_libraries(torch INTERFACE "${TWILL_TORCH_CPU_LIBRARY}" "${TWILL_C10_LIBRARY}" Threads::Threads)
  # at::parallel_for is a serial loop without OpenMP. The wheel brings a libgomp of its own; linking the compiler's beside it
  # would leave to chance which of the two is loaded. Clang's OpenMP speaks to another library: its builds do without.
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(STATUS "Clang: at::parallel_for is serial")
  elseif(EXISTS "${TWILL_TORCH_ROOT}/lib/libgomp.so.1")
    target_compile_options(torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
    target_link_libraries(torch INTERFACE "${TWILL_TORCH_ROOT}/lib/libgomp.so.1")
  else()
    find_package(OpenMP COMPONENTS CXX QUIET)
    target_link_libraries(torch INTERFACE $<TARGET_NAME_IF_EXISTS:OpenMP::OpenMP_CXX>)
  endif()
  # The CUDA backend registers itself when its library is loaded; nothing refers to it, so the linker must not drop it.
  find_library(TWILL_TORCH_CUDA_LIBRARY torch_cuda PATHS "${TWILL_TORCH_ROOT}/lib" NO_DEFAULT_PATH)
  if(TWILL_TORCH_CUDA_LIBRARY)
    target_link_options(torch INTERFACE "LINKER:--push-state,--no-as-needed" "${TWILL_TORCH_CUDA_LIBRARY}"
                                        "LINKER:--pop-state" "LINKER:--allow-shlib-undefined")
  endif()
  set(TORCH_LIBRARIES torch)
endif()
