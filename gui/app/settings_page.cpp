// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/settings_page.h"

#include <QComboBox>
#include <QFormLayout>
#include <QLabel>
#include <QSettings>
#include <QWidget>
#include <algorithm>

#include "app/translations.h"
#include "base/scroll_column.h"
#include "base/text.h"
#include "base/theme.h"

namespace twill::gui {
namespace {

QString name_of(ThemeKind kind) {
  switch (kind) {
    case ThemeKind::kSystem:
      return SettingsPage::tr("As the system");
    case ThemeKind::kLight:
      return SettingsPage::tr("Light");
    case ThemeKind::kDark:
      return SettingsPage::tr("Dark");
  }
  return {};
}

}  // namespace

SettingsPage::SettingsPage(const Session& session) : session_(session) {
  auto* rows = new QWidget;
  widget_ = new ScrollColumn(rows);
  auto* form = new QFormLayout(rows);
  auto* theme = new QComboBox(rows);
  theme->setObjectName(QStringLiteral("theme"));
  for (const auto& [kind, name] : kThemeNames) {
    theme->addItem(name_of(kind), static_cast<int>(kind));
    if (kind == session_.theme.kind()) {
      theme->setCurrentIndex(theme->count() - 1);
    }
  }
  connect(theme, &QComboBox::currentIndexChanged, this, [this](int index) {
    const auto& [kind, name] = kThemeNames.at(static_cast<std::size_t>(index));
    session_.theme.set_kind(kind);
    session_.settings.setValue(QStringLiteral("theme"), to_qt(name));
  });
  form->addRow(tr("Colours"), theme);

  auto* language = new QComboBox(rows);
  language->setObjectName(QStringLiteral("language"));
  language->addItem(tr("As the system"), QString());
  for (const auto& [code, name] : kLanguages) {
    language->addItem(to_qt(name), to_qt(code));
  }
  const int now =
      language->findData(session_.settings.value(QStringLiteral("language")).toString());
  language->setCurrentIndex(std::max(0, now));
  auto* later = new QLabel(tr("The language changes when Twill Studio is started again."), rows);
  later->setWordWrap(true);
  later->setVisible(false);
  connect(language, &QComboBox::currentIndexChanged, this, [this, language, later] {
    session_.settings.setValue(QStringLiteral("language"), language->currentData());
    later->setVisible(true);
  });
  form->addRow(tr("Language"), language);
  form->addRow(later);
}

}  // namespace twill::gui
