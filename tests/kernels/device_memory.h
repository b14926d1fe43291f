// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Device memory for tests of the CUDA kernels.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace twill::kernels::testing {

inline void require_cuda(cudaError_t error) {
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
  }
}

class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t bytes) : bytes_(bytes) {
    require_cuda(cudaMalloc(&data_, bytes));
    require_cuda(cudaMemset(data_, 0xCD, bytes));  // what is not written shows
  }
  DeviceMemory(const void* from, std::size_t bytes) : DeviceMemory(bytes) {
    require_cuda(cudaMemcpy(data_, from, bytes, cudaMemcpyHostToDevice));
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() { cudaFree(data_); }

  void copy_to(void* to) const {
    require_cuda(cudaMemcpy(to, data_, bytes_, cudaMemcpyDeviceToHost));
  }
  template <typename T>
  std::vector<T> read() const {
    std::vector<T> values(bytes_ / sizeof(T));
    copy_to(values.data());
    return values;
  }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

}  // namespace twill::kernels::testing
