// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// report.json of an evaluation, and what a search leaves beside its plan: numbers stay in range.
#include "fuzz.h"
#include "twill/report/evaluation.h"
#include "twill/report/search_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = twill::fuzz::text_of(data, size);
  const auto report = twill::fuzz::scratch_file("report.json", text);
  twill::fuzz::read_or_refuse([&] {
    const auto read = twill::report::read_evaluate_report(report);
    twill::fuzz::demand(!read.rows.empty(), "a report without a row");
    twill::fuzz::demand(read.density >= 0.0 && read.density <= 1.0, "a density outside 0..1");
  });
  twill::fuzz::scratch_file("plan.search.json", text);
  const auto plan = twill::fuzz::scratch_folder() / "plan.json";
  twill::fuzz::read_or_refuse([&] { twill::report::read_probes(plan); });
  twill::fuzz::read_or_refuse([&] { twill::report::read_search_seconds(plan); });
  return 0;
}
