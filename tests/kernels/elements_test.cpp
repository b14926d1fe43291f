// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "elements.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace twill::kernels {
namespace {

// Every 16-bit pattern, read by the definition of the format.
double by_definition(std::uint16_t bits, int exponent_bits, int mantissa_bits) {
  const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
  const double mantissa = bits & ((1 << mantissa_bits) - 1);
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa != 0.0 ? std::numeric_limits<double>::quiet_NaN()
                           : sign * std::numeric_limits<double>::infinity();
  }
  return exponent == 0
             ? sign * std::ldexp(mantissa, 1 - bias - mantissa_bits)
             : sign * std::ldexp(1.0 + std::ldexp(mantissa, -mantissa_bits), exponent - bias);
}

template <typename Element>
void check_all_patterns(int exponent_bits, int mantissa_bits) {
  double previous = 0.0;
  for (std::uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
    const Element element{static_cast<std::uint16_t>(pattern)};
    const double exact = by_definition(element.bits, exponent_bits, mantissa_bits);
    const float value = to_float(element);
    Element back;
    from_float(value, back);
    if (std::isnan(exact)) {
      ASSERT_TRUE(std::isnan(value) && std::isnan(to_float(back))) << pattern;
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), exact) << pattern;
    ASSERT_EQ(back.bits, element.bits) << pattern;
    // Halfway between two neighbours the even one wins; a little off it, the nearer.
    if (pattern > 0 && pattern < 0x8000 && std::isfinite(exact)) {
      const auto half = static_cast<float>(0.5 * (previous + exact));
      const auto rounded = [](float x) {
        Element to;
        from_float(x, to);
        return static_cast<std::uint32_t>(to.bits);
      };
      ASSERT_EQ(rounded(half), pattern % 2 == 0 ? pattern : pattern - 1) << pattern;
      ASSERT_EQ(rounded(std::nextafter(half, std::numeric_limits<float>::infinity())), pattern);
      ASSERT_EQ(rounded(std::nextafter(half, -1.0f)), pattern - 1);
      ASSERT_EQ(rounded(-half), 0x8000 + (pattern % 2 == 0 ? pattern : pattern - 1));
    }
    previous = exact;
  }
}

TEST(Elements, Bf16IsReadAndRoundedByItsDefinition) { check_all_patterns<Bf16>(8, 7); }
TEST(Elements, F16IsReadAndRoundedByItsDefinition) { check_all_patterns<F16>(5, 10); }

TEST(Elements, WhatIsTooLargeBecomesInfinity) {
  F16 half;
  from_float(65519.99f, half);
  EXPECT_EQ(half.bits, 0x7bff);
  from_float(65520.0f, half);
  EXPECT_EQ(half.bits, 0x7c00);
  from_float(-1e30f, half);
  EXPECT_EQ(half.bits, 0xfc00);
  Bf16 brain;
  from_float(std::numeric_limits<float>::max(), brain);
  EXPECT_EQ(brain.bits, 0x7f80);
}

}  // namespace
}  // namespace twill::kernels
