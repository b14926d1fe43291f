// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A line for a seed of noise, 0..2^64-1; a spin box has 32 bits.
#pragma once

#include <QLineEdit>
#include <cstdint>

namespace twill::gui {

class SeedEdit : public QLineEdit {
 public:
  explicit SeedEdit(QWidget* parent);

  std::uint64_t seed() const;  // 0 while the line is empty
  void set_seed(std::uint64_t seed);
};

}  // namespace twill::gui
