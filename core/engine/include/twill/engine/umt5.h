// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// UMT5's encoder, the text side of Wan's real models. Architecture:
// https://arxiv.org/abs/2304.09151
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "twill/engine/sentence_piece.h"
#include "twill/engine/text_encoder.h"
#include "twill/engine/weight_table.h"
#include "twill/engine/weights.h"

namespace twill::engine {

// Rows that Wan's networks take of a text.
inline constexpr std::int64_t kWanTextLen = 512;

struct Umt5Config {
  std::int64_t vocabulary = 0;  // rows; a tokenizer may have fewer pieces
  std::int64_t dim = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t inner = 0;  // of all heads
  std::int64_t ffn_dim = 0;
  bool wan_names = false;  // the names of Wan's own files, else those of transformers and ComfyUI
};

// True when the header has the table of tokens that every encoder of T5's kind begins with.
bool has_token_table(const Weights& weights);
// From the names and sizes of the tensors. Throws Error(kFile) naming the tensor when the file is
// of another encoder or incomplete.
Umt5Config detect_umt5_config(const Weights& weights);
// Norms and biases in fp32, products in `dtype`; in fp16 the last product of a feed-forward is in
// fp32, for its inputs are too large, as transformers loads it.
WeightTable umt5_weights(const Umt5Config& config, at::ScalarType dtype);

class Umt5Encoder final : public TextEncoder {
 public:
  // Looks at the headers of all tensors and reads none: encode() reads a layer, runs it and frees
  // it, so that an encoder of many gigabytes needs the memory of one layer. Throws Error(kFile,
  // kUnsupported) as loading does; Error(kModel) when the tokenizer is another model's.
  Umt5Encoder(Weights weights, SentencePiece tokenizer, at::ScalarType dtype, at::Device device,
              std::int64_t text_len = kWanTextLen);

  const Umt5Config& config() const { return config_; }
  std::int64_t text_len() const { return text_len_; }
  std::int64_t text_dim() const override { return config_.dim; }
  const std::vector<std::string>* words() const override { return nullptr; }
  // [1, text_len, text_dim] fp32 on the CPU: a row for each token of the cleaned prompt and for the
  // end behind them, then zeros. Products run in the dtype, the residual stream, norms and
  // attention's scores in fp32; in fp16 what a product makes is kept within the dtype's range.
  // Results are kept, so that a prompt is encoded once. Throws Cancelled as the weights say.
  at::Tensor encode(std::string_view prompt) const override;
  std::string note(std::string_view prompt) const override;

 private:
  // With the end, which stands in the last place where a text is cut.
  std::vector<std::int64_t> tokens(std::string_view prompt, std::int64_t* cut) const;
  at::Tensor take(const std::string& name) const;
  at::Tensor run(const std::vector<std::int64_t>& ids) const;
  void attend(at::Tensor& x, std::int64_t layer, const at::Tensor& buckets) const;
  void feed_forward(at::Tensor& x, std::int64_t layer) const;

  Weights weights_;
  SentencePiece tokenizer_;
  Umt5Config config_;
  WeightTable table_;
  at::ScalarType dtype_;
  at::Device device_;
  std::int64_t text_len_;
  // By tokens: rows of the text alone.
  mutable std::mutex mutex_;
  mutable std::map<std::vector<std::int64_t>, at::Tensor> kept_;
};

}  // namespace twill::engine
