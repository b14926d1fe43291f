// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "search/search_page.h"

#include <QComboBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMetaObject>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QSplitter>
#include <QStandardPaths>
#include <QVBoxLayout>
#include <array>

#include "base/model_list.h"
#include "base/save_file.h"
#include "base/scroll_column.h"
#include "base/text.h"
#include "generate/cost_teller.h"
#include "plan/plan_document.h"
#include "player/picture_view.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

constexpr int kExamplePrompts = 2;

QSpinBox* spin(QWidget* parent, const char* name, int least, int most, int value) {
  auto* box = new QSpinBox(parent);
  box->setObjectName(QString::fromLatin1(name));
  box->setRange(least, most);
  box->setValue(value);
  return box;
}

enum class WishKind : std::uint8_t { kDensity, kAttentionShare, kPsnr, kSpeedup };

struct Wish {
  WishKind kind;
  const char* id;  // in the settings
  const char* text;
  double least, most, step, usual;
};
// For the last two, clips by several plans are made until one holds.
constexpr std::array<Wish, 4> kWishes{
    {{WishKind::kDensity, "density",
      QT_TRANSLATE_NOOP("twill::gui::SearchPage", "of dense's cells (density)"), 0.01, 1.0, 0.05,
      0.4},
     {WishKind::kAttentionShare, "attention_share",
      QT_TRANSLATE_NOOP("twill::gui::SearchPage", "of dense attention's time here"), 0.01, 1.0,
      0.05, 0.4},
     {WishKind::kPsnr, "min_psnr",
      QT_TRANSLATE_NOOP("twill::gui::SearchPage", "dB of PSNR against dense, at least"), 10.0, 60.0,
      1.0, 30.0},
     {WishKind::kSpeedup, "min_speedup",
      QT_TRANSLATE_NOOP("twill::gui::SearchPage", "times as fast as dense here, at least"), 1.05,
      20.0, 0.1, 1.5}}};

}  // namespace

SearchPage::SearchPage(const Session& session)
    : session_(session), models_(std::make_unique<ModelList>(session_.settings)) {
  build();
  connect_job();
  connect(models_.get(), &ModelList::changed, this, &SearchPage::show_models);
  models_->look_again();
}

SearchPage::~SearchPage() { job_.stop(); }

void SearchPage::build() {
  auto* splitter = new QSplitter(Qt::Horizontal);
  widget_ = splitter;
  splitter->setObjectName(QStringLiteral("search_page"));
  splitter->installEventFilter(this);
  splitter->setChildrenCollapsible(false);
  splitter->addWidget(new ScrollColumn(make_form(), splitter));
  heads_ = new PictureView(tr("The heads' attention maps appear here while they are measured"),
                           splitter);
  splitter->addWidget(heads_);
  splitter->setStretchFactor(1, 1);
  splitter->setSizes({380, 840});
}

QWidget* SearchPage::make_form() {
  auto* side = new QWidget;
  auto* layout = new QVBoxLayout(side);
  auto* form = new QFormLayout;
  model_ = new QComboBox(side);
  model_->setObjectName(QStringLiteral("search_model"));
  prompts_ = new QPlainTextEdit(side);
  prompts_->setObjectName(QStringLiteral("search_prompts"));
  prompts_->setTabChangesFocus(true);
  prompts_->setToolTip(tr("One prompt a line. Two are enough as a rule."));
  budget_kind_ = new QComboBox(side);
  budget_kind_->setObjectName(QStringLiteral("budget_kind"));
  for (const Wish& wish : kWishes) {
    budget_kind_->addItem(tr(wish.text), QLatin1String(wish.id));
  }
  budget_ = new QDoubleSpinBox(side);
  budget_->setObjectName(QStringLiteral("budget"));
  take_wish();
  const jobs::SearchOptions usual;
  segments_ = spin(side, "segments", 1, 64, usual.solve.segments);
  points_ = spin(side, "points", 1, 64, usual.points);
  steps_ = spin(side, "search_steps", 1, 1000, 20);
  out_ = new QLineEdit(side);
  out_->setObjectName(QStringLiteral("search_out"));
  auto* choose = new QPushButton(tr("&Browse..."), side);
  start_ = new QPushButton(tr("&Search"), side);
  start_->setObjectName(QStringLiteral("search_start"));
  stop_ = new QPushButton(tr("S&top"), side);
  stop_->setObjectName(QStringLiteral("search_stop"));
  stop_->setToolTip(tr("What was measured is kept; the same search goes on from there."));
  progress_ = new QProgressBar(side);
  progress_->setObjectName(QStringLiteral("search_progress"));
  problem_ = new QLabel(side);
  problem_->setObjectName(QStringLiteral("search_problem"));
  problem_->setWordWrap(true);
  message_ = new QLabel(side);
  message_->setObjectName(QStringLiteral("search_message"));
  message_->setWordWrap(true);
  message_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  form->addRow(tr("&Model"), model_);
  form->addRow(tr("&Prompts"), prompts_);
  form->addRow(tr("T&arget"), budget_);
  form->addRow(QString(), budget_kind_);
  form->addRow(tr("Se&gments"), segments_);
  form->addRow(tr("Values of t"), points_);
  form->addRow(tr("Steps"), steps_);
  form->addRow(tr("P&lan file"), out_);
  form->addRow(QString(), choose);
  layout->addLayout(form, 1);
  layout->addWidget(problem_);
  layout->addWidget(start_);
  layout->addWidget(stop_);
  layout->addWidget(progress_);
  layout->addWidget(message_);
  const QString folder = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation);
  out_->setText(QDir(folder).filePath(QStringLiteral("searched.json")));
  connect(choose, &QPushButton::clicked, this, [this] {
    const QString file =
        QFileDialog::getSaveFileName(widget_, tr("Plan file"), out_->text(), tr("Plans (*.json)"),
                                     nullptr, QFileDialog::DontConfirmOverwrite);  // start() asks
    if (!file.isEmpty()) {
      out_->setText(file);
    }
  });
  connect(model_, &QComboBox::currentIndexChanged, this, &SearchPage::take_model);
  connect(budget_kind_, &QComboBox::currentIndexChanged, this, &SearchPage::take_wish);
  connect(prompts_, &QPlainTextEdit::textChanged, this, &SearchPage::update_buttons);
  connect(out_, &QLineEdit::textChanged, this, &SearchPage::update_buttons);
  for (QSpinBox* box : {points_, steps_}) {
    connect(box, &QSpinBox::valueChanged, this, &SearchPage::update_buttons);
  }
  connect(start_, &QPushButton::clicked, this, &SearchPage::start);
  connect(stop_, &QPushButton::clicked, this, [this] {
    job_.stop();
    update_buttons();
  });
  return side;
}

void SearchPage::connect_job() {
  connect(&job_, &JobThread::progressed, this, [this](const jobs::Progress& progress) {
    progress_->setRange(0, static_cast<int>(progress.total));
    progress_->setValue(static_cast<int>(progress.done));
    progress_->setFormat(
        progress.eta_seconds > 0
            ? tr("%1, %2 left").arg(to_qt(progress.stage), describe_seconds(progress.eta_seconds))
            : to_qt(progress.stage));
  });
  connect(&job_, &JobThread::noted, this, &SearchPage::tell);
  connect(&job_, &JobThread::ended, this, &SearchPage::end);
}

// The chosen model stays chosen, and what was typed for it stays too.
void SearchPage::show_models() {
  {
    const QSignalBlocker quiet(model_);
    model_->clear();
    for (const jobs::FoundModel& model : models_->models()) {
      if (model.obstacle.empty()) {
        model_->addItem(to_qt(model.name), path_to_qt(model.files.path));
      }
    }
    model_->setCurrentIndex(std::max(0, model_->findData(path_to_qt(taken_model_))));
  }
  take_model();
}

void SearchPage::take_wish() {
  const Wish& wish = kWishes.at(static_cast<std::size_t>(budget_kind_->currentIndex()));
  budget_->setRange(wish.least, wish.most);
  budget_->setSingleStep(wish.step);
  budget_->setValue(wish.usual);
}

// Another model brings its own number of steps, and its prompts where none were written.
void SearchPage::take_model() {
  const std::filesystem::path folder = path_from_qt(model_->currentData().toString());
  if (folder.empty() || folder == taken_model_) {
    update_buttons();
    return;
  }
  taken_model_ = folder;
  try {
    steps_->setValue(*jobs::read_model_facts(chosen_model()).defaults.steps);
    if (prompts_->toPlainText().isEmpty()) {
      QStringList lines;
      for (const std::string& prompt :
           report::read_prompts(folder / "prompts_search.txt", kExamplePrompts)) {
        lines.append(to_qt(prompt));
      }
      prompts_->setPlainText(lines.join(QLatin1Char('\n')));
    }
  } catch (const Error&) {
    // A model without example prompts.
  }
  update_buttons();
}

ModelFiles SearchPage::chosen_model() const {
  const std::filesystem::path path = path_from_qt(model_->currentData().toString());
  for (const jobs::FoundModel& model : models_->models()) {
    if (model.files.path == path) {
      return model.files;
    }
  }
  return path;
}

jobs::SearchOptions SearchPage::options() const {
  jobs::SearchOptions options;
  options.clip.model = chosen_model();
  options.clip.steps = steps_->value();
  for (const QString& line : prompts_->toPlainText().split(QLatin1Char('\n'))) {
    if (!line.trimmed().isEmpty()) {
      options.prompts.push_back(from_qt(line.simplified()));
    }
  }
  options.points = std::min(points_->value(), steps_->value());
  switch (kWishes.at(static_cast<std::size_t>(budget_kind_->currentIndex())).kind) {
    case WishKind::kDensity:
      options.solve.budget = budget_->value();
      break;
    case WishKind::kAttentionShare:
      options.solve.budget_kind = search::BudgetKind::kAttentionShare;
      options.solve.budget = budget_->value();
      break;
    case WishKind::kPsnr:
      options.target.min_psnr_db = budget_->value();
      break;
    case WishKind::kSpeedup:
      options.target.min_speedup = budget_->value();
      break;
  }
  options.solve.segments = segments_->value();
  options.out = path_from_qt(out_->text());
  return options;
}

QString SearchPage::problem() const {
  if (model_->count() == 0) {
    return tr("No model that runs here was found.");
  }
  if (options().prompts.empty()) {
    return tr("Write a prompt.");
  }
  return out_->text().isEmpty() ? tr("Name a file for the plan.") : QString();
}

SearchPage::Measured SearchPage::measured_by(const jobs::SearchOptions& options) {
  return {.model = options.clip.model.path,
          .prompts = options.prompts,
          .steps = *options.clip.steps,
          .points = options.points};
}

bool SearchPage::goes_on() const {
  return begun_ && begun_->stopped && begun_->measured == measured_by(options());
}

void SearchPage::update_buttons() {
  const QString why_not = problem();
  start_->setEnabled(!job_.running() && why_not.isEmpty());
  start_->setText(!job_.running() && goes_on() ? tr("&Go on") : tr("&Search"));
  problem_->setText(why_not);
  problem_->setVisible(!why_not.isEmpty());
  stop_->setEnabled(job_.running() && !job_.stopping());
}

// Hours may lie between the click and the plan: what it will replace is asked about now.
bool SearchPage::agree_on_file() {
  const QString json = QStringLiteral("json");
  const QString file =
      QFileInfo(with_ending(out_->text().trimmed(), {json}, json)).absoluteFilePath();
  out_->setText(file);
  if (const QString obstacle = why_read_only(file); !obstacle.isEmpty()) {
    tell(obstacle);
    return false;
  }
  if (file != agreed_file_ && !may_replace(widget_, tr("Plan file"), {file})) {
    return false;
  }
  agreed_file_ = file;
  return true;
}

void SearchPage::start() {
  tell({});
  if (!agree_on_file()) {
    return;
  }
  last_end_.reset();
  result_ = std::make_shared<report::SearchResult>();
  jobs::SearchOptions asked = options();
  const Measured measured = measured_by(asked);
  // What was measured is worth the same under another name of the plan.
  if (!begun_ || begun_->measured != measured || !std::filesystem::exists(begun_->work)) {
    begun_ = Begun{.measured = measured, .work = jobs::search_work_folder(asked.out)};
  }
  asked.work = begun_->work;
  begun_->stopped = false;
  asked.live = [this](const media::Picture& picture) {
    // The picture's bytes go with the copy, whose lines are packed.
    const QImage image = QImage(picture.rgb.data(), picture.width, picture.height,
                                qsizetype{3} * picture.width, QImage::Format_RGB888)
                             .copy();
    QMetaObject::invokeMethod(
        this, [this, image] { heads_->set_picture(image); }, Qt::QueuedConnection);
  };
  job_.start([asked, result = result_](const jobs::JobControl& control) {
    *result = jobs::search(asked, control);
  });
  update_buttons();
}

void SearchPage::end(const jobs::Outcome& outcome) {
  progress_->reset();
  switch (outcome.kind) {
    case jobs::OutcomeKind::kFinished:
      tell(to_qt(report::describe(*result_)));
      if (!session_.document.modified()) {
        try {
          session_.document.open(path_to_qt(result_->plan));
        } catch (const Error& error) {
          tell(to_qt(error.what()));
        }
      } else {
        tell(to_qt(report::describe(*result_)) +
             tr("The open plan has unsaved edits; open the new one from the menu."));
      }
      break;
    case jobs::OutcomeKind::kCancelled:
      tell(tr("Stopped. What was measured is kept."));
      begun_->stopped = true;
      break;
    case jobs::OutcomeKind::kFailed:
      tell(to_qt(outcome.text));
      break;
  }
  if (outcome.kind != jobs::OutcomeKind::kCancelled) {
    agreed_file_.clear();
  }
  last_end_ = outcome.kind;
  update_buttons();
}

bool SearchPage::eventFilter(QObject* watched, QEvent* event) {
  if (watched == widget_ && event->type() == QEvent::Show) {
    models_->look_again();  // another page may have been given more folders
  }
  return Page::eventFilter(watched, event);
}

void SearchPage::tell(const QString& sentence) { message_->setText(sentence); }

void SearchPage::save_state(QSettings& settings) const {
  settings.setValue(QStringLiteral("model"), path_to_qt(taken_model_));
  settings.setValue(QStringLiteral("prompts"), prompts_->toPlainText());
  settings.setValue(QStringLiteral("steps"), steps_->value());
  settings.setValue(QStringLiteral("points"), points_->value());
  settings.setValue(QStringLiteral("segments"), segments_->value());
  settings.setValue(QStringLiteral("out"), out_->text());
  settings.setValue(QStringLiteral("wish"), budget_kind_->currentData());
  settings.setValue(QStringLiteral("budget"), budget_->value());
  settings.beginGroup(QStringLiteral("begun"));
  save_begun(settings);
  settings.endGroup();
}

void SearchPage::save_begun(QSettings& settings) const {
  settings.remove(QString());
  if (!begun_) {
    return;
  }
  QStringList prompts;
  for (const std::string& prompt : begun_->measured.prompts) {
    prompts.append(to_qt(prompt));
  }
  settings.setValue(QStringLiteral("model"), path_to_qt(begun_->measured.model));
  settings.setValue(QStringLiteral("prompts"), prompts);
  settings.setValue(QStringLiteral("steps"), begun_->measured.steps);
  settings.setValue(QStringLiteral("points"), begun_->measured.points);
  settings.setValue(QStringLiteral("work"), path_to_qt(begun_->work));
  settings.setValue(QStringLiteral("stopped"), begun_->stopped);
}

void SearchPage::restore_state(QSettings& settings) {
  if (settings.contains(QStringLiteral("model"))) {
    taken_model_ = path_from_qt(settings.value(QStringLiteral("model")).toString());
    prompts_->setPlainText(settings.value(QStringLiteral("prompts")).toString());
    steps_->setValue(settings.value(QStringLiteral("steps")).toInt());
    points_->setValue(settings.value(QStringLiteral("points")).toInt());
    segments_->setValue(settings.value(QStringLiteral("segments")).toInt());
  }
  if (settings.contains(QStringLiteral("out"))) {
    out_->setText(settings.value(QStringLiteral("out")).toString());
    budget_kind_->setCurrentIndex(
        std::max(0, budget_kind_->findData(settings.value(QStringLiteral("wish")))));
    budget_->setValue(settings.value(QStringLiteral("budget")).toDouble());
  }
  settings.beginGroup(QStringLiteral("begun"));
  restore_begun(settings);
  settings.endGroup();
  show_models();
}

void SearchPage::restore_begun(QSettings& settings) {
  begun_.reset();
  if (!settings.contains(QStringLiteral("work"))) {
    return;
  }
  Begun begun{.work = path_from_qt(settings.value(QStringLiteral("work")).toString()),
              .stopped = settings.value(QStringLiteral("stopped")).toBool()};
  begun.measured.model = path_from_qt(settings.value(QStringLiteral("model")).toString());
  begun.measured.steps = settings.value(QStringLiteral("steps")).toInt();
  begun.measured.points = settings.value(QStringLiteral("points")).toInt();
  for (const QString& prompt : settings.value(QStringLiteral("prompts")).toStringList()) {
    begun.measured.prompts.push_back(from_qt(prompt));
  }
  begun_ = std::move(begun);
}

QStringList SearchPage::lost_by_closing() const {
  if (!job_.running()) {
    return {};
  }
  return {tr("A search is running; closing stops it, and what was measured is kept.")};
}

void SearchPage::stop() {
  if (job_.running()) {
    job_.stop();
    begun_->stopped = true;
  }
}

}  // namespace twill::gui
