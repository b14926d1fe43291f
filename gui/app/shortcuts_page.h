// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Every key of the window on one page.
#pragma once

#include <memory>
#include <vector>

#include "base/page.h"

namespace twill::gui {

class ShortcutsPage : public Page {
  Q_OBJECT

 public:
  // Lists the keys of these pages and its own.
  explicit ShortcutsPage(const std::vector<std::unique_ptr<Page>>& pages);

  QString id() const override { return QStringLiteral("shortcuts"); }
  QString title() const override { return tr("Keys"); }
  QString icon_name() const override { return QStringLiteral("shortcuts"); }
  QKeySequence shortcut() const override { return {Qt::Key_F1}; }
  QWidget* widget() override { return widget_; }

 private:
  QWidget* widget_ = nullptr;
};

}  // namespace twill::gui
