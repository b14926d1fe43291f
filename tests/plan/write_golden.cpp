// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// write_golden FOLDER: the golden files of all schema versions. By hand, once for a new version;
// those of older ones are not kept from it.
#include <cstdio>
#include <filesystem>

#include "plan/sample_plans.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

int main(int count, char** values) {
  if (count != 2) {
    std::fprintf(stderr, "write_golden FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder = values[1];
  try {
    twill::write_plan(folder / "small-1.0.json", twill::test::small_plan());
    twill::write_plan(folder / "full-1.0.json", twill::test::full_plan());
    twill::write_profile(folder / "profile-1.0.json", twill::test::full_profile());
    twill::write_plan(folder / "solved-1.1.json", twill::test::solved_plan());
    twill::write_profile(folder / "measured-1.1.json", twill::test::measured_profile());
    twill::write_plan(folder / "precise-1.2.json", twill::test::precise_plan());
    twill::write_profile(folder / "precise-profile-1.2.json", twill::test::precise_profile());
    twill::Plan newer = twill::test::small_plan();
    newer.schema_minor = 7;
    newer.newer_fields = {{"licence", R"({"name":"a field that 1.0 does not know"})"}};
    twill::write_plan(folder / "newer-1.7.json", newer);
  } catch (const twill::Error& error) {
    std::fprintf(stderr, "write_golden: %s\n", error.what());
    return 1;
  }
  return 0;
}
