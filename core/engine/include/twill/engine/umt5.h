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
#include <utility>
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
  // [1, text_len, text_dim] fp32 on the CPU: a row for each token of the prompt, whose parts are
  // cleaned and cut into tokens one by one, and for the end behind them, then zeros. Products run
  // in the dtype, the residual stream, norms and attention's scores in fp32; in fp16 what a product
  // makes is kept within the dtype's range. Results are kept, so that a prompt is encoded once.
  // Weights are as ComfyUI 0.30 takes them for Wan: of an empty prompt only the end is not masked
  // to zeros, so the first row is weighted around that, and every other row is multiplied. Throws
  // Cancelled as the weights of the file say.
  at::Tensor encode(const Prompt& prompt) const override;
  std::string note(const Prompt& prompt) const override;

 private:
  struct Tokens {
    std::vector<std::int64_t> ids;  // with the end, which stands in the last place of a cut text
    std::vector<double> weights;
    std::int64_t cut = 0;
  };
  // How tokens see each other: [count * count] buckets of distances, queries first, and [count,
  // count] to add to scores, undefined where all are of one text.
  struct Sight {
    at::Tensor buckets;
    at::Tensor mask;
  };

  Tokens tokens(const Prompt& prompt) const;
  at::Tensor take(const std::string& name) const;
  // with_empty: the row of an empty text stands behind theirs, from the same pass over the file.
  at::Tensor run(std::vector<std::int64_t> ids, bool with_empty) const;
  void attend(at::Tensor& x, std::int64_t layer, const Sight& sight) const;
  void feed_forward(at::Tensor& x, std::int64_t layer) const;

  Weights weights_;
  SentencePiece tokenizer_;
  Umt5Config config_;
  WeightTable table_;
  at::ScalarType dtype_;
  at::Device device_;
  std::int64_t text_len_;
  // What run() gave.
  mutable std::mutex mutex_;
  mutable std::map<std::pair<std::vector<std::int64_t>, bool>, at::Tensor> kept_;
};

}  // namespace twill::engine
