// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What parses as a plan or profile writes and reads back the same, and compiles.
#include "fuzz.h"
#include "twill/plan/compile.h"
#include "twill/plan/plan_io.h"

namespace {

using twill::fuzz::demand;

void try_plan(std::string_view text) {
  const twill::Plan plan = twill::parse_plan(text, "fuzz.json");
  const std::string written = twill::plan_to_json(plan);
  demand(twill::plan_to_json(twill::parse_plan(written, "again.json")) == written,
         "a plan that parses does not write and read back the same");
  const twill::TokenLayout layout{.prefix = 1, .frames = 3, .rows = 7, .cols = 9, .suffix = 2};
  const twill::CompiledPlan compiled(plan, layout, 1);
  for (std::int32_t segment = 0; segment < std::ssize(plan.segments); ++segment) {
    const double density = compiled.density(segment, 0);
    demand(density >= 0.0 && density <= 1.0, "a density outside 0..1");
  }
}

void try_profile(std::string_view text) {
  const std::string written = twill::profile_to_json(twill::parse_profile(text, "fuzz.json"));
  demand(twill::profile_to_json(twill::parse_profile(written, "again.json")) == written,
         "a profile that parses does not write and read back the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = twill::fuzz::text_of(data, size);
  twill::fuzz::read_or_refuse([&] { try_plan(text); });
  twill::fuzz::read_or_refuse([&] { try_profile(text); });
  return 0;
}
