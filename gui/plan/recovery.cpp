// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/recovery.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>
#include <utility>

#include "base/save_file.h"
#include "base/text.h"
#include "plan/plan_document.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kSoonMs = 200;  // edits that follow each other faster are written together
const QString kPlan = QStringLiteral("plan.json");
// In the provenance of a kept plan: its file, how that was, and the name of the kept profile.
constexpr const char* kFileKey = "studio_recovery_of";
constexpr const char* kStateKey = "studio_recovery_state";
constexpr const char* kProfileKey = "studio_recovery_profile";

std::string take_out(Plan& plan, const char* key) {
  const auto found = plan.provenance.find(key);
  if (found == plan.provenance.end()) {
    return {};
  }
  std::string value = std::move(found->second);
  plan.provenance.erase(found);
  return value;
}

QString profile_name(int number) { return QStringLiteral("profile-%1.json").arg(number); }

}  // namespace

Recovery::Recovery(PlanDocument& document, const QString& folder, QObject* parent)
    : QObject(parent), document_(document), root_(folder) {
  soon_.setSingleShot(true);
  soon_.setInterval(kSoonMs);
  connect(&soon_, &QTimer::timeout, this, &Recovery::write);
  connect(&document_, &PlanDocument::changed, this, &Recovery::document_changed);
  connect(&document_, &PlanDocument::title_changed, this, &Recovery::document_changed);
  connect(&job_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    if (outcome.kind == jobs::OutcomeKind::kFailed) {
      tell(to_qt(outcome.text));
    } else {
      plan_done_ = written_ == document_.plan();
      Q_EMIT kept(written_);
    }
    settle();
  });
  connect(&profile_job_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    if (writing_number_ != profile_number_) {
      start_profile();  // another plan was opened meanwhile
    } else if (outcome.kind == jobs::OutcomeKind::kFailed) {
      tell(to_qt(outcome.text));
    } else {
      profile_done_ = true;
      Q_EMIT profile_kept();
    }
    settle();
  });
}

Recovery::~Recovery() {
  job_.abandon();
  profile_job_.abandon();
  for (const auto& folder : offered_) {
    folder->release();
  }
}

QString Recovery::file() const { return own_ ? own_->file(kPlan) : QString(); }

void Recovery::tell(const QString& sentence) {
  if (!std::exchange(told_, true)) {
    Q_EMIT failed(sentence);
  }
}

void Recovery::document_changed() {
  plan_done_ = false;
  if (!document_.plan() || !document_.modified()) {
    soon_.stop();
    settle();
    return;
  }
  // Not restarted by every edit: a steady stream of them is still written.
  if (!soon_.isActive()) {
    soon_.start();
  }
}

// After a change or a job: writes what came meanwhile, and forgets what is of no use any more.
void Recovery::settle() {
  if (job_.running()) {
    return;
  }
  const bool again = std::exchange(again_, false);
  written_.reset();
  if (!document_.plan() || !document_.modified()) {
    if (own_) {
      QFile::remove(file());  // the profile stays for the next edit
    }
    adopted_.clear();
  } else if (again) {
    write();
  } else if (plan_done_ && profile_done_) {
    adopted_.clear();
  }
}

void Recovery::write() {
  if (job_.running()) {
    again_ = true;
    return;
  }
  const std::shared_ptr<const Plan> plan = document_.plan();
  if (!plan || !document_.modified()) {
    return;
  }
  try {
    own_ = own_ ? std::move(own_) : std::make_unique<ProcessFolder>(root_);
  } catch (const Error& error) {
    tell(to_qt(error.what()));
    return;
  }
  if (plan->profile != profile_.lock()) {
    profile_ = plan->profile;
    profile_done_ = !plan->profile;
    ++profile_number_;
    start_profile();
  }
  written_ = plan;
  job_.start([plan, source = from_qt(document_.file()), state = from_qt(document_.file_state()),
              profile = plan->profile ? from_qt(profile_name(profile_number_)) : std::string(),
              file = path_from_qt(file())](const jobs::JobControl&) {
    Plan copy = *plan;
    copy.profile.reset();
    if (!source.empty()) {
      copy.provenance[kFileKey] = source;
      copy.provenance[kStateKey] = state;
    }
    if (!profile.empty()) {
      copy.provenance[kProfileKey] = profile;
    }
    write_plan(file, copy);
  });
}

// The edits do not wait for it: until it is there, the plan's own file has it.
void Recovery::start_profile() {
  const std::shared_ptr<const Profile> profile = profile_.lock();
  if (!profile || profile_job_.running()) {
    return;
  }
  const QString before = own_->file(profile_name(writing_number_));
  writing_number_ = profile_number_;
  profile_job_.start(
      [profile, before = path_from_qt(before),
       file = path_from_qt(own_->file(profile_name(profile_number_)))](const jobs::JobControl&) {
        std::error_code ignored;
        std::filesystem::remove(before, ignored);
        write_profile(file, *profile);
      });
}

std::vector<LeftEdits> Recovery::left() {
  for (std::unique_ptr<ProcessFolder>& folder : ProcessFolder::left_in(root_)) {
    if (QFileInfo::exists(folder->file(kPlan))) {
      offered_.push_back(std::move(folder));
    }  // else it goes with what it holds
  }
  std::vector<LeftEdits> found;
  for (const auto& folder : offered_) {
    const QFileInfo info(folder->file(kPlan));
    LeftEdits edits{.name = folder->name(), .when = info.lastModified()};
    try {
      Plan plan = read_plan(path_from_qt(info.filePath()));
      edits.plan_file = to_qt(take_out(plan, kFileKey));
    } catch (const Error& error) {
      edits.obstacle = to_qt(error.what());
    }
    found.push_back(std::move(edits));
  }
  std::sort(found.begin(), found.end(),
            [](const LeftEdits& a, const LeftEdits& b) { return a.when > b.when; });
  return found;
}

// Null where neither the kept one nor the plan's own can be had; `why` then says what was in the
// way, if anything was.
std::shared_ptr<const Profile> Recovery::profile_of(const ProcessFolder& folder, const Plan& plan,
                                                    QString& why) const {
  const auto text = [&](const char* key) {
    const auto found = plan.provenance.find(key);
    return found == plan.provenance.end() ? QString() : to_qt(found->second);
  };
  try {
    if (const QString kept = folder.file(text(kProfileKey)); QFileInfo::exists(kept)) {
      Profile profile = read_profile(path_from_qt(kept));
      if (profile.model == plan.model) {
        return std::make_shared<const Profile>(std::move(profile));
      }
    }
  } catch (const Error& error) {
    why = to_qt(error.what());
  }
  try {
    const QString source = text(kFileKey);
    if (!source.isEmpty() && state_of_file(source) == text(kStateKey)) {
      const Plan saved = read_plan(path_from_qt(source));
      return saved.model == plan.model ? saved.profile : nullptr;
    }
  } catch (const Error& error) {
    why = to_qt(error.what());
  }
  return nullptr;
}

QString Recovery::bring_back(const LeftEdits& edits) {
  const auto folder = std::find_if(offered_.begin(), offered_.end(),
                                   [&](const auto& one) { return one->name() == edits.name; });
  TWILL_ASSERT(folder != offered_.end());
  Plan plan = read_plan(path_from_qt((*folder)->file(kPlan)));
  QString lost;
  if (plan.provenance.contains(kProfileKey)) {
    QString why;
    plan.profile = profile_of(**folder, plan, why);
    if (!plan.profile) {
      lost = tr("The edits are back, but not the profile that their plan had. %1").arg(why);
    }
  }
  take_out(plan, kProfileKey);
  const QString state = to_qt(take_out(plan, kStateKey));
  const QString file = to_qt(take_out(plan, kFileKey));
  // A plan that has less than its file holds is not saved to it.
  document_.take(std::make_shared<const Plan>(std::move(plan)), lost.isEmpty() ? file : QString(),
                 /*modified=*/true, state);
  // Not before: what the document held until now is forgotten, these edits are not.
  adopted_.push_back(std::move(*folder));
  offered_.erase(folder);
  return lost.trimmed();
}

void Recovery::forget(const LeftEdits& edits) {
  std::erase_if(offered_, [&](const auto& one) { return one->name() == edits.name; });
}

}  // namespace twill::gui
