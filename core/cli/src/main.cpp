// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_codes.h"
#include "stop_on_signal.h"

namespace {

using namespace twill;

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped (Ctrl-C). Messages and progress go "
    "to stderr.";

// CLI11's texts may have several lines; the first says what is wrong.
int report(const cli::Context& context, const std::string& text, int code) {
  const std::string line = text.substr(0, text.find('\n'));
  std::fprintf(stderr, "twill: %s\n", line.c_str());
  if (context.json) {
    std::printf("%s\n", nlohmann::json{{"error", line}, {"exit_code", code}}.dump().c_str());
  }
  return code;
}

int run(int argc, char** argv) {
  cli::StopOnSignal signals;
  cli::Context context;
  CLI::App app(
      "Sparse attention plans for video diffusion transformers: find them, run them, measure them.",
      "twill");
  app.footer(kFooter);
  app.set_version_flag("--version", TWILL_VERSION);
  app.add_flag("--json", context.json, "results as one JSON object on stdout");
  app.add_flag("--quiet", context.quiet, "no progress");
  app.fallthrough();
  app.require_subcommand(1);
  cli::add_generate(app, context);
  cli::add_search(app, context);
  cli::add_evaluate(app, context);
  cli::add_plan(app, context);
  cli::add_report(app, context);
  cli::add_bench(app, context);
  cli::add_doctor(app, context);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      return app.exit(error);  // --help and --version
    }
    // CLI11 asks for a verb before it looks at words that it does not know.
    const std::vector<std::string> unknown = app.remaining(true);
    const bool no_verb = app.get_subcommands().empty() && !unknown.empty();
    return report(
        context,
        no_verb ? concat("no verb \"", unknown.front(), "\"; see twill --help") : error.what(),
        cli::kExitUsage);
  } catch (const Error& error) {
    return report(context, error.what(), cli::exit_code(error.code()));
  }

  cli::ProgressDisplay display(context.quiet);
  context.control.progress = [&](const jobs::Progress& progress) { display.show(progress); };
  context.control.note = [&](const std::string& text) { display.note(text); };
  context.control.stop = signals.token();
  const jobs::Outcome outcome = jobs::run_job([&] { context.run(context); });
  display.finish();
  switch (outcome.kind) {
    case jobs::OutcomeKind::kFinished:
      return context.exit_code;
    case jobs::OutcomeKind::kCancelled:
      return report(context, "stopped", cli::kExitCancelled);
    case jobs::OutcomeKind::kFailed:
      return report(context, outcome.text, cli::exit_code(outcome.code));
  }
  return cli::kExitFailed;
}

}  // namespace

int main(int argc, char** argv) { return run(argc, argv); }
