// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/translations.h"

#include <QLocale>
#include <algorithm>

#include "base/text.h"

// A static library's resources must be asked for, from outside any namespace.
static void register_translations() { Q_INIT_RESOURCE(translations); }

namespace twill::gui {

void Translations::use(const QString& code) {
  register_translations();
  application_.removeTranslator(&translator_);
  const QString wanted = code.isEmpty() ? QLocale::system().name().left(2) : code;
  const auto found = std::find_if(kLanguages.begin(), kLanguages.end(), [&](const auto& language) {
    return wanted == to_qt(language.first);
  });
  code_ = found == kLanguages.end() ? QStringLiteral("en") : wanted;
  // English too: its file has the plurals.
  if (translator_.load(QStringLiteral(":/translations/twill_%1.qm").arg(code_))) {
    application_.installTranslator(&translator_);
  }
}

}  // namespace twill::gui
