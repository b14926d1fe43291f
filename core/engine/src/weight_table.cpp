// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/weight_table.h"

#include <ATen/ATen.h>

#include <algorithm>

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

at::Tensor TableReader::take(const std::string& name) {
  const std::size_t index = table_.index_of(name);
  TWILL_ASSERT(!taken_[index]);
  taken_[index] = true;
  const TensorRow& row = table_.rows()[index];
  if (std::ranges::none_of(loras_, [&](const Lora& lora) { return lora.changes(row.name); })) {
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

void TableReader::finish(std::string_view network) const {
  TWILL_ASSERT(std::ranges::all_of(taken_, [](bool taken) { return taken; }));
  weights_.check_all_used(network);
  std::ranges::for_each(loras_, [](const Lora& lora) { lora.check_unchanged(); });
}

}  // namespace twill::engine
