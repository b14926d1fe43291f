// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/prediction.h"
#include "twill/jobs/model_facts.h"

#include "files.h"
#include "held_out_plans.h"
#include "kept_quality.h"
#include "plan_inputs.h"
#include "session.h"
#include "solving.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/whole_files.h"
#include "twill/search/calibration.h"
#include "twill/search/ledger.h"
#include "twill/search/profile_hash.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

void check_options(const PredictionOptions& options) {
  check_prompts(options.prompts, options.clip);
  require(!options.densities.empty(), ErrorCode::kUsage, "no density");
  for (const double density : options.densities) {
    check_solve_options({.budget = density, .segments = options.segments});
  }
  check_clip(options.clip);
}

}  // namespace

report::PredictionReport check_prediction(const PredictionOptions& options,
                                          const JobControl& control) {
  check_options(options);
  const fs::path work = work_folder(options.out, options.work);
  const Outputs outputs({{options.out, OutputKind::kReport}, {work, OutputKind::kFolder}},
                        {{"profile", options.profile}, {"model", options.clip.model.path}});
  const std::shared_ptr<const Profile> profile = read_profile_of(options.profile);
  const Session session(options.clip, control);
  check_profile_for(*profile, session.model().shape(), options.profile);
  report::PredictionReport report{.asked = options.densities,
                                  .seed = options.seed,
                                  .prompts = options.prompts,
                                  .with = measured_with(session, options.facts)};

  std::vector<EncodedPrompt> prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back(session.encode(text));
  }
  const TokenLayout layout = session.only_layout(prompts, "a prediction");
  const std::vector<HeldOut> plans = held_out_plans(profile, run_of(session), layout, options);
  require(plans.size() > 2, ErrorCode::kUsage, "densities: only ", plans.size(),
          " plans reach them; three or more are needed");
  const search::Ledger ledger(profile, search::forwards_of_run(*profile, session.step_t()),
                              search::time_weight_of(*profile), layout);
  KeptQuality quality(session, work);
  std::vector<std::vector<double>> psnr_db(plans.size());
  for (std::size_t i = 0; i < plans.size(); ++i) {
    for (std::size_t prompt = 0; prompt < prompts.size(); ++prompt) {
      const media::ClipQuality found = quality.measure(
          plans[i].solved.plan, prompts[prompt], report::seed_at(options.seed, prompt),
          concat("plan ", i + 1, " of ", plans.size(), ", ", plans[i].name, ", prompt ", prompt + 1,
                 " of ", prompts.size()));
      psnr_db[i].push_back(found.psnr_db);
    }
  }
  report.profile_hash = search::profile_hash(*profile);
  add_outcome(report, plans, ledger, psnr_db, options.terms);
  write_file(options.out, to_json(report));
  return report;
}

}  // namespace twill::jobs
