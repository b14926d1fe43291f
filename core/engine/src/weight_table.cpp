// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/weight_table.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

#include "twill/plan/error.h"

namespace twill::engine {

std::int64_t TensorRow::bytes() const {
  return c10::multiply_integers(shape) * static_cast<std::int64_t>(c10::elementSize(dtype));
}

WeightTable::WeightTable(std::vector<TensorRow> rows) : rows_(std::move(rows)) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    TWILL_ASSERT(index_.emplace(rows_[i].name, i).second);
  }
}

std::size_t WeightTable::index_of(std::string_view name) const {
  const auto found = index_.find(name);
  TWILL_ASSERT(found != index_.end());
  return found->second;
}

std::int64_t WeightTable::bytes() const {
  std::int64_t sum = 0;
  for (const TensorRow& row : rows_) {
    sum += row.bytes();
  }
  return sum;
}

namespace {

bool is_changed(const TensorRow& row, std::span<const Lora> loras) {
  return std::ranges::any_of(loras, [&](const Lora& lora) { return lora.changes(row.name); });
}

// Bytes of the factors of all LoRAs that change it; nothing where one is of another kind.
std::optional<std::int64_t> factor_bytes(const TensorRow& row, std::span<const Lora> loras) {
  std::int64_t sum = 0;
  for (const Lora& lora : loras) {
    if (lora.changes(row.name)) {
      const std::optional<std::int64_t> bytes = lora.low_rank_bytes(row.name);
      if (!bytes) {
        return std::nullopt;
      }
      sum += *bytes;
    }
  }
  return sum;
}

}  // namespace

std::int64_t kept_bytes(const TensorRow& row, const Weights& weights, std::span<const Lora> loras) {
  const std::optional<std::int64_t> factors = factor_bytes(row, loras);
  if (!row.is_product || !factors) {
    return row.bytes();
  }
  const std::int64_t stored = weights.stored_bytes(row.name, row.shape, row.dtype);
  return std::min(row.bytes(), stored + *factors);
}

const TensorRow& TableReader::take_row(const std::string& name) {
  const std::size_t index = table_.index_of(name);
  TWILL_ASSERT(!taken_[index]);
  taken_[index] = true;
  return table_.rows()[index];
}

at::Tensor TableReader::take(const std::string& name) {
  const TensorRow& row = take_row(name);
  if (!is_changed(row, loras_)) {
    return weights_.get(row.name, row.shape, row.dtype).to(device_);
  }
  at::Tensor weight = weights_.get(row.name, row.shape, at::kFloat);
  for (const Lora& lora : loras_) {
    if (lora.changes(row.name) && !weight.is_meta()) {
      lora.merge(row.name, weight);
    }
  }
  return weight.to(row.dtype).to(device_);
}

KeptMatrix TableReader::take_product(const std::string& name) {
  const TensorRow& row = table_.rows()[table_.index_of(name)];
  TWILL_ASSERT(row.is_product && row.shape.size() == 2);
  std::optional<KeptMatrix> stored;
  if (kept_bytes(row, weights_, loras_) < row.bytes()) {
    stored = weights_.get_stored(row.name, row.shape, row.dtype);
  }
  if (!stored) {
    return {.rows = row.shape[0], .columns = row.shape[1], .values = take(name)};
  }
  take_row(name);
  for (const Lora& lora : loras_) {
    if (lora.changes(row.name) && !stored->values.is_meta()) {
      stored->added.push_back(*lora.low_rank(row.name, row.shape));
    }
  }
  stored->for_each_tensor([&](at::Tensor& tensor) { tensor = tensor.to(device_); });
  return std::move(*stored);
}

void TableReader::finish(std::string_view network) const {
  TWILL_ASSERT(std::ranges::all_of(taken_, [](bool taken) { return taken; }));
  weights_.check_all_used(network);
  std::ranges::for_each(loras_, [](const Lora& lora) { lora.check_unchanged(); });
}

}  // namespace twill::engine
