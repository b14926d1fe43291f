// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/generate_page.h"

#include <QCheckBox>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QListView>
#include <QMessageBox>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QUrl>
#include <QVBoxLayout>
#include <cmath>
#include <utility>

#include "base/model_list.h"
#include "base/text.h"
#include "generate/clip_files.h"
#include "generate/clip_form.h"
#include "generate/cost_teller.h"
#include "generate/plan_choice.h"
#include "generate/playable.h"
#include "plan/plan_document.h"
#include "player/player.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

const QString kVideos = QStringLiteral("*.mp4 *.webm");

QPushButton* button(QWidget* parent, const QString& text, const char* name) {
  auto* made = new QPushButton(text, parent);
  made->setObjectName(QString::fromLatin1(name));
  return made;
}

}  // namespace

GeneratePage::GeneratePage(const Session& session)
    : session_(session),
      queue_(std::make_unique<ClipQueue>()),
      models_(std::make_unique<ModelList>(session_.settings)),
      costs_(std::make_unique<CostTeller>()),
      files_(std::make_unique<ClipFiles>()) {
  build();
  connect_queue();
  connect_files();
  models_->look_again();
}

GeneratePage::~GeneratePage() = default;

QWidget* GeneratePage::widget() { return widget_; }

void GeneratePage::build() {
  auto* splitter = new QSplitter(Qt::Horizontal);
  widget_ = splitter;
  splitter->setObjectName(QStringLiteral("generate_page"));
  splitter->setAcceptDrops(true);
  splitter->installEventFilter(this);
  splitter->addWidget(make_request_side());
  player_ = new Player(splitter);
  splitter->addWidget(player_);
  splitter->addWidget(make_queue_side());
  splitter->setStretchFactor(1, 1);
  splitter->setSizes({330, 640, 250});
}

QWidget* GeneratePage::make_request_side() {
  auto* side = new QWidget;
  auto* layout = new QVBoxLayout(side);
  form_ = new ClipForm(side);
  auto* top = new QWidget(side);  // keeps the rows together in a tall window
  auto* rows = new QVBoxLayout(top);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->addWidget(form_);
  rows->addStretch(1);
  auto* scroll = new QScrollArea(side);
  scroll->setWidget(top);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  plan_ = new PlanChoice(session_.document, side);
  compare_ = new QCheckBox(tr("Also &dense, from the same noise"), side);
  compare_->setObjectName(QStringLiteral("compare"));
  compare_->setChecked(true);
  adapt_ = new QCheckBox(tr("&Adapt the plan to this clip"), side);
  adapt_->setObjectName(QStringLiteral("adapt"));
  adapt_->setToolTip(
      tr("For another size than the plan was searched at: measures the heads again in a few of the "
         "clip's own steps and solves for the rest, at the density that the plan has here. Needs "
         "the plan's profile."));
  auto* plans = new QFormLayout;
  plans->addRow(tr("P&lan"), plan_);
  plans->addRow(QString(), adapt_);
  plans->addRow(QString(), compare_);
  cost_ = new QLabel(side);
  cost_->setObjectName(QStringLiteral("cost"));
  cost_->setWordWrap(true);
  generate_ = button(side, tr("&Generate"), "generate");
  generate_->setDefault(true);
  generate_->setEnabled(false);  // until a model is there
  message_ = new QLabel(side);
  message_->setObjectName(QStringLiteral("message"));
  message_->setWordWrap(true);
  message_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* video = button(side, tr("Settings from a &video..."), "from_video");
  auto* places = button(side, tr("Model &folders..."), "model_folders");
  layout->addWidget(scroll, 1);
  layout->addLayout(plans);
  layout->addWidget(cost_);
  layout->addWidget(generate_);
  layout->addWidget(message_);
  layout->addWidget(video);
  layout->addWidget(places);
  connect(generate_, &QPushButton::clicked, this, &GeneratePage::generate);
  connect(video, &QPushButton::clicked, this, &GeneratePage::ask_for_video);
  connect(places, &QPushButton::clicked, this, &GeneratePage::ask_for_models);
  connect(form_, &ClipForm::changed, this, &GeneratePage::update_request);
  connect(plan_, &PlanChoice::changed, this, &GeneratePage::update_request);
  connect(adapt_, &QCheckBox::toggled, this, &GeneratePage::update_request);
  connect(compare_, &QCheckBox::toggled, this, &GeneratePage::update_request);
  connect(models_.get(), &ModelList::changed, this, [this] {
    form_->set_models(models_->models());
    tell(models_->problems().join(QLatin1Char('\n')));
    if (form_->facts() && form_->prompt().isEmpty()) {
      form_->set_prompt(example_prompt(*form_->facts()));
    }
    show_example();
  });
  return side;
}

QWidget* GeneratePage::make_queue_side() {
  auto* side = new QWidget;
  auto* layout = new QVBoxLayout(side);
  list_ = new QListView(side);
  list_->setObjectName(QStringLiteral("queue"));
  list_->setAccessibleName(tr("Clips"));
  list_->setModel(queue_.get());
  list_->setWordWrap(true);
  list_->setAlternatingRowColors(true);
  progress_ = new QProgressBar(side);
  progress_->setObjectName(QStringLiteral("progress"));
  progress_->setVisible(false);
  cancel_ = button(side, tr("&Cancel"), "cancel");
  save_ = button(side, tr("&Save video..."), "save");
  remove_ = button(side, tr("&Remove"), "remove");
  layout->addWidget(new QLabel(tr("Clips"), side));
  layout->addWidget(list_, 1);
  layout->addWidget(progress_);
  layout->addWidget(cancel_);
  layout->addWidget(save_);
  layout->addWidget(remove_);
  connect(cancel_, &QPushButton::clicked, this, [this] {
    const int row = chosen_row();
    const bool waiting = row >= 0 && queue_->state(row) == RequestState::kQueued;
    const int target = waiting ? row : queue_->running_row();
    if (target >= 0) {
      queue_->cancel(target);
    }
  });
  connect(remove_, &QPushButton::clicked, this, [this] {
    if (const int row = chosen_row(); row >= 0 && queue_->state(row) != RequestState::kRunning) {
      queue_->remove(row);
    }
  });
  connect(save_, &QPushButton::clicked, this, &GeneratePage::ask_where_to_save);
  connect(list_->selectionModel(), &QItemSelectionModel::currentChanged, this,
          [this](const QModelIndex& now) { show_row(now.row()); });
  return side;
}

void GeneratePage::connect_queue() {
  connect(queue_.get(), &ClipQueue::started, this, [this](int row) {
    costs_->set_paused(true);
    list_->setCurrentIndex(queue_->index(row));
    progress_->setVisible(true);
    update_buttons();
  });
  connect(queue_.get(), &ClipQueue::previewed, this,
          [this](const ClipPtr& preview, const QString& stage) {
            // Who looks at another clip goes on looking at it.
            if (chosen_row() == queue_->running_row()) {
              player_->show_preview(preview, stage);
            }
          });
  connect(queue_.get(), &ClipQueue::progressed, this, [this](const jobs::Progress& progress) {
    progress_->setRange(0, static_cast<int>(progress.total));
    progress_->setValue(static_cast<int>(progress.done));
    progress_->setFormat(
        progress.eta_seconds > 0
            ? tr("%1, %2 left").arg(to_qt(progress.stage), describe_seconds(progress.eta_seconds))
            : to_qt(progress.stage));
  });
  connect(queue_.get(), &ClipQueue::noted, this, &GeneratePage::tell);
  connect(queue_.get(), &ClipQueue::ended, this, &GeneratePage::end_row);
  for (const auto signal : {&QAbstractItemModel::rowsRemoved, &QAbstractItemModel::rowsInserted}) {
    connect(queue_.get(), signal, this, &GeneratePage::update_buttons);
  }
}

void GeneratePage::connect_files() {
  connect(costs_.get(), &CostTeller::told, this, [this](const jobs::ClipEstimate& estimate) {
    QString text = describe(estimate);
    const auto free = jobs::free_memory_bytes();
    if (free && estimate.memory_bytes > *free) {
      text += tr(". Only %1 GB are free: the clip may not fit.")
                  .arg(static_cast<double>(*free) / 1e9, 0, 'f', 1);
    }
    cost_->setText(text);
  });
  connect(costs_.get(), &CostTeller::failed, cost_, &QLabel::setText);
  connect(files_.get(), &ClipFiles::failed, this, [this](const QString& sentence) {
    tell(sentence);
    update_buttons();
  });
  connect(files_.get(), &ClipFiles::saved, this, [this](const QStringList& files) {
    tell(tr("Saved %1").arg(files.join(QStringLiteral(", "))));
    update_buttons();
  });
  connect(files_.get(), &ClipFiles::pair_read, this,
          [this](const std::shared_ptr<const jobs::StoredClip>& dense,
                 const std::shared_ptr<const jobs::StoredClip>& sparse) {
            if (queue_->rowCount() > 0) {
              return;
            }
            const QString prompt = sparse->record ? to_qt(sparse->record->prompt) : QString();
            player_->show_clips({.first = ClipPtr(dense, &dense->clip),
                                 .second = ClipPtr(sparse, &sparse->clip),
                                 .first_caption = tr("Dense"),
                                 .second_caption = tr("Sparse"),
                                 .summary = tr("\"%1\", made before, dense and by a plan from the "
                                               "same noise. Generate makes the next.")
                                                .arg(prompt)});
          });
  connect(files_.get(), &ClipFiles::read_done, this, &GeneratePage::take_video);
}

ClipRequest GeneratePage::request() const {
  ClipRequest request;
  request.options.clip = form_->settings();
  request.options.prompts = {from_qt(form_->prompt())};
  request.options.seed = form_->seed();
  plan_->fill(request);
  request.options.adapt = plan_->can_adapt() && adapt_->isChecked();
  request.options.compare_dense = !plan_->dense() && compare_->isChecked();
  return request;
}

QString GeneratePage::request_problem() const {
  if (!form_->facts()) {
    return form_->model_problem();
  }
  try {
    jobs::check_clip_settings(form_->settings());
  } catch (const Error& error) {
    return to_qt(error.what());
  }
  const std::string prompt = from_qt(form_->prompt());
  return prompt.empty() ? tr("Write a prompt.")
                        : to_qt(jobs::prompt_problem(*form_->facts(), prompt));
}

void GeneratePage::update_request() {
  // A hidden page costs nothing while the plan is edited on another one.
  if (!widget_->isVisible()) {
    stale_ = true;
    return;
  }
  const QString problem = request_problem();
  generate_->setEnabled(problem.isEmpty());
  adapt_->setEnabled(plan_->can_adapt());
  compare_->setEnabled(!plan_->dense());
  generate_->setText(!plan_->dense() && compare_->isChecked() ? tr("&Generate dense and sparse")
                                                              : tr("&Generate"));
  if (!problem.isEmpty()) {
    cost_->setText(problem);
    return;
  }
  cost_->setText(tr("Reckoning time and memory..."));
  costs_->ask(*form_->facts(), request());
}

void GeneratePage::generate() {
  tell({});
  const int row = queue_->add(request());
  if (!queue_->busy() || queue_->running_row() == row) {
    list_->setCurrentIndex(queue_->index(row));
  }
}

int GeneratePage::chosen_row() const { return list_->currentIndex().row(); }

void GeneratePage::show_row(int row) {
  if (row >= 0 && row < queue_->rowCount() && queue_->clip(row)) {
    player_->show_clips(playable(*queue_->clip(row)));
  }
  update_buttons();
}

void GeneratePage::end_row(int row) {
  if (queue_->running_row() < 0) {
    progress_->setVisible(false);
    costs_->set_paused(false);
  }
  if (queue_->state(row) == RequestState::kFailed) {
    tell(queue_->failure(row));
  }
  remember_quality(row);
  if (row == chosen_row()) {
    if (queue_->clip(row)) {
      show_row(row);
    } else {
      player_->show_clips({});
    }
  }
  update_buttons();
}

void GeneratePage::remember_quality(int row) {
  const std::shared_ptr<const jobs::GeneratedClip> clip = queue_->clip(row);
  const std::shared_ptr<const Plan>& plan = queue_->request(row).plan;
  const std::shared_ptr<const Plan> open = session_.document.plan();
  if (clip && clip->quality && std::isfinite(clip->quality->psnr_db) && plan && open &&
      plan->model == open->model) {
    session_.document.add_measured({.plan = plan, .psnr_db = clip->quality->psnr_db});
  }
}

void GeneratePage::update_buttons() {
  const int row = chosen_row();
  const bool chosen = row >= 0 && row < queue_->rowCount();
  const bool waiting = chosen && queue_->state(row) == RequestState::kQueued;
  cancel_->setEnabled(waiting || queue_->busy());
  remove_->setEnabled(chosen && !waiting && queue_->state(row) != RequestState::kRunning);
  save_->setEnabled(chosen && queue_->clip(row) && !files_->busy());
}

void GeneratePage::save_clip(int row, const QString& file) {
  if (files_->busy() || !queue_->clip(row)) {
    return;
  }
  tell(tr("Saving %1...").arg(file));
  files_->save(queue_->clip(row), file);
  update_buttons();
}

void GeneratePage::open_video(const QString& file) {
  if (files_->busy()) {
    tell(tr("Another video is being read or written."));
    return;
  }
  tell(tr("Reading %1...").arg(file));
  files_->read(file, models_->models());
}

void GeneratePage::take_video(const std::shared_ptr<const jobs::StoredClip>& clip,
                              const QString& file, const QString& model) {
  player_->show_clips({.first = ClipPtr(clip, &clip->clip), .first_caption = file});
  update_buttons();
  if (!clip->record) {
    tell(tr("%1 holds no settings of a Twill clip.").arg(file));
    return;
  }
  const jobs::ClipRecord& record = *clip->record;
  QStringList missing;
  const bool found = !model.isEmpty() && form_->choose_model(path_from_qt(model));
  if (!found) {
    missing.append(
        tr("The clip was made by the model %1 (%2), which is not here: another run gives "
           "another clip.")
            .arg(to_qt(record.model), to_qt(record.model_fingerprint)));
  }
  form_->set_record(record);
  adapt_->setChecked(record.adapted);
  if (record.plan.empty()) {
    plan_->choose_dense();
  } else if (!plan_->choose_recorded(record)) {
    missing.append(tr("Its plan was %1 (%2); open that file to use it.")
                       .arg(to_qt(record.plan), to_qt(record.plan_fingerprint)));
  }
  tell(missing.isEmpty() ? tr("Settings taken from %1.").arg(file)
                         : missing.join(QLatin1Char('\n')));
}

void GeneratePage::show_example() {
  if (!form_->facts() || queue_->rowCount() > 0 || files_->busy()) {
    return;
  }
  const std::filesystem::path pictures = form_->facts()->folder / "pictures";
  const QString dense = path_to_qt(pictures / "dense.mp4");
  const QString sparse = path_to_qt(pictures / "sparse.mp4");
  if (QFileInfo::exists(dense) && QFileInfo::exists(sparse)) {
    files_->read_pair(dense, sparse);
  }
}

void GeneratePage::ask_where_to_save() {
  const int row = chosen_row();
  const QString file =
      QFileDialog::getSaveFileName(widget_, tr("Save video"), QStringLiteral("clip.mp4"),
                                   tr("MP4 video (*.mp4);;WebM video (*.webm);;GIF (*.gif)"));
  if (!file.isEmpty()) {
    save_clip(row, file);
  }
}

void GeneratePage::ask_for_video() {
  const QString file = QFileDialog::getOpenFileName(widget_, tr("Settings from a video"), QString(),
                                                    tr("Videos (%1)").arg(kVideos));
  if (!file.isEmpty()) {
    open_video(file);
  }
}

void GeneratePage::ask_for_models() {
  QMessageBox box(QMessageBox::Question, tr("Model folders"),
                  tr("Twill looks for models in:\n%1")
                      .arg((models_->folders() + models_->lists()).join(QLatin1Char('\n'))),
                  QMessageBox::Close, widget_);
  auto* folder = box.addButton(tr("Add a folder..."), QMessageBox::ActionRole);
  auto* list =
      box.addButton(tr("Add ComfyUI's extra_model_paths.yaml..."), QMessageBox::ActionRole);
  auto* none = box.addButton(tr("Forget all"), QMessageBox::ActionRole);
  box.exec();
  QStringList folders = models_->folders();
  QStringList lists = models_->lists();
  if (box.clickedButton() == folder) {
    folders.append(QFileDialog::getExistingDirectory(widget_, tr("Folder of models")));
  } else if (box.clickedButton() == list) {
    lists.append(QFileDialog::getOpenFileName(widget_, tr("ComfyUI's extra_model_paths.yaml"),
                                              QString(), tr("YAML (*.yaml *.yml)")));
  } else if (box.clickedButton() == none) {
    folders.clear();
    lists.clear();
  } else {
    return;
  }
  folders.removeAll(QString());
  lists.removeAll(QString());
  models_->set_places(folders, lists);
}

void GeneratePage::tell(const QString& sentence) {
  message_->setText(sentence);
  message_->setVisible(!sentence.isEmpty());
}

bool GeneratePage::eventFilter(QObject* watched, QEvent* event) {
  if (watched == widget_ && event->type() == QEvent::Show && std::exchange(stale_, false)) {
    update_request();
  }
  if (watched == widget_ && event->type() == QEvent::DragEnter) {
    auto* drag = static_cast<QDragEnterEvent*>(event);
    if (drag->mimeData()->urls().size() == 1) {
      drag->acceptProposedAction();
      return true;
    }
  } else if (watched == widget_ && event->type() == QEvent::Drop) {
    open_video(static_cast<QDropEvent*>(event)->mimeData()->urls().constFirst().toLocalFile());
    return true;
  }
  return Page::eventFilter(watched, event);
}

void GeneratePage::save_state(QSettings& settings) const {
  settings.setValue(QStringLiteral("prompt"), form_->prompt());
}

void GeneratePage::restore_state(QSettings& settings) {
  form_->set_prompt(settings.value(QStringLiteral("prompt")).toString());
}

bool GeneratePage::may_close() {
  if (!queue_->busy()) {
    return true;
  }
  const bool close =
      QMessageBox::question(widget_, tr("A clip is being made"),
                            tr("A clip is being made. Stop it and close?")) == QMessageBox::Yes;
  if (close) {
    queue_->cancel_all();
  }
  return close;
}

}  // namespace twill::gui
