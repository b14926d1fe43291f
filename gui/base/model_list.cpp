// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/model_list.h"

#include <QSettings>

#include "base/text.h"
#include "twill/jobs/comfy_folders.h"
#include "twill/plan/error.h"
#include "twill/report/clip_settings.h"

namespace twill::gui {
namespace {

const QString kFolders = QStringLiteral("models/folders");
const QString kLists = QStringLiteral("models/extra_model_paths");

}  // namespace

QString example_prompt(const jobs::ModelFacts& model) {
  try {
    return to_qt(report::read_prompts(model.files.path / "prompts_test.txt").front());
  } catch (const Error&) {
    return {};
  }
}

ModelList::ModelList(QSettings& settings, QObject* parent) : QObject(parent), settings_(settings) {
  connect(&job_, &JobThread::ended, this, [this](const jobs::Outcome& outcome) {
    models_ = std::move(looking_->models);
    demo_ = path_to_qt(looking_->demo);
    found_comfy_.clear();
    for (const std::filesystem::path& folder : looking_->comfy) {
      found_comfy_.append(path_to_qt(folder));
    }
    problems_.clear();
    for (const std::string& problem : looking_->problems) {
      problems_.append(to_qt(problem));
    }
    if (outcome.kind == jobs::OutcomeKind::kFailed) {
      problems_.append(to_qt(outcome.text));
    }
    looking_.reset();
    if (again_) {
      look_again();
    }
    Q_EMIT changed();
  });
}

QStringList ModelList::folders() const { return settings_.value(kFolders).toStringList(); }
QStringList ModelList::lists() const { return settings_.value(kLists).toStringList(); }

void ModelList::set_places(const QStringList& folders, const QStringList& lists) {
  settings_.setValue(kFolders, folders);
  settings_.setValue(kLists, lists);
  look_again();
}

void ModelList::look_again() {
  again_ = job_.running();
  if (again_) {
    return;
  }
  std::vector<std::filesystem::path> folders;
  for (const QString& folder : this->folders()) {
    folders.push_back(path_from_qt(folder));
  }
  std::vector<std::filesystem::path> lists;
  for (const QString& list : this->lists()) {
    lists.push_back(path_from_qt(list));
  }
  looking_ = std::make_shared<Found>();
  job_.start([found = looking_, folders, lists](const jobs::JobControl&) mutable {
    try {
      found->demo = jobs::find_demo_model();
      folders.insert(folders.begin(), found->demo);
    } catch (const Error& error) {
      found->problems.emplace_back(error.what());
    }
    found->comfy = jobs::usual_comfy_folders();
    lists.insert(lists.begin(), found->comfy.begin(), found->comfy.end());
    found->models = jobs::find_models(folders, lists, &found->problems);
  });
}

}  // namespace twill::gui
