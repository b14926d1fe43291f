// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A network's weights as a table, from which it is built. Where weights lie and what is added to
// them are questions about rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "twill/engine/kept_matrix.h"
#include "twill/engine/lora.h"
#include "twill/engine/weights.h"

namespace twill::engine {

struct TensorRow {
  std::string name;  // upstream's, without prefix
  std::vector<std::int64_t> shape;
  at::ScalarType dtype = at::kFloat;  // that the network takes it in
  std::int32_t layer = kNoLayer;      // counted through all stacks
  // A matrix [rows, columns] that products are made with: it may be kept as its file has it.
  bool is_product = false;

  static constexpr std::int32_t kNoLayer = -1;  // used before or after all layers

  std::int64_t bytes() const;
};

class WeightTable {
 public:
  explicit WeightTable(std::vector<TensorRow> rows);

  const std::vector<TensorRow>& rows() const { return rows_; }
  bool contains(std::string_view name) const { return index_.find(name) != index_.end(); }
  // A name that is not in the table is a bug.
  std::size_t index_of(std::string_view name) const;
  std::int64_t bytes() const;  // of all rows

 private:
  std::vector<TensorRow> rows_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

// Bytes of what TableReader makes of a row, by the headers alone.
std::int64_t kept_bytes(const TensorRow& row, const Weights& weights, std::span<const Lora> loras);

// Reads the tensors of a table, each once.
class TableReader {
 public:
  // All outlive the reader, but `device`. loras: fitted to this table, merged in their order.
  TableReader(const Weights& weights, const WeightTable& table, at::Device device,
              std::span<const Lora> loras = {})
      : weights_(weights),
        table_(table),
        device_(device),
        loras_(loras),
        taken_(table.rows().size()) {}

  bool has(std::string_view name) const { return table_.contains(name); }
  // On the device, with the row's sizes and dtype. What LoRAs add is added in fp32 and rounded
  // once. Throws Error(kFile) as Weights::get().
  at::Tensor take(const std::string& name);
  // The same of a product's matrix, kept as its file has it where that is smaller; LoRAs of low
  // rank stand beside it then.
  KeptMatrix take_product(const std::string& name);
  // For the end of loading: no row was forgotten, which is a bug, and no tensor of the file is left
  // over, as Weights::check_all_used() says.
  void finish(std::string_view network) const;

 private:
  const TensorRow& take_row(const std::string& name);

  const Weights& weights_;
  const WeightTable& table_;
  at::Device device_;
  std::span<const Lora> loras_;
  std::vector<bool> taken_;
};

}  // namespace twill::engine
