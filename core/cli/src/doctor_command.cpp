// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "command.h"
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
  for (const std::string& sentence : report.missing) {
    text += concat("missing: ", sentence, "\n");
  }
  return text;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("doctor", "what this build and machine can do, and what is missing");
  verb->callback([&context] {
    context.run = [](Context& at_run) {
      const jobs::DoctorReport report = jobs::examine();
      at_run.print(describe(report), to_json(report));
    };
  });
}

}  // namespace twill::cli
