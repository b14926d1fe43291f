// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "search/search_page.h"

#include <QComboBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QMessageBox>
#include <QMetaObject>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSpinBox>
#include <QSplitter>
#include <QStandardPaths>
#include <QVBoxLayout>
#include <array>

#include "base/model_list.h"
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
  connect(models_.get(), &ModelList::changed, this, [this] {
    const QVariant chosen = model_->currentData();
    model_->clear();
    for (const jobs::FoundModel& model : models_->models()) {
      if (model.obstacle.empty()) {
        model_->addItem(to_qt(model.name), path_to_qt(model.path));
      }
    }
    model_->setCurrentIndex(std::max(0, model_->findData(chosen)));
    update_buttons();
  });
  models_->look_again();
}

SearchPage::~SearchPage() { job_.stop(); }

void SearchPage::build() {
  auto* splitter = new QSplitter(Qt::Horizontal);
  widget_ = splitter;
  splitter->setObjectName(QStringLiteral("search_page"));
  splitter->installEventFilter(this);
  splitter->addWidget(make_form());
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
  layout->addWidget(start_);
  layout->addWidget(stop_);
  layout->addWidget(progress_);
  layout->addWidget(message_);
  const QString folder = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation);
  out_->setText(QDir(folder).filePath(QStringLiteral("searched.json")));
  connect(choose, &QPushButton::clicked, this, [this] {
    const QString file =
        QFileDialog::getSaveFileName(widget_, tr("Plan file"), out_->text(), tr("Plans (*.json)"));
    if (!file.isEmpty()) {
      out_->setText(file);
    }
  });
  connect(model_, &QComboBox::currentIndexChanged, this, &SearchPage::take_model);
  connect(budget_kind_, &QComboBox::currentIndexChanged, this, &SearchPage::take_wish);
  connect(prompts_, &QPlainTextEdit::textChanged, this, &SearchPage::update_buttons);
  connect(out_, &QLineEdit::textChanged, this, &SearchPage::update_buttons);
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

void SearchPage::take_wish() {
  const Wish& wish = kWishes.at(static_cast<std::size_t>(budget_kind_->currentIndex()));
  budget_->setRange(wish.least, wish.most);
  budget_->setSingleStep(wish.step);
  budget_->setValue(wish.usual);
}

// Prompts that come with the model, and its own number of steps.
void SearchPage::take_model() {
  const std::filesystem::path folder = path_from_qt(model_->currentData().toString());
  if (folder.empty()) {
    return;
  }
  try {
    steps_->setValue(*jobs::read_model_facts(folder).defaults.steps);
    if (prompts_->toPlainText().isEmpty()) {
      QStringList lines;
      for (const std::string& prompt :
           jobs::read_prompts(folder / "prompts_search.txt", kExamplePrompts)) {
        lines.append(to_qt(prompt));
      }
      prompts_->setPlainText(lines.join(QLatin1Char('\n')));
    }
  } catch (const Error&) {
    // A model without example prompts.
  }
  update_buttons();
}

jobs::SearchOptions SearchPage::options() const {
  jobs::SearchOptions options;
  options.clip.model = path_from_qt(model_->currentData().toString());
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

void SearchPage::update_buttons() {
  start_->setEnabled(!job_.running() && problem().isEmpty());
  start_->setToolTip(problem());
  stop_->setEnabled(job_.running() && !job_.stopping());
}

void SearchPage::start() {
  tell({});
  last_end_.reset();
  result_ = std::make_shared<jobs::SearchResult>();
  jobs::SearchOptions asked = options();
  asked.live = [this](const jobs::Picture& picture) {
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
  start_->setText(tr("&Search"));
  update_buttons();
}

void SearchPage::end(const jobs::Outcome& outcome) {
  progress_->reset();
  switch (outcome.kind) {
    case jobs::OutcomeKind::kFinished:
      tell(to_qt(jobs::describe(*result_)));
      if (!session_.document.modified()) {
        try {
          session_.document.open(path_to_qt(result_->plan));
        } catch (const Error& error) {
          tell(to_qt(error.what()));
        }
      } else {
        tell(to_qt(jobs::describe(*result_)) +
             tr("The open plan has unsaved edits; open the new one from the menu."));
      }
      break;
    case jobs::OutcomeKind::kCancelled:
      tell(tr("Stopped. What was measured is kept."));
      start_->setText(tr("&Go on"));
      break;
    case jobs::OutcomeKind::kFailed:
      tell(to_qt(outcome.text));
      break;
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
  settings.setValue(QStringLiteral("out"), out_->text());
  settings.setValue(QStringLiteral("wish"), budget_kind_->currentData());
  settings.setValue(QStringLiteral("budget"), budget_->value());
}

void SearchPage::restore_state(QSettings& settings) {
  if (settings.contains(QStringLiteral("out"))) {
    out_->setText(settings.value(QStringLiteral("out")).toString());
    budget_kind_->setCurrentIndex(
        std::max(0, budget_kind_->findData(settings.value(QStringLiteral("wish")))));
    budget_->setValue(settings.value(QStringLiteral("budget")).toDouble());
  }
}

bool SearchPage::may_close() {
  if (!job_.running()) {
    return true;
  }
  const bool close =
      QMessageBox::question(widget_, tr("A search is running"),
                            tr("A search is running. Stop it and close? What was measured is "
                               "kept.")) == QMessageBox::Yes;
  if (close) {
    job_.stop();
  }
  return close;
}

}  // namespace twill::gui
