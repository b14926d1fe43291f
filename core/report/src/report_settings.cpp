// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "report_settings.h"

#include <algorithm>

#include "drawing/svg.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/plan_view.h"

namespace twill::report {
namespace {

using drawing::fixed;
using drawing::short_number;

std::string quoted(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("._-/+=").find(c) != std::string_view::npos;
  });
  if (plain) {
    return text;
  }
  std::string safe = "'";
  for (const char c : text) {
    safe += c == '\'' ? "'\\''" : std::string(1, c);
  }
  safe += "'";
  return safe;
}

class Words {
 public:
  explicit Words(std::string text) : text_(std::move(text)) {}
  Words& add(const std::string& option, const std::string& value) {
    text_ += concat(" ", option, " ", quoted(value));
    return *this;
  }
  Words& add(const std::string& option, const std::map<std::string, std::string>& from,
             const char* key) {
    const auto found = from.find(key);
    return found == from.end() || found->second.empty() || found->second == "free"
               ? *this
               : add(option, found->second);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// --strategy, --density or --attention-share, --segments, --dense-first, --dense-last,
// --dense-layers.
void add_solving(Words& words, const Plan& plan) {
  words.add("--strategy", plan.provenance, "policy");
  if (const std::optional<Budget> budget = search::budget_of(plan)) {
    const auto option = [&] {
      switch (budget->goal) {
        case Goal::kDensity:
          return "--density";
        case Goal::kAttentionShare:
          return "--attention-share";
        case Goal::kPsnr:
          return "--min-psnr";
        default:
          return "--min-speedup";
      }
    };
    words.add(option(), concat(budget->value));
  }
  words.add("--segments", plan.provenance, "segments")
      .add("--dense-first", plan.provenance, "dense_first_steps")
      .add("--dense-last", plan.provenance, "dense_last_steps")
      .add("--dense-layers", shown_facts(plan), "dense_first_layers")
      .add("--int8-error-share", plan.provenance, "int8_error_share");
}

// --steps, --shift, --sampler, --grid.
void add_run(Words& words, const search::SolvedFor& run) {
  if (run.steps) {
    words.add("--steps", std::to_string(*run.steps));
  }
  if (run.shift) {
    words.add("--shift", concat(*run.shift));
  }
  if (run.sampler) {
    words.add("--sampler", *run.sampler);
  }
  if (run.grid) {
    words.add("--grid", concat((*run.grid)[0], "x", (*run.grid)[1], "x", (*run.grid)[2]));
  }
}

// Whether a plan was solved for another run than the profile's.
bool differs(const search::SolvedFor& run, const Profile& profile) {
  const search::SolvedFor measured = search::solved_for(profile);
  return run.steps != measured.steps || run.shift != measured.shift ||
         run.sampler != measured.sampler || solved_layout(profile, run) != profile.layout;
}

bool consecutive(const std::vector<std::uint64_t>& seeds) {
  for (std::size_t i = 1; i < seeds.size(); ++i) {
    if (seeds[i] != seed_at(seeds.front(), i)) {
      return false;
    }
  }
  return !seeds.empty();
}

std::string list_of(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    text += concat(text.empty() ? "" : ", ", short_number(value));
  }
  return text;
}

std::string layout_text(const TokenLayout& layout) {
  std::string text = concat(layout.frames, "x", layout.rows, "x", layout.cols, " tokens");
  for (const auto& [tokens, where] :
       {std::pair(layout.prefix, " before"), std::pair(layout.suffix, " after")}) {
    text += tokens > 0 ? concat(" and ", tokens, where) : "";
  }
  return text;
}

}  // namespace

std::string run_text(const FiguresRun& run) {
  return concat(layout_text(run.layout), ", ", run.sampler,
                run.shift > 0.0 ? concat(", shift ", short_number(run.shift)) : "", ", ", run.steps,
                " steps");
}

Facts plan_facts(const PlanFigures& figures) {
  const Plan& plan = *figures.plan;
  Facts facts{{"name", plan.name}, {"model family", plan.model.family}};
  for (const StackShape& stack : plan.model.stacks) {
    facts.push_back({stack.name, concat(stack.layers, " layers x ", stack.heads, " heads of ",
                                        plan.model.head_dim)});
  }
  facts.push_back({"figures are for", run_text(figures.run)});
  facts.push_back({"patterns", std::to_string(plan.patterns.size())});
  if (const std::string precision = describe(precision_counts(plan)); !precision.empty()) {
    facts.push_back({"precision", precision});
  }
  facts.push_back(
      {"w(t)", concat("at t ", list_of(figures.weight.t), ": ", list_of(figures.weight.weight))});
  // What the plan took over from its profile stands there.
  const std::map<std::string, std::string> of_profile = shown_facts(*figures.profile);
  for (const auto& [key, value] : shown_facts(plan)) {
    const auto found = of_profile.find(key);
    if (!value.empty() && (found == of_profile.end() || found->second != value)) {
      facts.push_back({key, value});
    }
  }
  return facts;
}

Facts profile_facts(const PlanFigures& figures) {
  const Profile& profile = *figures.profile;
  Facts facts{{"measured at", layout_text(profile.layout)},
              {"values of t", list_of(profile.t)},
              {"candidates", std::to_string(profile.candidates.size())}};
  for (std::size_t i = 0; i < profile.prompts.size(); ++i) {
    facts.push_back({concat("prompt ", i + 1),
                     concat(profile.prompts[i],
                            i < profile.seeds.size() ? concat(", seed ", profile.seeds[i]) : "")});
  }
  facts.push_back({"times of patterns", profile.cost.milliseconds.empty()
                                            ? "none: cells stand for cost"
                                            : concat(profile.cost.device, ", ", profile.cost.kernel,
                                                     ", at ", layout_text(profile.cost.layout))});
  if (!profile.int8_error.empty()) {
    const auto [least, most] = std::ranges::minmax(profile.int8_error);
    facts.push_back({"head errors of INT8", concat(short_number(static_cast<double>(least)), " to ",
                                                   short_number(static_cast<double>(most)))});
  }
  for (const auto& [key, value] : shown_facts(profile)) {
    if (!value.empty()) {
      facts.push_back({key, value});
    }
  }
  return facts;
}

Facts evaluation_facts(const MeasuredPlan& measured) {
  const EvaluateReport& report = measured.report;
  Facts facts{
      {"plan", measured.name},
      {"model", report.model},
      {"device", report.device},
      {"dtype", report.dtype},
      {"clips", concat(report.rows.size(), " of ", *report.clip.width, "x", *report.clip.height,
                       ", ", *report.clip.frames, " frames; ", measured.summary.timed, " timed")},
      {"sampler", concat(*report.clip.sampler, ", shift ", short_number(*report.clip.shift), ", ",
                         *report.clip.steps, " steps, guidance ", *report.clip.cfg)},
      {"dense is", report.dense_attention},
      {"versions", concat("twill ", report.twill_version, ", torch ", report.torch_version)},
      {"attention calls", concat(report.attention.sparse_calls, " sparse, ",
                                 report.attention.planned_dense_calls, " dense as planned")}};
  for (const std::string& lora : lora_texts(report.clip.loras)) {
    facts.push_back({"LoRA", lora});
  }
  if (const std::string precision = precision_text(report.attention); !precision.empty()) {
    facts.push_back({"precision", precision});
  }
  if (report.adapted) {
    facts.push_back({"plan was", "adapted to each clip while it was made"});
  }
  if (!report.why_no_part.empty()) {
    facts.push_back({"no speed-up", report.why_no_part});
  }
  for (const auto& [reason, calls] : report.attention.fallbacks) {
    facts.push_back({"dense against the plan", concat(calls, " calls: ", reason)});
  }
  return facts;
}

std::vector<std::string> commands_to_repeat(const ReportOptions& options,
                                            const ReportInputs& inputs) {
  const PlanFigures& figures = inputs.figures;
  const Profile& profile = *figures.profile;
  const std::string plan = options.files.front().string();
  std::vector<std::string> commands;

  Words search("twill search");
  for (const std::string& prompt : profile.prompts) {
    search.add("--prompt", prompt);
  }
  if (consecutive(profile.seeds)) {
    search.add("--seed", std::to_string(profile.seeds.front()));
  }
  search.add("--points", std::to_string(profile.t.size()))
      .add("--map-size", std::to_string(profile.map_size));
  const std::map<std::string, std::string>& measured = profile.provenance;
  add_run(search, search::solved_for(profile));
  for (const char* key : {"cfg", "dtype"}) {
    search.add(concat("--", key), measured, key);
  }
  search.add("--negative", measured, "negative_prompt")
      .add("--prompt-weights", measured, "prompt_weights")
      .add("--image", measured, "image")
      .add("--end-image", measured, "end_image");
  for (std::size_t i = 1; i <= kMostLoras; ++i) {
    search.add("--lora", measured, concat("lora_", i).c_str());
  }
  // The size in pixels stands in evaluations only.
  for (const MeasuredPlan& one : inputs.measured) {
    if (figures.run.layout == profile.layout) {
      search.add("--size", concat(*one.report.clip.width, "x", *one.report.clip.height))
          .add("--frames", std::to_string(*one.report.clip.frames));
      break;
    }
  }
  add_solving(search, *figures.plan);
  commands.push_back(search.add("--out", plan).text());
  if (const search::SolvedFor run = search::solved_for(*figures.plan); differs(run, profile)) {
    Words solve(concat("twill plan solve ", quoted(plan)));
    add_run(solve, run);
    add_solving(solve, *figures.plan);
    commands.push_back(solve.add("--out", plan).text());
  }

  for (std::size_t i = 0; i < inputs.measured.size(); ++i) {
    const MeasuredPlan& one = inputs.measured[i];
    const ClipSettings& clip = one.report.clip;
    Words evaluate(one.report.adapted ? "twill evaluate --adapt" : "twill evaluate");
    std::vector<std::uint64_t> seeds;
    for (const EvaluateRow& row : one.report.rows) {
      evaluate.add("--prompt", row.prompt);
      seeds.push_back(row.seed);
    }
    if (consecutive(seeds)) {
      evaluate.add("--seed", std::to_string(seeds.front()));
    }
    for (const auto& [option, file] :
         {std::pair("--image", &clip.image), std::pair("--end-image", &clip.end_image)}) {
      if (!file->empty()) {
        evaluate.add(option, file->string());
      }
    }
    evaluate.add("--timed", std::to_string(one.summary.timed))
        .add("--size", concat(*clip.width, "x", *clip.height))
        .add("--frames", std::to_string(*clip.frames))
        .add("--steps", std::to_string(*clip.steps))
        .add("--shift", concat(*clip.shift))
        .add("--cfg", concat(*clip.cfg))
        .add("--sampler", *clip.sampler)
        .add("--dtype", one.report.dtype)
        .add("--prompt-weights", std::string(name_in(kPromptWeightsNames, clip.prompt_weights)));
    for (const std::string& lora : lora_texts(clip.loras)) {
      evaluate.add("--lora", lora);
    }
    evaluate.add("--plan", one.report.plan).add("--out", "report.json");
    commands.push_back(evaluate.text());
  }
  std::string report = "twill report";
  for (const std::filesystem::path& file : options.files) {
    report += concat(" ", quoted(file.string()));
  }
  commands.push_back(concat(report, " --out ", quoted(options.out.string())));
  return commands;
}

}  // namespace twill::report
