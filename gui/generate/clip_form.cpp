// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/clip_form.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QRandomGenerator>
#include <QScopedValueRollback>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>

#include "base/seed_edit.h"
#include "base/text.h"
#include "generate/lora_list.h"
#include "generate/picture_edit.h"
#include "generate/setting_choice.h"
#include "twill/jobs/comfy_folders.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

constexpr int kMostSide = 4096;  // as core/jobs checks

QSpinBox* spin(QWidget* parent, const char* name, int least, int most, int step) {
  auto* box = new QSpinBox(parent);
  box->setObjectName(QString::fromLatin1(name));
  box->setRange(least, most);
  box->setSingleStep(step);
  return box;
}

QDoubleSpinBox* real_spin(QWidget* parent, const char* name, double least, double most,
                          double step) {
  auto* box = new QDoubleSpinBox(parent);
  box->setObjectName(QString::fromLatin1(name));
  box->setRange(least, most);
  box->setSingleStep(step);
  box->setDecimals(2);
  return box;
}

QWidget* row_of(QWidget* parent, const QList<QWidget*>& widgets) {
  auto* row = new QWidget(parent);
  auto* layout = new QHBoxLayout(row);
  layout->setContentsMargins(0, 0, 0, 0);
  for (QWidget* widget : widgets) {
    layout->addWidget(widget);
  }
  return row;
}

// One that is not found keeps its name alone: the job that needs it says that it is not there.
std::vector<LoraChoice> loras_of(const report::ClipRecord& record,
                                 const std::optional<jobs::ModelFacts>& facts) {
  std::vector<LoraChoice> loras;
  for (const report::RecordedLora& lora : record.loras) {
    loras.push_back(lora.choice);
    try {
      const ModelPlaces places =
          facts && !facts->files.places.empty() ? facts->files.places : jobs::comfy_places();
      loras.back() = jobs::find_loras({lora.choice}, places).front();
    } catch (const Error&) {
      continue;
    }
  }
  return loras;
}

}  // namespace

ClipForm::ClipForm(QWidget* parent) : QWidget(parent) {
  setObjectName(QStringLiteral("clip_form"));
  model_problem_ = tr("Looking for models...");
  auto* form = new QFormLayout(this);
  form->setContentsMargins(0, 0, 0, 0);
  form->setRowWrapPolicy(QFormLayout::WrapLongRows);
  model_ = new QComboBox(this);
  model_->setObjectName(QStringLiteral("model"));
  model_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  connect(model_, &QComboBox::currentIndexChanged, this, &ClipForm::take_model);
  auto* places = new QPushButton(tr("Models..."), this);
  places->setObjectName(QStringLiteral("model_folders"));
  places->setToolTip(tr("Where models are looked for, and what was found there."));
  connect(places, &QPushButton::clicked, this, &ClipForm::models_asked);
  auto* model_row = row_of(this, {model_, places});
  static_cast<QHBoxLayout*>(model_row->layout())->setStretch(0, 1);
  form->addRow(tr("&Model"), model_row);
  static_cast<QLabel*>(form->labelForField(model_row))->setBuddy(model_);
  prompt_ = new QPlainTextEdit(this);
  prompt_->setObjectName(QStringLiteral("prompt"));
  prompt_->setTabChangesFocus(true);
  prompt_->setMaximumHeight(
      std::max(prompt_->minimumSizeHint().height(), 4 * fontMetrics().height() + 12));
  connect(prompt_, &QPlainTextEdit::textChanged, this, &ClipForm::changed);
  form->addRow(tr("&Prompt"), prompt_);
  add_pictures(*form);
  add_numbers(*form);
  fit_to_model();
}

void ClipForm::add_pictures(QFormLayout& form) {
  image_ = new PictureEdit(QStringLiteral("image"), tr("Start picture"), this);
  end_image_ = new PictureEdit(QStringLiteral("end_image"), tr("End picture"), this);
  loras_ = new LoraList(this);
  form.addRow(tr("Start picture"), image_);
  form.addRow(tr("End picture"), end_image_);
  form.addRow(tr("LoRAs"), loras_);
  const auto tell = [this] {
    if (!filling_) {
      show_choices();
      Q_EMIT changed();
    }
  };
  connect(image_, &PictureEdit::changed, this, tell);
  connect(end_image_, &PictureEdit::changed, this, tell);
  connect(loras_, &LoraList::changed, this, tell);
}

const ModelFamily* ClipForm::family() const {
  return facts_ ? &model_family(facts_->shape.family) : nullptr;
}

bool ClipForm::needs_start() const { return family() != nullptr && family()->needs_start(); }

void ClipForm::fit_to_model() {
  auto* form = static_cast<QFormLayout*>(layout());
  form->setRowVisible(image_, family() != nullptr && family()->image.has_value());
  form->setRowVisible(end_image_, family() != nullptr && family()->takes_end());
  second_cfg_->setVisible(has_two_experts());
  const QScopedValueRollback filling(filling_, true);
  loras_->set_experts(facts_ ? facts_->shape.experts : std::vector<std::string>());
}

void ClipForm::add_numbers(QFormLayout& form) {
  size_ = new QComboBox(this);
  size_->setObjectName(QStringLiteral("size"));
  connect(size_, &QComboBox::activated, this, &ClipForm::take_size);
  form.addRow(tr("&Size"), size_);
  width_ = spin(this, "width", 1, kMostSide, 1);
  height_ = spin(this, "height", 1, kMostSide, 1);
  frames_ = spin(this, "frames", 1, 1001, 1);
  form.addRow(tr("Width, height, frames"), row_of(this, {width_, height_, frames_}));
  setting_ = new SettingChoice(this);
  connect(setting_, &SettingChoice::picked, this, &ClipForm::take_setting);
  setting_note_ = new QLabel(
      tr("For a step-distilled LoRA: add it above, unless the checkpoint has it merged."), this);
  setting_note_->setObjectName(QStringLiteral("setting_note"));
  setting_note_->setWordWrap(true);
  setting_note_->hide();
  auto* setting = new QWidget(this);
  auto* setting_rows = new QVBoxLayout(setting);
  setting_rows->setContentsMargins(0, 0, 0, 0);
  setting_rows->addWidget(setting_);
  setting_rows->addWidget(setting_note_);
  form.addRow(tr("Sett&ing"), setting);
  static_cast<QLabel*>(form.labelForField(setting))->setBuddy(setting_);
  steps_ = spin(this, "steps", 1, 1000, 1);
  sampler_ = new QComboBox(this);
  sampler_->setObjectName(QStringLiteral("sampler"));
  for (const std::string_view name : report::sampler_names()) {
    sampler_->addItem(to_qt(name));
  }
  form.addRow(tr("S&teps, sampler"), row_of(this, {steps_, sampler_}));
  seed_ = new SeedEdit(this);
  seed_->setObjectName(QStringLiteral("seed"));
  auto* other = new QPushButton(tr("Another"), this);
  other->setObjectName(QStringLiteral("other_seed"));
  connect(other, &QPushButton::clicked, this,
          [this] { set_seed(QRandomGenerator::global()->bounded(1'000'000'000)); });
  form.addRow(tr("S&eed"), row_of(this, {seed_, other}));
  shift_ = real_spin(this, "shift", 0.01, 100, 0.5);
  cfg_ = real_spin(this, "cfg", 1, 100, 0.5);
  second_cfg_ = real_spin(this, "second_cfg", 1, 100, 0.5);
  second_cfg_->setToolTip(tr("Guidance of the second expert, which ends the clip."));
  form.addRow(tr("Shift, guidance"), row_of(this, {shift_, cfg_, second_cfg_}));
  negative_ = new QLineEdit(this);
  negative_->setObjectName(QStringLiteral("negative_prompt"));
  form.addRow(tr("Negative prompt"), negative_);
  weights_ = new QComboBox(this);
  weights_->setObjectName(QStringLiteral("prompt_weights"));
  weights_->setToolTip(
      tr("In ComfyUI (word) weighs 1.1 and (word:1.3) weighs 1.3; elsewhere brackets are text."));
  for (const auto& [weights, name] : kPromptWeightsNames) {
    weights_->addItem(weights_text(weights), static_cast<int>(weights));
  }
  form.addRow(tr("Brackets in prompts"), weights_);
  fps_ = real_spin(this, "fps", 1, 240, 1);
  dtype_ = new QComboBox(this);
  dtype_->setObjectName(QStringLiteral("dtype"));
  dtype_->addItem(tr("as the machine does best"), QString());
  for (const std::string_view name : report::dtype_names()) {
    dtype_->addItem(to_qt(name), to_qt(name));
  }
  form.addRow(tr("Frames a second"), fps_);
  form.addRow(tr("Numbers"), dtype_);
  vram_ = real_spin(this, "vram", 0, 1024, 1);
  vram_->setSpecialValueText(tr("all that is free"));
  vram_->setSuffix(QStringLiteral(" GiB"));
  vram_->setToolTip(
      tr("Of the GPU, for weights and a step; what does not fit stands in host memory."));
  form.addRow(tr("GPU memory"), vram_);
  form.setRowVisible(vram_, false);

  const auto tell = [this] {
    if (!filling_) {
      show_choices();
      Q_EMIT changed();
    }
  };
  for (QSpinBox* box : {width_, height_, frames_, steps_}) {
    connect(box, &QSpinBox::valueChanged, this, tell);
  }
  for (QDoubleSpinBox* box : {shift_, cfg_, second_cfg_, fps_, vram_}) {
    connect(box, &QDoubleSpinBox::valueChanged, this, tell);
  }
  for (QComboBox* box : {sampler_, weights_, dtype_}) {
    connect(box, &QComboBox::currentIndexChanged, this, tell);
  }
  for (QLineEdit* line : std::initializer_list<QLineEdit*>{seed_, negative_}) {
    connect(line, &QLineEdit::textChanged, this, tell);
  }
}

QString ClipForm::weights_text(PromptWeights weights) {
  switch (weights) {
    case PromptWeights::kComfyUi:
      return tr("weights, as in ComfyUI");
    case PromptWeights::kNone:
      return tr("text");
    default:
      return tr("weights with a number such as (word:1.3), else text");
  }
}

void ClipForm::set_models(const std::vector<jobs::FoundModel>& models) {
  const int at = model_->currentIndex();
  const auto chosen =
      at < 0 ? std::filesystem::path() : models_[static_cast<std::size_t>(at)].files.path;
  {
    const QScopedValueRollback filling(filling_, true);
    model_->clear();
    models_ = models;
    for (const jobs::FoundModel& model : models) {
      model_->addItem(model.obstacle.empty() ? to_qt(model.name)
                                             : tr("%1 (cannot run)").arg(to_qt(model.name)));
      model_->setItemData(model_->count() - 1,
                          model.obstacle.empty()
                              ? path_to_qt(model.files.path)
                              : to_qt(model.files.path.string() + ": " + model.obstacle),
                          Qt::ToolTipRole);
    }
  }
  if (!choose_model(chosen)) {
    take_model();
  }
}

bool ClipForm::choose_model(const std::filesystem::path& path) {
  for (std::size_t i = 0; i < models_.size(); ++i) {
    if (models_[i].files.path == path) {
      const bool same = facts_ && facts_->files.path == path;
      const QScopedValueRollback filling(filling_, same);
      model_->setCurrentIndex(static_cast<int>(i));
      if (!same) {
        take_model();
      }
      return true;
    }
  }
  return false;
}

void ClipForm::take_model() {
  if (filling_) {
    return;
  }
  const int at = model_->currentIndex();
  facts_.reset();
  model_problem_ = tr("No model was found. Models... says where they are looked for.");
  if (at >= 0) {
    const jobs::FoundModel& model = models_[static_cast<std::size_t>(at)];
    model_problem_ = to_qt(model.obstacle);
    if (model.obstacle.empty()) {
      try {
        facts_ = jobs::read_model_facts(model.files);
        take_defaults(facts_->defaults);
      } catch (const Error& error) {
        model_problem_ = to_qt(error.what());
      }
    }
  }
  if (!facts_) {
    setting_->set_model(facts_);
    show_choices();
  }
  fit_to_model();
  Q_EMIT changed();
}

void ClipForm::take_defaults(const report::ClipSettings& defaults) {
  const QScopedValueRollback filling(filling_, true);
  size_->clear();
  for (const report::ClipSettings& size : facts_->sizes) {
    size_->addItem(QStringLiteral("%1 x %2, %3")
                       .arg(*size.width)
                       .arg(*size.height)
                       .arg(tr("%1 frames").arg(*size.frames)));
  }
  size_->addItem(tr("Other"));
  setting_->set_model(facts_);
  width_->setRange(family()->width_step(), kMostSide);
  width_->setSingleStep(family()->width_step());
  height_->setRange(family()->height_step(), kMostSide);
  height_->setSingleStep(family()->height_step());
  frames_->setSingleStep(family()->frame_step());
  width_->setValue(*defaults.width);
  height_->setValue(*defaults.height);
  frames_->setValue(*defaults.frames);
  steps_->setValue(*defaults.steps);
  shift_->setValue(*defaults.shift);
  set_guidance(*defaults.cfg);
  fps_->setValue(*defaults.fps);
  sampler_->setCurrentText(to_qt(*defaults.sampler));
  show_choices();
}

void ClipForm::take_size(int index) {
  if (!facts_ || index < 0 || index >= static_cast<int>(facts_->sizes.size())) {
    return;
  }
  const report::ClipSettings& size = facts_->sizes[static_cast<std::size_t>(index)];
  {
    const QScopedValueRollback filling(filling_, true);
    width_->setValue(*size.width);
    height_->setValue(*size.height);
    frames_->setValue(*size.frames);
  }
  Q_EMIT changed();
}

void ClipForm::take_setting(const report::ClipSettings& fields) {
  {
    const QScopedValueRollback filling(filling_, true);
    steps_->setValue(*fields.steps);
    shift_->setValue(*fields.shift);
    set_guidance(*fields.cfg);
    sampler_->setCurrentText(to_qt(*fields.sampler));
    if (fields.width) {
      const bool upright = height_->value() > width_->value();
      width_->setValue(upright ? *fields.height : *fields.width);
      height_->setValue(upright ? *fields.width : *fields.height);
    }
  }
  show_choices();
  Q_EMIT changed();
}

void ClipForm::show_choices() {
  setting_->show_for(settings());
  setting_note_->setVisible(setting_->distilled() && loras_->loras().empty());
  int index = size_->count() - 1;
  for (std::size_t i = 0; facts_ && i < facts_->sizes.size(); ++i) {
    const report::ClipSettings& size = facts_->sizes[i];
    if (*size.width == width_->value() && *size.height == height_->value() &&
        *size.frames == frames_->value()) {
      index = static_cast<int>(i);
    }
  }
  size_->setCurrentIndex(index);
}

bool ClipForm::has_two_experts() const {
  return family() != nullptr && family()->experts.size() > 1;
}

void ClipForm::set_guidance(const Guidance& guidance) {
  cfg_->setValue(guidance.of(0));
  second_cfg_->setValue(guidance.of(1));
}

Guidance ClipForm::guidance() const {
  Guidance guidance = cfg_->value();
  if (has_two_experts() && second_cfg_->value() != cfg_->value()) {
    guidance.second = second_cfg_->value();
  }
  return guidance;
}

report::ClipSettings ClipForm::settings() const {
  report::ClipSettings settings{
      .width = width_->value(),
      .height = height_->value(),
      .frames = frames_->value(),
      .fps = fps_->value(),
      .steps = steps_->value(),
      .shift = shift_->value(),
      .cfg = guidance(),
      .negative_prompt = from_qt(negative_->text()),
      .prompt_weights = static_cast<PromptWeights>(weights_->currentData().toInt()),
      .sampler = from_qt(sampler_->currentText()),
      .loras = loras_->loras()};
  if (family() != nullptr && family()->image) {
    settings.image = image_->file();
  }
  if (family() != nullptr && family()->takes_end()) {
    settings.end_image = end_image_->file();
  }
  if (facts_) {
    settings.model = facts_->files;
  }
  if (const QString dtype = dtype_->currentData().toString(); !dtype.isEmpty()) {
    settings.dtype = from_qt(dtype);
  }
  if (static_cast<QFormLayout*>(layout())->isRowVisible(vram_) && vram_->value() > 0) {
    settings.vram_gib = vram_->value();
  }
  return settings;
}

void ClipForm::add_row(const QString& label, QWidget* field) {
  static_cast<QFormLayout*>(layout())->addRow(label, field);
}

void ClipForm::set_has_gpu(bool has_gpu) {
  static_cast<QFormLayout*>(layout())->setRowVisible(vram_, has_gpu);
}

// A row is broken where its own label leaves too little room, but stands beside the widest one.
QSize ClipForm::minimumSizeHint() const {
  const auto* form = static_cast<const QFormLayout*>(layout());
  int label = 0, field = 0;
  for (int row = 0; row < form->rowCount(); ++row) {
    if (const QLayoutItem* const item = form->itemAt(row, QFormLayout::LabelRole)) {
      label = std::max(label, item->minimumSize().width());
    }
    field = std::max(field, form->itemAt(row, QFormLayout::FieldRole)->minimumSize().width());
  }
  return {label + form->horizontalSpacing() + field, QWidget::minimumSizeHint().height()};
}

QString ClipForm::prompt() const { return prompt_->toPlainText().simplified(); }
std::uint64_t ClipForm::seed() const { return seed_->seed(); }
void ClipForm::set_prompt(const QString& prompt) { prompt_->setPlainText(prompt); }
void ClipForm::set_seed(std::uint64_t seed) { seed_->set_seed(seed); }

void ClipForm::set_record(const report::ClipRecord& record) {
  const report::ClipSettings& clip = record.clip;
  {
    const QScopedValueRollback filling(filling_, true);
    width_->setValue(*clip.width);
    height_->setValue(*clip.height);
    frames_->setValue(*clip.frames);
    steps_->setValue(*clip.steps);
    shift_->setValue(*clip.shift);
    set_guidance(*clip.cfg);
    fps_->setValue(*clip.fps);
    sampler_->setCurrentText(to_qt(*clip.sampler));
    dtype_->setCurrentIndex(std::max(0, dtype_->findData(to_qt(*clip.dtype))));
    negative_->setText(to_qt(clip.negative_prompt));
    weights_->setCurrentIndex(weights_->findData(static_cast<int>(clip.prompt_weights)));
    loras_->set_loras(loras_of(record, facts_));
    set_seed(record.seed);
    set_prompt(to_qt(record.prompt));
  }
  show_choices();
  Q_EMIT changed();
}

}  // namespace twill::gui
