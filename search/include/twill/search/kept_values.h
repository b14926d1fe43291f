// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What was measured and can be measured again, kept in a folder: each value in a file of its own,
// so that processes that share the folder lose none of each other's.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/plan/profile.h"

namespace twill::search {

class KeptValues {
 public:
  // The folder is made with the first value.
  explicit KeptValues(std::filesystem::path folder);

  // The value as JSON text. Nothing where no value of this very key is kept whole, whatever else
  // lies there.
  std::optional<std::string> get(const std::string& key) const;
  // value: JSON text, of ours. Throws Error(kSystem) naming what cannot be written; what was kept
  // is then as it was.
  void put(const std::string& key, std::string_view value) const;

  // Where the value is a finite number, or as many of them.
  std::optional<double> number(const std::string& key) const;
  std::optional<std::vector<double>> numbers(const std::string& key, std::size_t count) const;
  // JSON has no infinity: what is not finite is kept as null, and so is no number again.
  void put_number(const std::string& key, double value) const;
  void put_numbers(const std::string& key, const std::vector<double>& values) const;
  // The number that is kept, else the one that `measure` gives, which is then kept.
  double number_or(const std::string& key, const std::function<double()>& measure) const;

  // "<hash of the key>.json": {"key": ..., "value": ...}.
  std::filesystem::path file_of(const std::string& key) const;

 private:
  std::filesystem::path folder_;
};

// PSNR of clips by plans, in the form that all who keep them share: {"psnr_db": ...}, and beside it
// what else was measured of the clip. null: equal clips.
std::optional<double> kept_psnr_db(const KeptValues& kept, const std::string& key);
void keep_psnr_db(const KeptValues& kept, const std::string& key, double psnr_db);

// Times of candidates: {"device": ..., "kernel": ..., "milliseconds": [...]}. Nothing where the
// kept ones are of another number of candidates, or are no times.
std::optional<CostTable> kept_costs(const KeptValues& kept, const std::string& key,
                                    const TokenLayout& layout, std::size_t candidates);
void keep_costs(const KeptValues& kept, const std::string& key, const CostTable& table);

// Seconds that each unit of work took, kept: those of stopped runs count too. Several processes may
// share a folder; a unit that two of them made counts once.
class KeptSeconds {
 public:
  explicit KeptSeconds(KeptValues kept) : kept_(std::move(kept)) {}
  void add(const std::string& unit, double seconds);  // of a unit that was made here
  void count(const std::string& unit);                // of one that was there already
  double total() const;
  double elsewhere() const;  // of it, what other processes spent

 private:
  static std::string key_of(const std::string& unit);

  KeptValues kept_;
  std::map<std::string, double> here_, elsewhere_;
};

}  // namespace twill::search
