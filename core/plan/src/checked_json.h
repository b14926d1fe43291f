// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON text -> nlohmann's tree, with limits that hold while it is read: depth, number of values, no
// key twice.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace twill {

// Throws Error(kFile) naming the file and the line and column, or the path, of the trouble.
nlohmann::json parse_checked_json(std::string_view text, const std::string& file_name);

}  // namespace twill
