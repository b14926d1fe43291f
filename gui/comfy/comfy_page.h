// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Page: run workflows of a ComfyUI with the plan that is open, and see what it makes.
#pragma once

#include <memory>
#include <vector>

#include "base/job_thread.h"
#include "base/page.h"
#include "base/process_folder.h"
#include "comfy/comfy_client.h"
#include "plan/session.h"
#include "player/clip_view.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QProgressBar;
class QPushButton;
class QStackedWidget;

namespace twill::gui {

class PictureView;
class Player;

class ComfyPage : public Page {
  Q_OBJECT

 public:
  explicit ComfyPage(const Session& session);
  ~ComfyPage() override;

  QString id() const override { return QStringLiteral("comfy"); }
  QString title() const override { return tr("ComfyUI"); }
  QString icon_name() const override { return QStringLiteral("comfy"); }
  QKeySequence shortcut() const override { return {Qt::CTRL | Qt::Key_5}; }
  QWidget* widget() override { return widget_; }
  void save_state(QSettings& settings) const override;
  void restore_state(QSettings& settings) override;

  ComfyClient& client() { return client_; }
  // Adds a workflow file and chooses it.
  void choose_workflow(const QString& file);

 private:
  void build();
  QWidget* make_form();
  QWidget* make_view();
  void connect_client();
  void connect_jobs();
  void update_buttons();
  // Why nothing can be run; empty when it can.
  QString problem() const;
  void refresh_plans();
  void run();
  // Gives ComfyUI the open plan, then goes on with `queue_workflow`.
  void send_plan();
  // `plan`: kAsItIs, or one of ComfyUI's choices.
  void queue_workflow(const QString& plan);
  void take_files(const QList<ComfyFile>& files);
  void fetch_next();
  void show_result();
  void tell(const QString& sentence);
  void fail(const QString& sentence);

  Session session_;
  ComfyClient client_;
  QWidget* widget_ = nullptr;
  QLineEdit* address_ = nullptr;
  QPushButton* connect_ = nullptr;
  QComboBox* workflow_ = nullptr;
  QComboBox* plan_ = nullptr;
  QPushButton* run_ = nullptr;
  QPushButton* cancel_ = nullptr;
  QLabel* state_ = nullptr;
  QLabel* problem_ = nullptr;
  QLabel* message_ = nullptr;
  QProgressBar* progress_ = nullptr;
  QStackedWidget* shown_ = nullptr;
  PictureView* picture_ = nullptr;
  Player* player_ = nullptr;
  QList<ComfyFile> waiting_;  // files of the last run that are not here yet
  ScratchFolder files_;
  std::shared_ptr<std::vector<ClipPtr>> clips_;
  bool sending_ = false;                  // the open plan
  std::shared_ptr<std::string> written_;  // its text
  JobThread writer_;
  JobThread reader_;
};

// Folder of the example workflows that come with the node pack; empty when they are not there.
QString find_example_workflows();

}  // namespace twill::gui
