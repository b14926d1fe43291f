// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Small random networks under their original key names, and a temporary folder.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "expect_error.h"
#include "twill/engine/wan_vae.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"

namespace twill::engine::testing {

class TempDir {
 public:
  TempDir() {
    static std::atomic<int> count{0};
    path_ =
        std::filesystem::temp_directory_path() / concat("twill-engine-", ::getpid(), "-", count++);
    std::filesystem::create_directories(path_);
  }
  ~TempDir() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Enough levels to end a program that recurses, and far below every file's size limit.
inline std::string deep_json() { return std::string(200'000, '[') + std::string(200'000, ']'); }

using Tensors = std::map<std::string, at::Tensor>;

struct SmallDit {
  std::int64_t heads = 2;
  std::int64_t head_dim = 8;
  std::int64_t layers = 2;
  std::int64_t ffn = 24;
  std::int64_t text_dim = 6;
  std::int64_t channels = 16;        // of the latents
  std::int64_t in_channels = 0;      // 0: those of the latents
  std::int64_t image_dim = 0;        // 0: no place for an encoded picture
  std::int64_t image_positions = 0;  // 0: none
};

struct SmallClipVision {
  std::int64_t dim = 8;
  std::int64_t heads = 2;
  std::int64_t layers = 2;
  std::int64_t ffn = 12;
  std::int64_t patch = 2;
  std::int64_t grid = 3;
};

// Random weights of a Wan transformer, norms and biases included.
Tensors random_dit(const SmallDit& shape, std::uint64_t seed);
std::map<std::string, std::string> dit_metadata(const SmallDit& shape);
Tensors random_vae(std::int64_t width, std::uint64_t seed);
// Of Wan 2.2's form, whose table of weights the comparisons with diffusers judge.
Tensors random_vae22(const WanVaeConfig& config, std::uint64_t seed);
// Of the decoder of a tiny autoencoder for video, whose widths are always the same; of latents of
// 48 channels with patches of 2 x 2 pixels. Most of what it draws is within 0..1.
Tensors random_tae(std::int64_t channels, std::uint64_t seed);
// Of a CLIP vision transformer, by transformers' names.
Tensors random_clip_vision(const SmallClipVision& shape, std::uint64_t seed);
std::map<std::string, std::string> clip_vision_metadata(const SmallClipVision& shape);

// Writes the tensors to `file` and opens it.
Weights saved(const std::filesystem::path& file, const Tensors& tensors,
              const std::map<std::string, std::string>& metadata = {});

// The CPU, and a GPU, whose code is another, where there is one.
std::vector<at::Device> devices_here();

// The largest absolute difference.
double worst_difference(const at::Tensor& a, const at::Tensor& b);

}  // namespace twill::engine::testing
