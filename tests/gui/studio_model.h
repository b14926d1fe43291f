// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A tiny model where the app looks for the demo model, with example prompts and plans for it.
#pragma once

#include <QString>
#include <QtGlobal>
#include <fstream>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "twill/plan/plan_io.h"

namespace twill::gui::tests {

inline Plan plan_of(std::int32_t layers, Pattern pattern) {
  Plan plan{.name = "test plan"};
  plan.model = {.family = "wan2.1-t2v", .stacks = {{"blocks", layers, 2}}, .head_dim = 64};
  plan.patterns = {std::move(pattern)};
  Segment segment;
  segment.heads = {std::vector<HeadPlan>(static_cast<std::size_t>(2 * layers))};
  plan.segments = {segment};
  return plan;
}

class StudioModel {
 public:
  StudioModel() {
    twill::tests::write_tiny_model(demo());
    std::ofstream(demo() / "prompts_test.txt") << "a red ball\n";
    std::ofstream(demo() / "prompts_search.txt") << "a red ball\na blue ball rolls\n";
    write_plan(folder / "plan.json", plan_of(2, mean()));
    write_plan(folder / "other.json", plan_of(3, mean()));
    std::ofstream(folder / "damaged.json") << "{\"schema\": ";
    use();
  }
  // The app looks here from now on.
  void use() const { qputenv("TWILL_PRESETS", (folder / "presets").c_str()); }
  std::filesystem::path demo() const { return folder / "presets/demo"; }
  QString path(const char* name) const { return QString::fromStdString((folder / name).string()); }

  const twill::tests::ScratchFolder folder;
};

}  // namespace twill::gui::tests
