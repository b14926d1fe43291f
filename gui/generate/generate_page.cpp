// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/generate_page.h"

#include <QCheckBox>
#include <QDir>
#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QListView>
#include <QMessageBox>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSplitter>
#include <QStandardPaths>
#include <QUrl>
#include <QVBoxLayout>
#include <cmath>
#include <utility>

#include "base/model_list.h"
#include "base/save_file.h"
#include "base/scroll_column.h"
#include "base/text.h"
#include "generate/clip_files.h"
#include "generate/clip_form.h"
#include "generate/cost_teller.h"
#include "generate/models_dialog.h"
#include "generate/plan_choice.h"
#include "generate/playable.h"
#include "plan/plan_document.h"
#include "player/player.h"
#include "twill/jobs/free_memory.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

const QString kVideos = QStringLiteral("*.mp4 *.webm");
const QString kSavedFolder = QStringLiteral("folders/videos");

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
  splitter->setChildrenCollapsible(false);
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
  form_->add_row(tr("P&lan"), plan_);
  form_->add_row(QString(), adapt_);
  form_->add_row(QString(), compare_);
  cost_ = new QLabel(side);
  cost_->setObjectName(QStringLiteral("cost"));
  cost_->setWordWrap(true);
  measure_ = button(side, tr("Measure t&he time"), "measure");
  measure_->setToolTip(tr("Loads the model and runs it three times on a short clip."));
  measure_->hide();
  generate_ = button(side, tr("&Generate"), "generate");
  generate_->setDefault(true);
  generate_->setEnabled(false);  // until a model is there
  message_ = new QLabel(side);
  message_->setObjectName(QStringLiteral("message"));
  message_->setWordWrap(true);
  message_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* video = button(side, tr("Settings from a &video..."), "from_video");
  auto* asked = new QWidget;  // what a low window scrolls
  auto* rows = new QVBoxLayout(asked);
  rows->setContentsMargins(0, 0, 0, 0);
  rows->addWidget(form_);
  rows->addWidget(video);
  rows->addStretch(1);
  layout->addWidget(new ScrollColumn(asked, side), 1);
  layout->addWidget(cost_);
  layout->addWidget(measure_);
  layout->addWidget(generate_);
  layout->addWidget(message_);
  connect(generate_, &QPushButton::clicked, this, &GeneratePage::generate);
  connect(video, &QPushButton::clicked, this, &GeneratePage::ask_for_video);
  connect(form_, &ClipForm::models_asked, this, &GeneratePage::ask_for_models);
  connect(measure_, &QPushButton::clicked, this, [this] {
    measure_->hide();
    costs_->measure();
  });
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
  connect(cancel_, &QPushButton::clicked, this, &GeneratePage::cancel);
  connect(remove_, &QPushButton::clicked, this, &GeneratePage::remove_chosen);
  connect(save_, &QPushButton::clicked, this, &GeneratePage::ask_where_to_save);
  // By what is selected: the current row is also set by the focus, which nobody meant as a choice.
  connect(list_->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          [this] { show_row(chosen_row()); });
  update_buttons();
  return side;
}

void GeneratePage::connect_queue() {
  connect(queue_.get(), &ClipQueue::started, this, [this] {
    // Who looks at a clip goes on looking at it when the next one's turn comes.
    costs_->set_paused(true);
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
  connect(costs_.get(), &CostTeller::told, this, &GeneratePage::show_cost);
  connect(costs_.get(), &CostTeller::failed, this, [this](const QString& sentence) {
    cost_->setText(sentence);
    measure_->hide();
  });
  connect(files_.get(), &ClipFiles::failed, this, [this](const QString& sentence) {
    tell(sentence);
    update_buttons();
  });
  connect(
      files_.get(), &ClipFiles::saved, this,
      [this](const std::shared_ptr<const report::GeneratedClip>& clip, const QStringList& files) {
        queue_->mark_saved(clip);
        wanted_name_.clear();
        tell(tr("Saved %1").arg(files.join(QStringLiteral(", "))));
        update_buttons();
      });
  connect(files_.get(), &ClipFiles::pair_read, this,
          [this](const std::shared_ptr<const report::StoredClip>& dense,
                 const std::shared_ptr<const report::StoredClip>& sparse) {
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

void GeneratePage::show_cost(const ClipCost& cost, bool more) {
  form_->set_has_gpu(cost.memory.device.has_value());
  QString text = describe(cost);
  const auto free = jobs::free_memory_bytes();
  const std::int64_t host =
      cost.memory.device ? cost.memory.device->host : cost.memory.process_bytes.value_or(0);
  if (free && host > *free) {
    text += tr(". Only %1 GB are free: the clip may not fit.")
                .arg(static_cast<double>(*free) / 1e9, 0, 'f', 1);
  }
  if (more) {
    text += tr(". Measuring the time...");
  }
  cost_->setText(text);
  measure_->setVisible(!cost.time && !more);
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
  const ModelFamily& family = model_family(form_->facts()->shape.family);
  try {
    report::check_clip_settings(form_->settings(), family);
    if (form_->needs_start() && form_->settings().image.empty()) {
      return tr("Choose the start picture: this model makes clips from one.");
    }
    report::check_pictures(form_->settings(), family);
  } catch (const Error& error) {
    return to_qt(error.what());
  }
  const std::string prompt = from_qt(form_->prompt());
  return prompt.empty() ? tr("Write a prompt.")
                        : to_qt(jobs::prompt_problem(*form_->facts(), prompt,
                                                     form_->settings().prompt_weights));
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
  measure_->hide();
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

int GeneratePage::chosen_row() const {
  const QModelIndexList chosen = list_->selectionModel()->selectedIndexes();
  return chosen.isEmpty() ? -1 : chosen.constFirst().row();
}

// What the player shows is the chosen row's clip, so that Save writes what is seen.
void GeneratePage::show_row(int row) {
  const bool finished = row >= 0 && row < queue_->rowCount() && queue_->clip(row);
  player_->show_clips(finished ? playable(*queue_->clip(row)) : Playable{});
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
    show_row(row);
  } else {
    update_buttons();
  }
}

void GeneratePage::remember_quality(int row) {
  const std::shared_ptr<const report::GeneratedClip> clip = queue_->clip(row);
  const std::shared_ptr<const Plan>& plan = queue_->request(row).plan;
  const std::shared_ptr<const Plan> open = session_.document.plan();
  if (clip && clip->quality && std::isfinite(clip->quality->psnr_db) && plan && open &&
      plan->model == open->model) {
    session_.document.add_measured({.plan = plan, .psnr_db = clip->quality->psnr_db});
  }
}

void GeneratePage::cancel() {
  const int row = chosen_row();
  const bool waiting = row >= 0 && queue_->state(row) == RequestState::kQueued;
  const int target = waiting ? row : queue_->running_row();
  if (target >= 0) {
    queue_->cancel(target);
  }
}

void GeneratePage::remove_chosen() {
  const int row = chosen_row();
  if (row < 0 || queue_->state(row) == RequestState::kRunning) {
    return;
  }
  if (queue_->unsaved(row)) {
    QMessageBox box(QMessageBox::Question, tr("Remove the clip"),
                    tr("The clip was not saved. Remove it all the same?"),
                    QMessageBox::Discard | QMessageBox::Cancel, widget_);
    box.button(QMessageBox::Discard)->setText(tr("&Remove"));
    box.setDefaultButton(QMessageBox::Cancel);
    if (box.exec() != QMessageBox::Discard) {
      return;
    }
  }
  queue_->remove(row);
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
  if (files_->busy() || row < 0 || row >= queue_->rowCount() || !queue_->clip(row)) {
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

void GeneratePage::take_video(const std::shared_ptr<const report::StoredClip>& clip,
                              const QString& file, const QString& model) {
  // No clip of the list is on show now, so none is chosen: a click on any of them shows it again.
  list_->selectionModel()->clear();
  player_->show_clips({.first = ClipPtr(clip, &clip->clip), .first_caption = file});
  if (!clip->record) {
    tell(tr("%1 holds no settings of a Twill clip.").arg(file));
    return;
  }
  const report::ClipRecord& record = *clip->record;
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
  const std::filesystem::path pictures = form_->facts()->files.path / "pictures";
  const QString dense = path_to_qt(pictures / "dense.mp4");
  const QString sparse = path_to_qt(pictures / "sparse.mp4");
  if (QFileInfo::exists(dense) && QFileInfo::exists(sparse)) {
    files_->read_pair(dense, sparse);
  }
}

void GeneratePage::ask_where_to_save() {
  const int row = chosen_row();
  if (row < 0 || row >= queue_->rowCount() || !queue_->clip(row) || files_->busy()) {
    return;
  }
  const std::shared_ptr<const report::GeneratedClip> clip = queue_->clip(row);
  const auto writes = [clip](const QString& file) { return ClipFiles::files_of(*clip, file); };
  const QString folder =
      session_.settings
          .value(kSavedFolder, QStandardPaths::writableLocation(QStandardPaths::MoviesLocation))
          .toString();
  const auto kind = [](const QString& name, const char* ending) {
    return FileKind{.name = name, .ending = QString::fromLatin1(ending)};
  };
  ask_and_save(
      widget_,
      {.title = tr("Save video"),
       .suggested = wanted_name_.isEmpty()
                        ? free_name(QDir(folder).filePath(QStringLiteral("clip.mp4")), writes)
                        : wanted_name_,
       .kinds = {kind(tr("MP4 video"), "mp4"), kind(tr("WebM video"), "webm"),
                 kind(tr("GIF"), "gif"), kind(tr("WebP"), "webp")},
       .writes = writes},
      [this, row](const QString& file) {
        session_.settings.setValue(kSavedFolder, QFileInfo(file).absolutePath());
        wanted_name_ = file;
        save_clip(row, file);
      });
}

void GeneratePage::ask_for_video() {
  const QString file = QFileDialog::getOpenFileName(widget_, tr("Settings from a video"), QString(),
                                                    tr("Videos (%1)").arg(kVideos));
  if (!file.isEmpty()) {
    open_video(file);
  }
}

void GeneratePage::ask_for_models() {
  ModelsDialog dialog(*models_, widget_);
  if (dialog.exec() == QDialog::Accepted) {
    form_->choose_model(dialog.chosen());
  }
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

QStringList GeneratePage::lost_by_closing() const {
  QStringList lost;
  if (queue_->busy()) {
    lost.append(tr("A clip is being made; closing stops it."));
  }
  if (const int unsaved = queue_->unsaved_clips(); unsaved > 0) {
    lost.append(tr("%n finished clip(s) on the page Generate were not saved.", nullptr, unsaved));
  }
  return lost;
}

void GeneratePage::stop() { queue_->cancel_all(); }

}  // namespace twill::gui
