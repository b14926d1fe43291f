// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What this build and machine can do, and what is missing.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace twill::jobs {

struct DoctorReport {
  std::vector<std::pair<std::string, std::string>> facts;  // "threads" -> "2"
  std::vector<std::string> missing;  // one sentence each; empty when nothing is
};

DoctorReport examine();
std::string to_json(const DoctorReport& report);

}  // namespace twill::jobs
