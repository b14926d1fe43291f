// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tensors of safetensors files, read where they lie (memory-mapped, nothing is copied before it is
// asked for).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twill::engine {

// One model's tensors. A leading "model.diffusion_model.", "diffusion_model." or "model." of a name
// is dropped.
class Weights {
 public:
  // A .safetensors file, or a .safetensors.index.json whose shards lie beside it. Throws
  // Error(kFile) naming the file, and the tensor and the value where there is one.
  static Weights open(const std::filesystem::path& file);
  // Several files that hold one model; a name may stand in one of them only.
  static Weights open(const std::vector<std::filesystem::path>& files);

  // Reading from a slow disk takes long: once a stop is asked for, copies throw Cancelled.
  void set_stop(std::stop_token stop) { stop_ = std::move(stop); }

  const std::string& source() const {
    return source_;
  }  // for messages: the file, or the first of several
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::vector<std::string> names() const;  // sorted
  bool contains(std::string_view name) const;

  // Sizes and dtype as stored. Throw Error(kFile) when the tensor is missing.
  const std::vector<std::int64_t>& shape(std::string_view name) const;
  at::ScalarType dtype(std::string_view name) const;
  // A view of the mapped file where alignment allows; it keeps the mapping alive and must not be
  // written to.
  at::Tensor get(std::string_view name) const;
  // A copy in `dtype` after a check of its sizes. Throws Cancelled as set_stop() says.
  at::Tensor get(std::string_view name, at::IntArrayRef sizes, at::ScalarType dtype) const;

 private:
  struct File;
  struct Entry {
    std::shared_ptr<const File> file;
    at::ScalarType dtype = at::kFloat;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;  // bytes from the start of the file
    std::uint64_t end = 0;
  };

  const Entry& entry(std::string_view name) const;
  void add_file(const std::filesystem::path& file);

  std::string source_;
  std::stop_token stop_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, std::string> metadata_;
};

// Writes to a temporary file beside `file`, then renames.
void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace twill::engine
