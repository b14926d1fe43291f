// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From a row of the comparison and one profile to what makes its clips.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "counted_attention.h"
#include "policy_rows.h"
#include "session.h"
#include "twill/jobs/policies.h"
#include "twill/plan/profile.h"
#include "twill/search/ledger.h"

namespace twill::jobs {

// One way to spend the density: a plan, or attention that decides while it runs.
struct Contestant {
  std::string name;
  double density = 1.0;  // asked for, where it depends on the clip
  std::optional<Plan> plan;
  std::function<std::unique_ptr<CountedAttention>()> attention;  // one for each clip
  std::string key;                                               // of the attention
  std::optional<double> lambda, epsilon;                         // of the paper's rule
};

// What rows are made from.
struct RowSources {
  std::shared_ptr<const Profile> profile;
  std::shared_ptr<const Profile> fed;  // null: none
  // The profile with the mean square of the heads' outputs in the place of their gain, and the same
  // of `fed`: made when a row first asks for them.
  std::function<std::shared_ptr<const Profile>(const Profile&)> with_output_power;
};

class Contestants {
 public:
  Contestants(const Session& session, const PoliciesOptions& options, RowSources sources);

  // Of a rule that plans: its own choice first, none when the dense parts alone are over the budget
  // or the rule does not reach it.
  std::vector<Contestant> of(const RuleRow& row, const DenseParts& parts, double density) const;
  // An oracle with the same share for all heads, on what the dense parts leave; none as above.
  std::optional<Contestant> with_equal_share(const OracleRow& row, const DenseParts& parts) const;
  // With the shares that the plan gives its heads.
  Contestant with_shares_of(const OracleRow& row, const Plan& plan) const;
  Contestant with_top_p(const OracleRow& row, double p) const;

  // The authors' numbers: SVG keeps 0.3 of the cells in sparse calls, 20 % of the steps and 3 % of
  // the layers are dense (Wan 2.1 at 720p); STA has a mean density of 0.416 with 30 % of the steps
  // dense (HunyuanVideo, 15 of 50); Radial leaves the first layer and 24 % of the steps dense (12
  // of 50) and is given the density asked for, as its decay has no counterpart at another size.
  std::optional<Contestant> published(search::Policy policy) const;

  // What clips are expected to show of the plan, by the profile, whichever the plan was made from.
  double clip_error(const Plan& plan) const { return ledger_.clip_error(plan); }

 private:
  std::vector<double> dense_times(const DenseParts& parts) const;
  // Share of dense's work that the dense parts are of the whole run; 1 and more: nothing is left.
  double share_of(const DenseParts& parts) const;
  Contestant oracle(const OracleRow& row, std::string name, std::string key,
                    OracleAttention::Options options) const;
  std::optional<Contestant> published_svg() const;

  const Session& session_;
  const PoliciesOptions& options_;
  RowSources sources_;
  search::Ledger ledger_;  // of the profile over the session's run
};

// "4+1 dense steps, 2 dense layers, plan 3".
std::string describe(const TunedSetting& setting);

}  // namespace twill::jobs
