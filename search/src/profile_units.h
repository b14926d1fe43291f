// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a profile adds up, unit by unit (one forward of one prompt at one t), and the folder that
// keeps finished units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "twill/search/profiler.h"

namespace twill::search {

// Heads run over [expert][head_index].
struct UnitSums {
  std::vector<double> error;       // [heads][candidates] sum |o - o0|^2 over rows and branches
  std::vector<double> norm;        // [heads] sum |o0|^2
  std::vector<double> gain;        // [heads] sum over branches
  std::vector<double> branches;    // [heads] how many of them
  std::vector<float> map;          // [heads][map_size][map_size] sum over branches
  std::vector<double> int8_error;  // [heads] as error, of INT8; empty where it is not measured

  UnitSums() = default;
  UnitSums(std::size_t heads, std::size_t candidates, std::size_t map_cells, bool int8);
};

using UnitKey = std::pair<std::int32_t, std::int32_t>;  // t_index, prompt

class UnitFolder {
 public:
  // Makes the folder, or checks that what it holds was measured with the same options. Throws
  // Error(kFile) naming the option that differs, Error(kSystem) when it cannot be written.
  UnitFolder(std::filesystem::path folder, const ProfilerOptions& options);

  // The finished units, of the size of `empty`. Throws Error(kFile) naming the file when one is
  // damaged.
  std::map<UnitKey, UnitSums> read_all(const UnitSums& empty) const;
  // Whole or not at all (whole_files.h).
  void write(const UnitKey& unit, const UnitSums& sums) const;

 private:
  std::filesystem::path file_of(const UnitKey& unit) const;

  std::filesystem::path folder_;
  std::int32_t times_ = 0;
  std::int32_t prompts_ = 0;
};

}  // namespace twill::search
