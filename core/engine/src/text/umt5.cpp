// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/umt5.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "dit_ops.h"
#include "twill/engine/text_cleaning.h"
#include "twill/plan/error.h"
#include "umt5_names.h"

namespace twill::engine {
namespace {

constexpr std::int64_t kEnd = 1;
constexpr const char* kEndPiece = "</s>";
constexpr double kEpsilon = 1e-6;
// 512 rows of 4096 numbers are 8 MB each.
constexpr std::size_t kMostKept = 64;

// Distances up to 7 have a bucket each. Behind them 8 buckets are equally wide in the logarithm, up
// to 128: the first distance of each but the first.
constexpr std::int64_t kExact = 8;
constexpr std::int64_t kHalf = 16;
constexpr std::array<std::int64_t, 7> kFirstOfBucket{12, 16, 23, 32, 46, 64, 91};

std::int64_t bucket(std::int64_t key, std::int64_t query) {
  const std::int64_t distance = std::abs(key - query);
  const std::int64_t wide =
      kExact + std::ranges::count_if(kFirstOfBucket, [&](auto first) { return distance >= first; });
  return (distance < kExact ? distance : wide) + (key > query ? kHalf : 0);
}

// [count * count], queries first.
at::Tensor make_buckets(std::int64_t count) {
  at::Tensor buckets = at::empty({count * count}, at::kLong);
  auto* out = buckets.mutable_data_ptr<std::int64_t>();
  for (std::int64_t query = 0; query < count; ++query) {
    for (std::int64_t key = 0; key < count; ++key) {
      *out++ = bucket(key, query);
    }
  }
  return buckets;
}

// [count + 1, count + 1] to add to scores, so that the last token and the others do not see each
// other.
at::Tensor alone_behind(std::int64_t count) {
  at::Tensor mask = at::zeros({count + 1, count + 1}, at::kFloat);
  const double never = -std::numeric_limits<double>::infinity();
  mask.narrow(0, count, 1).narrow(1, 0, count).fill_(never);
  mask.narrow(1, count, 1).narrow(0, 0, count).fill_(never);
  return mask;
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, at::ScalarType dtype) {
  const at::Tensor mean = x.square().mean(-1, /*keepdim=*/true);
  return (x * (mean + kEpsilon).rsqrt() * weight).to(dtype);
}

// An infinity in one row would make a NaN of it in the next norm.
at::Tensor within_range(at::Tensor product) {
  if (product.scalar_type() == at::kHalf) {
    const double most = std::numeric_limits<c10::Half>::max();
    product.clamp_(-most, most);
  }
  return product;
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight) {
  return within_range(at::linear(x, weight));
}

}  // namespace

Umt5Encoder::Umt5Encoder(Weights weights, SentencePiece tokenizer, at::ScalarType dtype,
                         at::Device device, std::int64_t text_len)
    : weights_(std::move(weights)),
      tokenizer_(std::move(tokenizer)),
      config_(detect_umt5_config(weights_)),
      table_(umt5_weights(config_, dtype)),
      dtype_(dtype),
      device_(device),
      text_len_(text_len) {
  Weights headers = weights_;
  headers.set_headers_only();
  // Its own copy of the table, which transformers saves beside it.
  constexpr std::string_view kCopy = "encoder.embed_tokens.weight";
  if (headers.contains(kCopy)) {
    headers.get(kCopy, {config_.vocabulary, config_.dim}, at::kFloat);
  }
  TableReader reader(headers, table_, at::kMeta);
  for (const TensorRow& row : table_.rows()) {
    reader.take(row.name);
  }
  reader.finish("a UMT5 encoder");
  require(tokenizer_.size() > kEnd && tokenizer_.piece(kEnd) == kEndPiece, ErrorCode::kModel,
          tokenizer_.name(), ": piece 1 is \"",
          tokenizer_.size() > kEnd ? tokenizer_.piece(kEnd) : "", "\", not \"", kEndPiece,
          "\": it is the tokenizer of another model");
  // Rows are rounded up, never many times over: transformers saves a stand-in of 104 pieces where
  // it found no tokenizer, and the real encoder has 256,384 rows.
  require(tokenizer_.size() <= config_.vocabulary && 16 * tokenizer_.size() >= config_.vocabulary,
          ErrorCode::kModel, tokenizer_.name(), ": has ", tokenizer_.size(), " pieces, but ",
          weights_.source(), " has rows for ", config_.vocabulary);
}

Umt5Encoder::Tokens Umt5Encoder::tokens(const Prompt& prompt) const {
  Tokens tokens;
  for (const WeightedText& part : prompt.parts) {
    const std::vector<std::int64_t> ids = tokenizer_.ids(clean_prompt(part.text));
    tokens.ids.insert(tokens.ids.end(), ids.begin(), ids.end());
    tokens.weights.resize(tokens.ids.size(), part.weight);
  }
  const std::size_t kept = std::min(tokens.ids.size(), static_cast<std::size_t>(text_len_ - 1));
  tokens.cut = static_cast<std::int64_t>(tokens.ids.size() - kept);
  tokens.ids.resize(kept);
  tokens.weights.resize(kept);
  tokens.ids.push_back(kEnd);
  tokens.weights.push_back(1.0);
  return tokens;
}

std::string Umt5Encoder::note(const Prompt& prompt) const {
  const Tokens text = tokens(prompt);
  const auto kept = std::ssize(text.ids) - 1;
  return text.cut == 0 ? std::string()
                       : concat("the prompt has ", kept + text.cut, " tokens, and the last ",
                                text.cut, " were cut: the model takes ", kept);
}

at::Tensor Umt5Encoder::encode(const Prompt& prompt) const {
  TWILL_ASSERT(!device_.is_meta());
  const Tokens text = tokens(prompt);
  const auto count = std::ssize(text.ids);
  const bool with_empty = text.weights.front() != 1.0;
  const std::scoped_lock lock(mutex_);
  auto found = kept_.find({text.ids, with_empty});
  if (found == kept_.end()) {
    if (kept_.size() >= kMostKept) {
      kept_.clear();
    }
    found = kept_.emplace(std::pair(text.ids, with_empty), run(text.ids, with_empty)).first;
  }
  at::Tensor rows = at::zeros({1, text_len_, config_.dim}, at::kFloat);
  rows[0].narrow(0, 0, count).copy_(found->second.narrow(0, 0, count));
  for (std::int64_t i = 0; i < count; ++i) {
    const double weight = text.weights[static_cast<std::size_t>(i)];
    if (weight == 1.0) {
      continue;
    }
    at::Tensor row = rows[0][i];
    if (i == 0) {
      const at::Tensor empty = found->second[count];
      row.sub_(empty).mul_(weight).add_(empty);
    } else {
      row.mul_(weight);
    }
  }
  return rows;
}

at::Tensor Umt5Encoder::take(const std::string& name) const {
  const TensorRow& row = table_.rows()[table_.index_of(name)];
  return weights_.get(row.name, row.shape, row.dtype).to(device_);
}

// Only the text's own rows: rows behind it would be masked as keys, and zeros in the end.
at::Tensor Umt5Encoder::run(std::vector<std::int64_t> ids, bool with_empty) const {
  const c10::InferenceMode inference;
  Sight sight;
  if (with_empty) {
    sight.mask = alone_behind(std::ssize(ids)).to(device_);
    ids.push_back(kEnd);
  }
  sight.buckets = make_buckets(std::ssize(ids)).to(device_);
  // The table has thousands of rows for each that a text asks for.
  at::Tensor x = weights_
                     .get_rows(umt5_tokens(config_.wan_names), {config_.vocabulary, config_.dim},
                               ids, at::kFloat)
                     .to(device_);
  for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
    attend(x, layer, sight);
    feed_forward(x, layer);
  }
  const at::Tensor rows =
      rms_norm(x, take(umt5_last_norm(config_.wan_names)), at::kFloat).to(at::kCPU);
  weights_.check_unchanged();
  return rows;
}

void Umt5Encoder::attend(at::Tensor& x, std::int64_t layer, const Sight& sight) const {
  const auto weight = [&](Umt5Part part) {
    return take(umt5_name(config_.wan_names, layer, part));
  };
  const std::int64_t count = x.size(0);
  const at::Tensor normed = rms_norm(x, weight(Umt5Part::kNorm1), dtype_);
  const auto heads = [&](Umt5Part part) {
    return product(normed, weight(part))
        .to(at::kFloat)
        .view({count, config_.heads, -1})
        .transpose(0, 1);
  };
  at::Tensor bias = weight(Umt5Part::kBias)
                        .index_select(0, sight.buckets)
                        .view({count, count, config_.heads})
                        .permute({2, 0, 1});
  if (sight.mask.defined()) {
    bias = bias + sight.mask;
  }
  // T5's products are not divided by the root of the head's size.
  const at::Tensor scores =
      at::matmul(heads(Umt5Part::kQ), heads(Umt5Part::kK).transpose(1, 2)) + bias;
  const at::Tensor mixed = at::matmul(at::softmax(scores, -1), heads(Umt5Part::kV))
                               .transpose(0, 1)
                               .reshape({count, config_.inner});
  x.add_(product(within_range(mixed.to(dtype_)), weight(Umt5Part::kO)));
}

void Umt5Encoder::feed_forward(at::Tensor& x, std::int64_t layer) const {
  const auto weight = [&](Umt5Part part) {
    return take(umt5_name(config_.wan_names, layer, part));
  };
  const at::Tensor normed = rms_norm(x, weight(Umt5Part::kNorm2), dtype_);
  at::Tensor gate = product(normed, weight(Umt5Part::kGate));
  gelu_tanh_(gate);
  const at::Tensor up = product(normed, weight(Umt5Part::kUp));
  const at::Tensor down = weight(Umt5Part::kDown);
  x.add_(product(gate.to(down.scalar_type()) * up.to(down.scalar_type()), down));
}

}  // namespace twill::engine
