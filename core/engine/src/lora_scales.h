// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The scales that diffusers writes into the header of a LoRA file: `lora_adapter_metadata`, the
// settings of PEFT's LoraConfig as JSON, by their names or behind "transformer.".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace twill::engine {

class LoraScales {
 public:
  // None: scales stand beside the tensors, or are 1. Throws Error(kFile) naming source, field and
  // value; Error(kUnsupported) for a setting that makes something else of the factors.
  LoraScales(const std::map<std::string, std::string>& metadata, const std::string& source);

  // alpha over the rank (its root with rsLoRA), for the module of that name in the file; empty
  // where the header says nothing. place: of the tensor, for messages. Throws Error(kFile) where
  // the header says another rank.
  std::optional<double> scale_of(std::string_view module, std::int64_t rank,
                                 const std::string& place) const;

 private:
  // By modules: the name's end behind a dot, or the whole name, as PEFT looks them up.
  using Patterns = std::map<std::string, double>;
  static double value_for(std::string_view module, const Patterns& patterns, double otherwise);

  std::optional<double> alpha_;
  std::optional<double> rank_;
  Patterns alphas_;
  Patterns ranks_;
  bool root_ = false;
};

}  // namespace twill::engine
