// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_values.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <cstring>
#include <random>

#include "block_values.h"
#include "engine_support.h"
#include "gguf_elements.h"
#include "twill/engine/weight_table.h"

namespace twill::engine {
namespace {

using testing::saved;
using testing::TempDir;

constexpr std::array kBlocks{StoredNumbers::kQ8_0, StoredNumbers::kQ6_K, StoredNumbers::kQ5_K,
                             StoredNumbers::kQ4_K, StoredNumbers::kQ3_K, StoredNumbers::kQ2_K,
                             StoredNumbers::kQ5_1, StoredNumbers::kQ5_0, StoredNumbers::kQ4_1,
                             StoredNumbers::kQ4_0};

// Any bytes are a block, but an fp16 factor may be infinite or no number: those are made small.
std::vector<std::uint8_t> random_blocks(const GgmlType& type, int count) {
  std::mt19937 random(static_cast<unsigned>(type.number));
  std::vector<std::uint8_t> bytes(type.bytes * static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(random());
  }
  for (int block = 0; block < count; ++block) {
    std::uint8_t* const begin = bytes.data() + static_cast<std::size_t>(block) * type.bytes;
    // At even places, wherever the type has its factors.
    for (std::size_t at = 1; at < type.bytes; at += 2) {
      begin[at] &= 0xbf;
    }
  }
  return bytes;
}

template <typename Block>
void expect_elements(StoredNumbers numbers) {
  const GgmlType& type = *ggml_type(numbers);
  ASSERT_EQ(static_cast<std::uint64_t>(Block::kElements), type.elements) << type.name;
  ASSERT_EQ(static_cast<std::uint64_t>(Block::kBytes), type.bytes) << type.name;
  constexpr int kCount = 40;
  const std::vector<std::uint8_t> bytes = random_blocks(type, kCount);
  std::vector<float> whole(static_cast<std::size_t>(kCount) * Block::kElements);
  type.dequantise(bytes.data(), kCount, whole.data());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const float single = Block::at(bytes.data() + i / Block::kElements * Block::kBytes,
                                   static_cast<int>(i % Block::kElements));
    ASSERT_EQ(std::memcmp(&single, &whole[i], sizeof(float)), 0)
        << type.name << " " << i << ": " << single << ", " << whole[i];
  }
}

// What a thread on a GPU computes of a block is what the CPU makes of all of it.
TEST(GgufElements, AreThoseOfWholeBlocks) {
  expect_elements<elements::Q8_0>(StoredNumbers::kQ8_0);
  expect_elements<elements::Q6_K>(StoredNumbers::kQ6_K);
  expect_elements<elements::Q45_K<true>>(StoredNumbers::kQ5_K);
  expect_elements<elements::Q45_K<false>>(StoredNumbers::kQ4_K);
  expect_elements<elements::Q3_K>(StoredNumbers::kQ3_K);
  expect_elements<elements::Q2_K>(StoredNumbers::kQ2_K);
  expect_elements<elements::Nibbles<true, true>>(StoredNumbers::kQ5_1);
  expect_elements<elements::Nibbles<false, true>>(StoredNumbers::kQ5_0);
  expect_elements<elements::Nibbles<true, false>>(StoredNumbers::kQ4_1);
  expect_elements<elements::Nibbles<false, false>>(StoredNumbers::kQ4_0);
}

KeptMatrix fp8_matrix(at::ScalarType dtype, std::int64_t rows, std::int64_t columns,
                      std::int64_t scales) {
  const at::Tensor numbers = at::randn({rows, columns}).to(dtype);
  KeptMatrix kept{
      .numbers = dtype == at::kFloat8_e4m3fn ? StoredNumbers::kE4m3 : StoredNumbers::kE5m2,
      .rows = rows,
      .columns = columns,
      .values = numbers.view(at::kByte).view({-1}),
      .scaled = scales > 0};
  if (kept.scaled) {
    kept.scale = at::rand({scales}) + 0.1;
  }
  return kept;
}

KeptMatrix block_matrix(StoredNumbers numbers, std::int64_t rows, std::int64_t columns) {
  const GgmlType& type = *ggml_type(numbers);
  const std::int64_t blocks = rows * columns / static_cast<std::int64_t>(type.elements);
  std::vector<std::uint8_t> bytes = random_blocks(type, static_cast<int>(blocks));
  KeptMatrix kept{.numbers = numbers, .rows = rows, .columns = columns};
  kept.values = at::empty({std::ssize(bytes)}, at::kByte);
  std::memcpy(kept.values.mutable_data_ptr(), bytes.data(), bytes.size());
  return kept;
}

// In double, by the number.
at::Tensor exact_values(const KeptMatrix& matrix) {
  at::Tensor exact;
  if (matrix.is_plain()) {
    exact = matrix.values.to(at::kDouble);
  } else if (const GgmlType* const type = ggml_type(matrix.numbers)) {
    at::Tensor numbers = at::empty({matrix.rows, matrix.columns}, at::kFloat);
    type->dequantise(matrix.values.const_data_ptr<std::uint8_t>(),
                     numbers.numel() / static_cast<std::int64_t>(type->elements),
                     numbers.mutable_data_ptr<float>());
    exact = numbers.to(at::kDouble);
  } else {
    exact =
        matrix.values
            .view(matrix.numbers == StoredNumbers::kE4m3 ? at::kFloat8_e4m3fn : at::kFloat8_e5m2)
            .to(at::kDouble)
            .view({matrix.rows, matrix.columns});
    if (matrix.scaled) {
      exact = exact * matrix.scale.to(at::kDouble).view({-1, 1});
    }
  }
  for (const LowRank& each : matrix.added) {
    exact = exact + each.factor * each.up.to(at::kDouble).matmul(each.down.to(at::kDouble));
  }
  return exact;
}

// At most a rounding of the product of number and scale in fp32, and that to the dtype.
void expect_values(const std::vector<KeptMatrix>& matrices, at::ScalarType dtype) {
  std::vector<at::Tensor> exact;
  for (const KeptMatrix& matrix : matrices) {
    exact.push_back(exact_values(matrix));
  }
  const at::Tensor all = at::cat(exact);
  const at::Tensor values = values_of(matrices, dtype);
  ASSERT_EQ(values.sizes(), all.sizes());
  ASSERT_EQ(values.scalar_type(), dtype);
  const double unit = dtype == at::kFloat ? 0x1p-24 : dtype == at::kBFloat16 ? 0x1p-8 : 0x1p-11;
  const at::Tensor error = (values.to(at::kDouble) - all).abs();
  // A half has no number below 6e-8 and none above 65504.
  const double floor = dtype == at::kHalf ? 0x1p-25 : 0.0;
  const at::Tensor bound = all.abs() * (unit + 0x1p-23) + floor;
  EXPECT_TRUE(((error <= bound) | (all.abs() > 65000)).all().item<bool>())
      << (error - bound).max().item<double>();
}

TEST(KeptValues, AreTheStoredNumbersRoundedOnce) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    for (const at::ScalarType stored : {at::kFloat8_e4m3fn, at::kFloat8_e5m2}) {
      for (const std::int64_t scales : {0, 1, 6}) {
        expect_values({fp8_matrix(stored, 6, 40, scales)}, dtype);
      }
    }
    for (const StoredNumbers numbers : kBlocks) {
      expect_values({block_matrix(numbers, 6, 512)}, dtype);
    }
  }
}

// More than a piece of what is made at a time.
TEST(KeptValues, OfALargeMatrix) {
  expect_values({block_matrix(StoredNumbers::kQ4_K, 700, 512)}, at::kBFloat16);
}

TEST(KeptValues, OfMatricesBelowEachOther) {
  expect_values({block_matrix(StoredNumbers::kQ4_K, 2, 256),
                 fp8_matrix(at::kFloat8_e4m3fn, 3, 256, 3),
                 {.rows = 4, .columns = 256, .values = at::randn({4, 256}).to(at::kBFloat16)},
                 block_matrix(StoredNumbers::kQ6_K, 1, 256)},
                at::kBFloat16);
}

TEST(KeptValues, APlainMatrixIsGivenAsItIs) {
  const at::Tensor values = at::randn({2, 3});
  EXPECT_TRUE(values_of({{.rows = 2, .columns = 3, .values = values}}, at::kFloat).is_same(values));
}

TEST(KeptValues, PlainMatricesAreJoinedAndFp8OnesOfOneKind) {
  const KeptMatrix plain{.rows = 2, .columns = 16, .values = at::randn({2, 16})};
  const std::vector<KeptMatrix> two = joined({plain, plain});
  ASSERT_EQ(two.size(), 1U);
  EXPECT_EQ(two[0].rows, 4);
  EXPECT_TRUE(at::equal(two[0].values, at::cat({plain.values, plain.values})));
  const std::vector<KeptMatrix> fp8{fp8_matrix(at::kFloat8_e4m3fn, 2, 16, 1),
                                    fp8_matrix(at::kFloat8_e4m3fn, 2, 16, 2),
                                    fp8_matrix(at::kFloat8_e4m3fn, 2, 16, 0)};
  const std::vector<KeptMatrix> one = joined(fp8);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].scale.numel(), 6);
  EXPECT_TRUE(at::equal(values_of(one, at::kBFloat16), values_of(fp8, at::kBFloat16)));
  const std::vector<KeptMatrix> unscaled =
      joined({fp8_matrix(at::kFloat8_e5m2, 2, 16, 0), fp8_matrix(at::kFloat8_e5m2, 2, 16, 0)});
  ASSERT_EQ(unscaled.size(), 1U);
  EXPECT_FALSE(unscaled[0].scaled);
  EXPECT_EQ(joined({plain, fp8[0]}).size(), 2U);
  EXPECT_EQ(joined({fp8[0], fp8_matrix(at::kFloat8_e5m2, 2, 16, 1)}).size(), 2U);
  KeptMatrix changed = fp8[0];
  changed.added.push_back({.up = at::ones({2, 1}), .down = at::ones({1, 16})});
  EXPECT_EQ(joined({fp8[0], changed}).size(), 2U);
}

TEST(KeptValues, WhatLorasAddIsAddedInFp32AndRoundedOnce) {
  for (KeptMatrix matrix :
       {fp8_matrix(at::kFloat8_e4m3fn, 6, 256, 1), block_matrix(StoredNumbers::kQ4_K, 6, 256)}) {
    // Factors of whole sixteenths: fp32 holds every sum and product of theirs.
    for (const double factor : {0.5, -0.25}) {
      matrix.added.push_back({.up = at::randint(-8, 8, {6, 3}).to(at::kHalf) / 16,
                              .down = at::randint(-8, 8, {3, 256}).to(at::kBFloat16) / 16,
                              .factor = factor});
    }
    const at::Tensor exact = exact_values(matrix);
    const at::Tensor error = (values_of({matrix}, at::kBFloat16).to(at::kDouble) - exact).abs();
    // Two sums in fp32, of numbers as large as the matrix's own; then one rounding to bf16.
    KeptMatrix alone = matrix;
    alone.added.clear();
    const at::Tensor size = exact_values(alone).abs() + 1.0;
    EXPECT_TRUE((error <= exact.abs() * 0x1p-8 + size * 0x1p-22).all().item<bool>());
  }
}

// By the kernel, every bit as on the CPU.
TEST(KeptValues, AreTheSameOnAGpu) {
  if (!at::globalContext().hasCUDA()) {
    GTEST_SKIP() << "no CUDA device, or a LibTorch without CUDA";
  }
  const auto on_gpu = [](KeptMatrix matrix) {
    matrix.for_each_tensor([](at::Tensor& tensor) { tensor = tensor.to(at::kCUDA); });
    return matrix;
  };
  std::vector<KeptMatrix> all;
  for (const at::ScalarType stored : {at::kFloat8_e4m3fn, at::kFloat8_e5m2}) {
    for (const std::int64_t scales : {0, 1, 60}) {
      all.push_back(fp8_matrix(stored, 60, 512, scales));
    }
    // Rows that are no whole eights of numbers.
    all.push_back(fp8_matrix(stored, 3, 5, 3));
  }
  for (const StoredNumbers numbers : kBlocks) {
    all.push_back(block_matrix(numbers, 60, 512));
  }
  for (const KeptMatrix& matrix : all) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
      EXPECT_TRUE(at::equal(values_of({on_gpu(matrix)}, dtype).cpu(), values_of({matrix}, dtype)))
          << static_cast<int>(matrix.numbers) << " " << matrix.columns << " " << dtype;
    }
  }
}

constexpr const char* kRow = "blocks.0.ffn.0.weight";

// A product's matrix stays as stored where that is smaller; whatever LoRAs are merged, it is the
// sum that a reading in whole makes.
TEST(TableReader, KeepsProductsAsTheyAreStored) {
  const TempDir folder;
  const at::Tensor weight = at::randn({32, 64});
  const at::Tensor up = at::randn({32, 4}), down = at::randn({4, 64});
  const std::vector<TensorRow> rows{
      {.name = kRow, .shape = {32, 64}, .dtype = at::kBFloat16, .is_product = true}};
  const WeightTable table(rows);
  const testing::Tensors pair{{"blocks.0.ffn.0.lora_A.weight", down},
                              {"blocks.0.ffn.0.lora_B.weight", up}};
  testing::Tensors and_difference = pair;
  and_difference["blocks.0.ffn.0.diff"] = at::randn({32, 64});
  const auto lora = [&](const testing::Tensors& tensors) {
    saved(folder / "lora.safetensors", tensors);
    std::vector<Lora> loras;
    loras.emplace_back(LoraChoice{.file = folder / "lora.safetensors"}, table,
                       [](std::string_view name) { return std::string(name); });
    return loras;
  };
  struct Case {
    at::ScalarType stored;
    std::vector<Lora> loras;
    bool kept;
    std::int64_t bytes;
  };
  std::vector<Case> cases;
  cases.push_back({at::kFloat, {}, false, 2 * 32 * 64});
  cases.push_back({at::kBFloat16, {}, false, 2 * 32 * 64});
  cases.push_back({at::kFloat8_e4m3fn, {}, true, 32 * 64});
  cases.push_back({at::kFloat8_e5m2, {}, true, 32 * 64});
  cases.push_back({at::kFloat8_e4m3fn, lora(pair), true, 32 * 64 + 4 * (32 * 4 + 4 * 64)});
  cases.push_back({at::kFloat8_e4m3fn, lora(and_difference), false, 2 * 32 * 64});
  for (const Case& each : cases) {
    const Weights weights = saved(folder / "w.safetensors", {{kRow, weight.to(each.stored)}});
    EXPECT_EQ(kept_bytes(rows[0], weights, each.loras), each.bytes);
    TableReader keeping(weights, table, at::kCPU, each.loras);
    TableReader merging(weights, table, at::kCPU, each.loras);
    const KeptMatrix kept = keeping.take_product(kRow);
    EXPECT_EQ(!kept.is_plain(), each.kept);
    std::int64_t bytes = 0;
    KeptMatrix(kept).for_each_tensor(
        [&](at::Tensor& tensor) { bytes += static_cast<std::int64_t>(tensor.nbytes()); });
    EXPECT_EQ(bytes, each.bytes);
    EXPECT_TRUE(at::equal(values_of({kept}, at::kBFloat16), merging.take(kRow)));
    keeping.finish("a test");
  }
}

}  // namespace
}  // namespace twill::engine
