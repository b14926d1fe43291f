// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/seed_edit.h"

#include <QValidator>
#include <algorithm>

namespace twill::gui {
namespace {

class SeedValidator : public QValidator {
 public:
  using QValidator::QValidator;
  State validate(QString& text, int& /*cursor*/) const override {
    if (text.isEmpty()) {
      return Intermediate;
    }
    bool fits = false;
    text.toULongLong(&fits);
    const bool digits = std::all_of(text.begin(), text.end(), [](QChar letter) {
      return letter >= QLatin1Char('0') && letter <= QLatin1Char('9');
    });
    return fits && digits ? Acceptable : Invalid;
  }
  // When the line is left.
  void fixup(QString& text) const override {
    if (text.isEmpty()) {
      text = QStringLiteral("0");
    }
  }
};

}  // namespace

SeedEdit::SeedEdit(QWidget* parent) : QLineEdit(QStringLiteral("0"), parent) {
  setValidator(new SeedValidator(this));
}

std::uint64_t SeedEdit::seed() const { return text().toULongLong(); }

void SeedEdit::set_seed(std::uint64_t seed) { setText(QString::number(seed)); }

}  // namespace twill::gui
