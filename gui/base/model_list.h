// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The models that can be chosen, looked for in a thread: the demo model, the user's folders,
// ComfyUI's in its usual places, and what its extra_model_paths.yaml names.
#pragma once

#include <QObject>
#include <QStringList>
#include <memory>
#include <vector>

#include "base/job_thread.h"
#include "twill/jobs/model_facts.h"
#include "twill/jobs/model_folders.h"

class QSettings;

namespace twill::gui {

// The first of the example prompts in the model's folder; empty when it has none.
QString example_prompt(const jobs::ModelFacts& model);

class ModelList : public QObject {
  Q_OBJECT

 public:
  // The places stand in the settings, the same for every page.
  explicit ModelList(QSettings& settings, QObject* parent = nullptr);

  QStringList folders() const;
  QStringList lists() const;
  // ComfyUI's that were found without being told, at the last look.
  const QStringList& found_comfy() const { return found_comfy_; }
  // The demo model's folder; empty where it was not found.
  const QString& demo() const { return demo_; }
  bool looking() const { return job_.running(); }
  // Looks again; what was found before stays until `changed`.
  void set_places(const QStringList& folders, const QStringList& lists);
  void look_again();

  // Those that run come first.
  const std::vector<jobs::FoundModel>& models() const { return models_; }
  // Lists that could not be read and the like, one sentence each.
  const QStringList& problems() const { return problems_; }

 Q_SIGNALS:
  void changed();

 private:
  struct Found {
    std::vector<jobs::FoundModel> models;
    std::vector<std::string> problems;
    std::vector<std::filesystem::path> comfy;
    std::filesystem::path demo;
  };

  QSettings& settings_;
  std::vector<jobs::FoundModel> models_;
  QStringList problems_, found_comfy_;
  QString demo_;
  std::shared_ptr<Found> looking_;
  bool again_ = false;
  JobThread job_;
};

}  // namespace twill::gui
