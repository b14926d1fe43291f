// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/setting_choice.h"

#include <QAbstractItemView>
#include <utility>

#include "base/text.h"

namespace twill::gui {
namespace {

report::ClipSettings fields_of(const PublishedSetting& setting) {
  report::ClipSettings fields{.steps = setting.steps,
                              .shift = setting.shift,
                              .cfg = setting.cfg,
                              .sampler = setting.sampler};
  if (setting.width > 0) {
    fields.width = setting.width;
    fields.height = setting.height;
  }
  return fields;
}

QString text_of(const PublishedSetting& setting) {
  const QString steps = SettingChoice::tr("%1 steps").arg(setting.steps);
  switch (setting.kind) {
    case SettingKind::kPublished:
      return SettingChoice::tr("Published for %1 x %2, %3")
          .arg(setting.width)
          .arg(setting.height)
          .arg(steps);
    case SettingKind::kTwoPictures:
      return SettingChoice::tr("Published for a start and an end picture, %1").arg(steps);
    case SettingKind::kDistilled:
      return SettingChoice::tr("Fast, with a step-distilled LoRA, %1").arg(steps);
  }
  return {};
}

}  // namespace

SettingChoice::SettingChoice(QWidget* parent) : QComboBox(parent) {
  setObjectName(QStringLiteral("setting"));
  setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  set_model(std::nullopt);
  connect(this, &QComboBox::activated, this, [this](int index) {
    if (index >= 0 && index < static_cast<int>(choices_.size())) {
      Q_EMIT picked(choices_[static_cast<std::size_t>(index)].fields);
    }
  });
}

void SettingChoice::add(const QString& text, const QString& from, const Choice& choice) {
  addItem(text);
  const report::ClipSettings& fields = choice.fields;
  setItemData(count() - 1,
              tr("%1 steps, shift %2, guidance %3, %4. %5")
                  .arg(*fields.steps)
                  .arg(*fields.shift)
                  .arg(to_qt(concat(*fields.cfg)))
                  .arg(to_qt(*fields.sampler), from),
              Qt::ToolTipRole);
  choices_.push_back(choice);
}

void SettingChoice::set_model(const std::optional<jobs::ModelFacts>& facts) {
  clear();
  choices_.clear();
  if (facts) {
    const report::ClipSettings& own = facts->defaults;
    add(tr("The model's own, %1").arg(tr("%1 steps").arg(*own.steps)), tr("What it begins with."),
        {.fields = {
             .steps = own.steps, .shift = own.shift, .cfg = own.cfg, .sampler = own.sampler}});
    for (const PublishedSetting& setting : facts->settings) {
      const bool distilled = setting.kind == SettingKind::kDistilled;
      const QString from = tr("From %1.").arg(to_qt(setting.source));
      add(text_of(setting), from, {.fields = fields_of(setting), .distilled = distilled});
      if (distilled) {
        PublishedSetting twice = setting;
        twice.steps *= 2;
        add(text_of(twice),
            tr("Twice the steps of %1, which nobody published.").arg(to_qt(setting.source)),
            {.fields = fields_of(twice), .distilled = true});
      }
    }
  }
  addItem(tr("Own"));
  // The column of controls may be narrower than these texts.
  view()->setMinimumWidth(view()->sizeHintForColumn(0) + 2 * view()->frameWidth());
}

bool SettingChoice::is(const Choice& choice, const report::ClipSettings& fields) const {
  const report::ClipSettings& of = choice.fields;
  const bool size = !of.width || (of.width == fields.width && of.height == fields.height) ||
                    (of.width == fields.height && of.height == fields.width);
  return size && of.steps == fields.steps && of.shift == fields.shift && of.cfg == fields.cfg &&
         of.sampler == fields.sampler;
}

void SettingChoice::show_for(const report::ClipSettings& fields) {
  const int now = currentIndex();
  if (now >= 0 && now < static_cast<int>(choices_.size()) &&
      is(choices_[static_cast<std::size_t>(now)], fields)) {
    return;
  }
  int index = 0;
  while (index < static_cast<int>(choices_.size()) &&
         !is(choices_[static_cast<std::size_t>(index)], fields)) {
    ++index;
  }
  setCurrentIndex(index);
}

bool SettingChoice::distilled() const {
  const int now = currentIndex();
  return now >= 0 && now < static_cast<int>(choices_.size()) &&
         choices_[static_cast<std::size_t>(now)].distilled;
}

}  // namespace twill::gui
