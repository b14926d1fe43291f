// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A LoRA file, fitted to the table of a network's weights. Merging a weight W [out, in, ...] gives
// W + strength * scale * up @ down + strength * diff; scale is alpha / rank, and 1 where the file
// says no alpha.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "twill/engine/kept_matrix.h"
#include "twill/engine/weights.h"
#include "twill/plan/lora_choice.h"

namespace twill::engine {

class WeightTable;

class Lora {
 public:
  // Reads the header only. original_name: a tensor's name as diffusers has it -> the table's.
  // Throws Error(kFile) for a file that holds no LoRA, half of a pair or two changes of one kind
  // for one weight; Error(kModel) where nothing fits the table, or naming both shapes where one
  // does not fit; Error(kUnsupported) naming a kind that is not merged.
  Lora(const LoraChoice& choice, const WeightTable& table,
       const std::function<std::string(std::string_view)>& original_name);

  void set_stop(std::stop_token stop) { weights_.set_stop(std::move(stop)); }

  // Whether merge() would change the table's tensor of that name.
  bool changes(std::string_view name) const {
    return strength_ != 0.0 && changes_.find(name) != changes_.end();
  }
  // Changes the tensor of that name in place: fp32, on the CPU, of the table's shape. Throws
  // Error(kFile) naming a tensor of the file that holds what is not finite; Cancelled.
  void merge(std::string_view name, at::Tensor& weight) const;

  // What merge() would add to a matrix of those sizes, where that is of low rank; else nothing.
  // Throws as merge().
  std::optional<LowRank> low_rank(std::string_view name, at::IntArrayRef sizes) const;
  // Bytes of its factors; empty where there is nothing.
  std::optional<std::int64_t> low_rank_bytes(std::string_view name) const;

  // "x.safetensors: 12 of 360 tensors fit nothing in this network, the first is ...", for people;
  // empty where all fit.
  const std::string& note() const { return note_; }
  // Throws Error(kFile) when the file was written to since it was opened.
  void check_unchanged() const { weights_.check_unchanged(); }

 private:
  // Names of the file's tensors that change one of the table's; empty where it has none.
  struct Change {
    std::string module;  // as the file names it
    std::string down, up, alpha, diff, set;
    std::optional<double> scale;  // of down and up, by the header
  };
  class Fitting;

  const Change* low_rank_change(std::string_view name) const;
  at::Tensor read(const std::string& name, at::IntArrayRef sizes,
                  at::ScalarType dtype = at::kFloat) const;
  double scale_of(const Change& change) const;

  Weights weights_;
  double strength_ = 1.0;
  std::map<std::string, Change, std::less<>> changes_;  // by the table's names
  std::string note_;
};

}  // namespace twill::engine
