// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: dense and sparse clips of a file of prompts from the same noise, compared and timed;
// report.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/report/clip_settings.h"
#include "twill/report/evaluation.h"

namespace twill::jobs {

struct EvaluateOptions {
  report::ClipSettings clip;
  std::vector<std::string> prompts;
  std::uint64_t seed = 1000;  // of the first prompt; each next prompt takes the next seed
  std::filesystem::path plan;
  bool adapt = false;         // as in GenerateOptions
  std::int64_t timed = -1;    // the first so many prompts are timed; negative: all
  report::ReportFacts facts;  // that the report tells
  std::filesystem::path out;  // report.json
  // Folder for dense.mp4, sparse.mp4 and side_by_side.png (first prompt), worst.png (side by side,
  // the prompt with the lowest PSNR) and heads.png; empty: none.
  std::filesystem::path clips;
  // Folder that keeps the rows of an unfinished evaluation and the dense clips of prompts that are
  // not timed. When it is empty, the folder is made beside `out`.
  std::filesystem::path work;
};

// Throws Error or Cancelled. A stopped evaluation goes on where it was when it is called again with
// the same options.
report::EvaluateReport evaluate(const EvaluateOptions& options, const JobControl& control);

}  // namespace twill::jobs
