// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Page: make clips, dense and by a plan from one noise, and look at them side by side.
#pragma once

#include <memory>

#include "base/page.h"
#include "generate/clip_queue.h"
#include "plan/session.h"
#include "twill/report/clip_record.h"

class QCheckBox;
class QLabel;
class QListView;
class QProgressBar;
class QPushButton;

namespace twill::gui {

class ClipFiles;
class ClipForm;
class CostTeller;
class ModelList;
class PlanChoice;
class Player;
struct ClipCost;
struct Playable;

class GeneratePage : public Page {
  Q_OBJECT

 public:
  explicit GeneratePage(const Session& session);
  ~GeneratePage() override;

  QString id() const override { return QStringLiteral("generate"); }
  QString title() const override { return tr("Generate"); }
  QString icon_name() const override { return QStringLiteral("generate"); }
  QKeySequence shortcut() const override { return {Qt::CTRL | Qt::Key_3}; }
  QWidget* widget() override;
  void save_state(QSettings& settings) const override;
  void restore_state(QSettings& settings) override;
  QStringList lost_by_closing() const override;
  void stop() override;

  // Shows a video and puts the settings inside it into the form.
  void open_video(const QString& file);
  void save_clip(int row, const QString& file);

  ClipQueue& queue() { return *queue_; }
  ModelList& models() { return *models_; }
  CostTeller& costs() { return *costs_; }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void build();
  QWidget* make_request_side();
  QWidget* make_queue_side();
  void connect_queue();
  void connect_files();
  ClipRequest request() const;
  QString request_problem() const;
  void update_request();
  void show_cost(const ClipCost& cost, bool more);
  void generate();
  void show_row(int row);
  void end_row(int row);
  // Keeps the quality of a pair that was made with the open plan; the slider shows it.
  void remember_quality(int row);
  void update_buttons();
  void cancel();
  // Asks first when the clip was not saved.
  void remove_chosen();
  int chosen_row() const;
  void take_video(const std::shared_ptr<const report::StoredClip>& clip, const QString& file,
                  const QString& model);
  // The finished pair that comes with the model, until there is one of one's own.
  void show_example();
  void ask_where_to_save();
  void ask_for_video();
  void ask_for_models();
  void tell(const QString& sentence);

  Session session_;
  std::unique_ptr<ClipQueue> queue_;
  std::unique_ptr<ModelList> models_;
  std::unique_ptr<CostTeller> costs_;
  std::unique_ptr<ClipFiles> files_;
  QWidget* widget_ = nullptr;
  ClipForm* form_ = nullptr;
  PlanChoice* plan_ = nullptr;
  QCheckBox* adapt_ = nullptr;  // enabled where the plan may be adapted
  QCheckBox* compare_ = nullptr;
  QLabel* cost_ = nullptr;
  QLabel* message_ = nullptr;
  QPushButton* measure_ = nullptr;  // seen where the time is not known unasked
  QPushButton* generate_ = nullptr;
  QPushButton* cancel_ = nullptr;
  QPushButton* remove_ = nullptr;
  QPushButton* save_ = nullptr;
  QProgressBar* progress_ = nullptr;
  QListView* list_ = nullptr;
  Player* player_ = nullptr;
  QString wanted_name_;  // that a video was to be saved as, until it is
  bool stale_ = false;   // the request changed while the page was hidden
};

}  // namespace twill::gui
