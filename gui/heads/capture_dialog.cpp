// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/capture_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalBlocker>
#include <utility>

#include "base/seed_edit.h"
#include "base/text.h"
#include "twill/jobs/estimate.h"
#include "twill/jobs/free_memory.h"

namespace twill::gui {
namespace {

QString in_bytes(std::int64_t bytes) {
  return QLocale().formattedDataSize(bytes, 1, QLocale::DataSizeSIFormat);
}

QString size_text(const report::ClipSettings& clip) {
  return QStringLiteral("%1 x %2 x %3").arg(*clip.width).arg(*clip.height).arg(*clip.frames);
}

}  // namespace

CaptureDialog::CaptureDialog(const Session& session, ModelShape model, std::vector<HeadRef> heads,
                             double t, QWidget* parent)
    : QDialog(parent),
      session_(session),
      shape_(std::move(model)),
      heads_(std::move(heads)),
      models_(session.settings) {
  setObjectName(QStringLiteral("capture_dialog"));
  setWindowTitle(tr("Attention at full detail"));
  build(t);
  connect(&models_, &ModelList::changed, this, &CaptureDialog::read_models);
  connect(&reader_, &JobThread::ended, this, &CaptureDialog::take_models);
  connect(&capture_, &JobThread::ended, this, &CaptureDialog::take_maps);
  connect(&capture_, &JobThread::progressed, this, [this](const jobs::Progress& progress) {
    progress_->setRange(0, static_cast<int>(progress.total));
    progress_->setValue(static_cast<int>(progress.done));
    progress_->setFormat(
        progress.eta_seconds < 0.0
            ? to_qt(progress.stage)
            : tr("%1, %2 s left").arg(to_qt(progress.stage)).arg(qRound(progress.eta_seconds)));
  });
  models_.look_again();
  tell(tr("Looking for models..."));
}

void CaptureDialog::build(double t) {
  auto* form = new QFormLayout(this);
  model_ = new QComboBox(this);
  model_->setObjectName(QStringLiteral("capture_model"));
  size_ = new QComboBox(this);
  size_->setObjectName(QStringLiteral("capture_size"));
  prompt_ = new QLineEdit(this);
  prompt_->setObjectName(QStringLiteral("capture_prompt"));
  prompt_->setMinimumWidth(360);
  seed_ = new SeedEdit(this);
  seed_->setObjectName(QStringLiteral("capture_seed"));
  t_ = new QDoubleSpinBox(this);
  t_->setObjectName(QStringLiteral("capture_t"));
  t_->setRange(0.0, 1.0);
  t_->setSingleStep(0.05);
  t_->setValue(t);
  memory_ = new QLabel(this);
  memory_->setObjectName(QStringLiteral("capture_memory"));
  memory_->setWordWrap(true);
  progress_ = new QProgressBar(this);
  message_ = new QLabel(this);
  message_->setObjectName(QStringLiteral("capture_message"));
  message_->setWordWrap(true);
  form->addRow(tr("&Model"), model_);
  form->addRow(tr("&Size"), size_);
  form->addRow(tr("&Prompt"), prompt_);
  form->addRow(tr("S&eed"), seed_);
  form->addRow(tr("&t (1: noise, 0: clean)"), t_);
  form->addRow(memory_);
  form->addRow(progress_);
  form->addRow(message_);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
  start_ = buttons->addButton(tr("&Capture"), QDialogButtonBox::ActionRole);
  start_->setObjectName(QStringLiteral("capture_start"));
  start_->setEnabled(false);
  form->addRow(buttons);
  connect(buttons, &QDialogButtonBox::rejected, this, &CaptureDialog::reject);
  connect(start_, &QPushButton::clicked, this, &CaptureDialog::start);
  connect(model_, &QComboBox::currentIndexChanged, this, &CaptureDialog::model_chosen);
  connect(size_, &QComboBox::currentIndexChanged, this, &CaptureDialog::say_memory);
}

void CaptureDialog::read_models() {
  if (reader_.running()) {
    return;
  }
  reading_ = std::make_shared<std::vector<jobs::ModelFacts>>();
  reader_.start(
      [found = models_.models(), shape = shape_, fitting = reading_](const jobs::JobControl&) {
        for (const jobs::FoundModel& model : found) {
          if (!model.obstacle.empty()) {
            continue;
          }
          try {
            jobs::ModelFacts facts = jobs::read_model_facts(model.files);
            if (facts.shape == shape) {
              fitting->push_back(std::move(facts));
            }
          } catch (const Error&) {
            // Damaged since it was found: no model to choose.
          }
        }
      });
}

void CaptureDialog::take_models(const jobs::Outcome& /*outcome*/) {
  fitting_ = std::move(*std::exchange(reading_, nullptr));
  const QSignalBlocker quiet(model_);
  model_->clear();
  for (const jobs::ModelFacts& facts : fitting_) {
    model_->addItem(to_qt(facts.name));
  }
  tell(fitting_.empty()
           ? tr("No model that runs here has the layers and heads of this plan (%1). The page "
                "Generate says where models are looked for.")
                 .arg(to_qt(shape_.family))
           : QString());
  model_chosen();
}

const jobs::ModelFacts* CaptureDialog::facts() const {
  const int index = model_->currentIndex();
  return index >= 0 ? &fitting_[static_cast<std::size_t>(index)] : nullptr;
}

report::ClipSettings CaptureDialog::clip() const {
  const int index = size_->currentIndex();
  report::ClipSettings clip =
      index > 0 ? facts()->sizes[static_cast<std::size_t>(index - 1)] : report::ClipSettings{};
  clip.model = facts()->files;
  return jobs::with_defaults(clip, *facts());
}

void CaptureDialog::model_chosen() {
  const QSignalBlocker quiet(size_);
  size_->clear();
  if (const jobs::ModelFacts* of = facts()) {
    size_->addItem(size_text(of->defaults));
    for (const report::ClipSettings& size : of->sizes) {
      size_->addItem(size_text(jobs::with_defaults(size, *of)));
    }
    if (prompt_->text().isEmpty()) {
      prompt_->setText(example_prompt(*of));
    }
  }
  say_memory();
}

void CaptureDialog::say_memory() {
  start_->setEnabled(facts() != nullptr);
  memory_->clear();
  if (!facts()) {
    return;
  }
  try {
    const std::int64_t maps = jobs::capture_map_bytes(*facts(), clip(), heads_.size());
    const std::int64_t all = jobs::capture_memory_bytes(*facts(), clip(), heads_.size());
    const std::optional<std::int64_t> free = jobs::free_memory_bytes();
    QString text =
        tr("Maps of %n head(s): %1, kept while the app runs; about %2 while it captures.", nullptr,
           static_cast<int>(heads_.size()))
            .arg(in_bytes(maps), in_bytes(all));
    if (free && all > *free) {
      text += tr(" Only %1 are free: choose fewer heads or a smaller clip.").arg(in_bytes(*free));
      start_->setEnabled(false);
    }
    memory_->setText(text);
  } catch (const Error& error) {
    tell(to_qt(error.what()));
    start_->setEnabled(false);
  }
}

void CaptureDialog::start() {
  const std::string prompt = from_qt(prompt_->text().simplified());
  if (prompt.empty()) {
    tell(tr("Write a prompt."));
    return;
  }
  if (const std::string problem = jobs::prompt_problem(*facts(), prompt, clip().prompt_weights);
      !problem.empty()) {
    tell(to_qt(problem));
    return;
  }
  jobs::CaptureOptions options{
      .clip = clip(), .prompt = prompt, .seed = seed_->seed(), .t = t_->value()};
  for (const HeadRef& head : heads_) {
    const HeadSite site = head_site(shape_, head.head);
    options.heads.push_back(
        {.expert = head.expert, .stack = site.stack, .layer = site.layer, .head = site.head});
  }
  tell({});
  start_->setEnabled(false);
  progress_->setRange(0, 0);
  result_ = std::make_shared<jobs::CaptureResult>();
  capture_.start([options, result = result_](const jobs::JobControl& control) {
    *result = jobs::capture_attention(options, control);
  });
}

void CaptureDialog::take_maps(const jobs::Outcome& outcome) {
  const std::shared_ptr<jobs::CaptureResult> result = std::exchange(result_, nullptr);
  progress_->reset();
  progress_->setRange(0, 1);
  say_memory();
  if (closing_) {
    QDialog::reject();
    return;
  }
  if (outcome.kind != jobs::OutcomeKind::kFinished) {
    tell(to_qt(outcome.text));
    return;
  }
  CapturedMaps captured{.t = result->t};
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    captured.maps[heads_[i]] = {.cells = {result->maps[i], result->maps[i].get()},
                                .size = result->layout.tokens(),
                                .layout = result->layout};
  }
  Q_EMIT this->captured(captured);
  accept();
}

void CaptureDialog::reject() {
  if (capture_.running()) {
    closing_ = true;
    tell(tr("Stopping..."));
    capture_.stop();
    return;
  }
  QDialog::reject();
}

void CaptureDialog::tell(const QString& sentence) { message_->setText(sentence); }

}  // namespace twill::gui
