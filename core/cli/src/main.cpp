// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "command.h"
#include "exit_codes.h"
#include "report_facts.h"
#include "stop_on_signal.h"
#include "twill/jobs/reproducible.h"
#include "twill/plan/json_dump.h"

namespace {

using namespace twill;

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped (Ctrl-C). Messages and progress go "
    "to stderr.";

// One line on stderr, and with --json an object on stdout.
int tell(bool as_json, const std::string& text, int code) {
  std::fprintf(stderr, "twill: %s\n", text.c_str());
  if (as_json) {
    std::printf("%s\n", json_dump(nlohmann::json{{"error", text}, {"exit_code", code}}).c_str());
  }
  return code;
}

// CLI11 reads flags only after it has found every word in order, so a failure before that asks
// here.
bool asks_for_json(int argc, char** argv) {
  const auto arguments = std::span(argv, static_cast<std::size_t>(argc));
  return std::ranges::any_of(arguments, [](std::string_view word) { return word == "--json"; });
}

// CLI11's texts may have several lines; the first says what is wrong.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

void add_verbs(CLI::App& app, cli::Context& context) {
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
}

int run_verb(cli::Context& context, const std::stop_token& stop) {
  cli::ProgressDisplay display(context.quiet);
  context.control.progress = [&](const jobs::Progress& progress) { display.show(progress); };
  context.control.note = [&](const std::string& text) { display.note(text); };
  context.control.stop = stop;
  const jobs::Outcome outcome = jobs::run_job([&] { context.run(context); });
  display.finish();
  switch (outcome.kind) {
    case jobs::OutcomeKind::kFinished:
      return context.exit_code;
    case jobs::OutcomeKind::kCancelled:
      return tell(context.json, "stopped", cli::kExitCancelled);
    case jobs::OutcomeKind::kFailed:
      return tell(context.json, outcome.text, cli::exit_code(outcome.code));
  }
  return cli::kExitFailed;
}

int run(int argc, char** argv) {
  cli::StopOnSignal signals;
  cli::Context context{.facts = cli::report_facts(argc, argv)};
  CLI::App app(
      "Sparse attention plans for video diffusion transformers: find them, run them, measure them.",
      "twill");
  add_verbs(app, context);
  const bool as_json = asks_for_json(argc, argv);
  // What the options themselves refuse has the code of its kind.
  const jobs::Outcome outcome = jobs::run_job([&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::Success& help_or_version) {
      app.exit(help_or_version);
      context.run = [](cli::Context&) {};
    } catch (const CLI::ParseError& error) {
      // CLI11 asks for a verb before it looks at words that it does not know.
      const std::vector<std::string> unknown = app.remaining(true);
      const bool no_verb = app.get_subcommands().empty() && !unknown.empty();
      throw Error(ErrorCode::kUsage,
                  no_verb ? concat("no verb \"", unknown.front(), "\"; see twill --help")
                          : first_line(error.what()));
    }
  });
  if (outcome.kind != jobs::OutcomeKind::kFinished) {
    return tell(as_json, outcome.text, cli::exit_code(outcome.code));
  }
  const int code = run_verb(context, signals.token());
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return tell(false, "the results cannot be written to stdout", cli::kExitFailed);
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  jobs::ask_for_reproducible_sums();
  // Jobs tell their failures by outcomes; this is for what goes wrong around them.
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return tell(asks_for_json(argc, argv), first_line(error.what()), cli::kExitFailed);
  } catch (...) {
    return tell(asks_for_json(argc, argv), "an unknown failure", cli::kExitFailed);
  }
}
