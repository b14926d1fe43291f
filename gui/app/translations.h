// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The languages of the window.
#pragma once

#include <QCoreApplication>
#include <QString>
#include <QTranslator>
#include <array>
#include <string_view>
#include <utility>

namespace twill::gui {

// Code and its own name. Empty: as the system.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kLanguages{{
    {"en", "English"},
    {"zh", "中文"},
}};

class Translations {
 public:
  explicit Translations(QCoreApplication& application) : application_(application) {}
  // Sets the language of widgets that are made after it. An unknown code stands for the system's
  // language, or else English.
  void use(const QString& code);
  QString code() const { return code_; }

 private:
  QCoreApplication& application_;
  QTranslator translator_;
  QString code_ = QStringLiteral("en");
};

}  // namespace twill::gui
