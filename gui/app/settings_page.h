// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How the window looks and speaks.
#pragma once

#include "base/page.h"
#include "plan/session.h"

class QComboBox;

namespace twill::gui {

class SettingsPage : public Page {
  Q_OBJECT

 public:
  explicit SettingsPage(const Session& session);

  QString id() const override { return QStringLiteral("settings"); }
  QString title() const override { return tr("Settings"); }
  QString icon_name() const override { return QStringLiteral("settings"); }
  QKeySequence shortcut() const override { return {Qt::CTRL | Qt::Key_Comma}; }
  QWidget* widget() override { return widget_; }

 private:
  Session session_;
  QWidget* widget_ = nullptr;
};

}  // namespace twill::gui
