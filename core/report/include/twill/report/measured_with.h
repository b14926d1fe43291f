// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a report of a measurement says of how it came about.
#pragma once

#include <map>
#include <string>

#include "twill/report/clip_settings.h"

namespace twill::report {

// What whoever asked for the measurement knows: "command", "date", "commit", "driver".
using ReportFacts = std::map<std::string, std::string>;

struct MeasuredWith {
  std::string model;  // folder name and fingerprint
  std::string device;
  std::string dtype;
  std::string twill_version;
  std::string torch_version;
  ClipSettings clip;  // with the model's defaults filled in
  ReportFacts facts;
};

}  // namespace twill::report
