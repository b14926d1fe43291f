// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A page by itself, in a window of its own.
#pragma once

#include <QApplication>
#include <QPushButton>
#include <QSettings>
#include <QTest>
#include <QWidget>
#include <memory>

#include "base/page.h"
#include "base/theme.h"
#include "plan/plan_document.h"
#include "plan/session.h"

namespace twill::gui::tests {

template <typename PageType>
struct PageStage {
  explicit PageStage(const QString& settings_file)
      : settings(settings_file, QSettings::IniFormat) {}

  // Once the document has what the page is to find there.
  void show(int width, int height) {
    page = std::make_unique<PageType>(session);
    widget.reset(page->widget());
    widget->resize(width, height);
    widget->show();
  }
  template <typename Widget>
  Widget* child(const char* name) {
    return widget->findChild<Widget*>(QString::fromLatin1(name));
  }
  void click(const char* name) { QTest::mouseClick(child<QPushButton>(name), Qt::LeftButton); }

  QSettings settings;
  Theme theme{*qApp};
  PlanDocument document;
  Session session{.theme = theme, .document = document, .settings = settings};
  std::unique_ptr<PageType> page;
  std::unique_ptr<QWidget> widget;
};

}  // namespace twill::gui::tests
