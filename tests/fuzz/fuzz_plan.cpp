// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What parses as a plan or profile writes and reads back the same, and compiles; what does not is
// refused by Error.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace {

void demand(bool holds, const char* what) {
  if (!holds) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
  }
}

void try_plan(std::string_view text) {
  twill::Plan plan;
  try {
    plan = twill::parse_plan(text, "fuzz.json");
  } catch (const twill::Error& error) {
    demand(std::string_view(error.what()).find('\n') == std::string_view::npos,
           "a message of several lines");
    return;
  }
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
  try {
    const std::string written = twill::profile_to_json(twill::parse_profile(text, "fuzz.json"));
    demand(twill::profile_to_json(twill::parse_profile(written, "again.json")) == written,
           "a profile that parses does not write and read back the same");
  } catch (const twill::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_plan(text);
  try_profile(text);
  return 0;
}

namespace twill::fuzz {

std::vector<std::string> seeds() {
  std::vector<std::string> texts;
  for (const char* name :
       {"small-1.0.json", "full-1.0.json", "profile-1.0.json", "newer-1.7.json"}) {
    std::ifstream in(std::filesystem::path(TWILL_TEST_DATA) / "plan" / name, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    texts.push_back(text.str());
  }
  return texts;
}

std::vector<std::string> words() {
  return {"{",           "}",         "[",          "]",
          ",",           ":",         "\"kind\"",   "\"dense\"",
          "\"mean\"",    "\"union\"", "\"window\"", "null",
          "true",        "-1",        "1e400",      "\"tiles 4x4x4\"",
          "\"\\ud800\"", "\\u0000",   "\xff",       "18446744073709551616"};
}

}  // namespace twill::fuzz
