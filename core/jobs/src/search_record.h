// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a search leaves beside its plan: times, which the plan itself may not hold (the same search
// gives the same plan, byte for byte).
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace twill::jobs {

// "plan.json" -> "plan.search.json".
std::filesystem::path search_record_file(const std::filesystem::path& plan);
// Nothing when there is no readable record.
std::optional<double> read_search_seconds(const std::filesystem::path& plan);

}  // namespace twill::jobs
