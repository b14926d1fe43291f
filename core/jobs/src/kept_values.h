// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What was measured and can be measured again, kept in a folder: each value in a file of its own,
// so that processes that share the folder lose none of each other's. The ComfyUI nodes have the
// same folders (twill_nodes/search/kept.py).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "json.h"

namespace twill::jobs {

class KeptValues {
 public:
  // The folder is made with the first value.
  explicit KeptValues(std::filesystem::path folder);

  // Nothing where no value of this very key is kept whole, whatever else lies there.
  std::optional<json> get(const std::string& key) const;
  // Throws Error(kSystem) naming what cannot be written; what was kept is then as it was.
  void put(const std::string& key, const json& value) const;
  // The finite number that is kept, else the one that `measure` gives, which is then kept.
  double number_or(const std::string& key, const std::function<double()>& measure) const;

  // "<hash of the key>.json": {"key": ..., "value": ...}.
  std::filesystem::path file_of(const std::string& key) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace twill::jobs
