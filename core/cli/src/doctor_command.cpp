// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
#include "exit_codes.h"
#include "twill/jobs/doctor.h"

namespace twill::cli {
namespace {

std::string describe(const jobs::DoctorReport& report) {
  std::size_t width = 0;
  for (const auto& fact : report.facts) {
    width = std::max(width, fact.first.size());
  }
  std::string text;
  for (const auto& [name, value] : report.facts) {
    text += concat(name, std::string(width - name.size() + 2, ' '), value, "\n");
  }
  for (const auto& [what, list] : {std::pair{"kernel", &report.kernels},
                                   {"model", &report.models},
                                   {"plan", &report.presets},
                                   {"folder", &report.write_access}}) {
    for (const jobs::Examined& examined : *list) {
      text += concat(what, " ", examined.name, ": ",
                     examined.why_not.empty() ? "ok" : examined.why_not, "\n");
    }
  }
  for (const std::string& sentence : report.missing) {
    text += concat("missing: ", sentence, "\n");
  }
  for (const std::string& sentence : report.problems) {
    text += concat("wrong: ", sentence, "\n");
  }
  return text;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand(
      "doctor", "what this build and machine can do, what is missing and what is wrong");
  verb->callback([&context] {
    context.run = [](Context& at_run) {
      const jobs::DoctorReport report = jobs::examine();
      at_run.print(describe(report), to_json(report));
      at_run.exit_code = report.problems.empty() ? kExitFinished : kExitFailed;
    };
  });
}

}  // namespace twill::cli
