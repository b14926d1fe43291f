// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The weight of a product as a network keeps it: in the product's dtype, or in the smaller numbers
// of its file, which are turned into that dtype where the product is made.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "twill/engine/stored_numbers.h"

namespace twill::engine {

// What a LoRA adds to a matrix [out, in]: factor * up @ down.
struct LowRank {
  at::Tensor up;    // [out, rank], in a floating-point dtype of 16 or 32 bits
  at::Tensor down;  // [rank, in], likewise
  double factor = 1.0;
};

struct KeptMatrix {
  StoredNumbers numbers = StoredNumbers::kPlain;
  std::int64_t rows = 0, columns = 0;
  // Plain: [rows, columns]. Else the file's bytes, uint8 [n].
  at::Tensor values;
  bool scaled = false;
  at::Tensor scale;  // where scaled: [1] or [rows] fp32, by which the numbers are multiplied
  std::vector<LowRank> added;  // to stored numbers only, in this order, in fp32

  bool is_plain() const { return numbers == StoredNumbers::kPlain; }

  // Its tensors, one after the other. call: void(at::Tensor&).
  template <typename Call>
  void for_each_tensor(const Call& call) {
    call(values);
    if (scaled) {
      call(scale);
    }
    for (LowRank& each : added) {
      call(each.up);
      call(each.down);
    }
  }
};

}  // namespace twill::engine
