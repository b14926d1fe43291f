// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The values that a search keeps (twill/search/kept_values.h), as trees of JSON.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "json.h"
#include "twill/search/kept_values.h"

namespace twill::jobs {

class KeptValues : public search::KeptValues {
 public:
  using search::KeptValues::KeptValues;

  std::optional<json> get(const std::string& key) const;
  void put(const std::string& key, const json& value) const;
};

}  // namespace twill::jobs
