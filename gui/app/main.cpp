// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QApplication>
#include <QCommandLineParser>
#include <QSettings>

#include "app/main_window.h"
#include "app/page_list.h"
#include "base/text.h"
#include "base/theme.h"
#include "plan/plan_document.h"

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  QApplication::setApplicationName(QStringLiteral("twill-studio"));
  QApplication::setApplicationDisplayName(QStringLiteral("Twill Studio"));
  QApplication::setOrganizationName(QStringLiteral("twill"));
  QApplication::setApplicationVersion(QStringLiteral(TWILL_VERSION));

  QCommandLineParser parser;
  parser.setApplicationDescription(
      QApplication::tr("Looks at sparse attention plans and edits them."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(QStringLiteral("plan"), QApplication::tr("A plan to open."),
                               QStringLiteral("[plan.json]"));
  parser.process(application);

  QSettings settings;
  twill::gui::Theme theme(application);
  for (const auto& [kind, name] : twill::gui::kThemeNames) {
    if (settings.value(QStringLiteral("theme")).toString() == twill::gui::to_qt(name)) {
      theme.set_kind(kind);
    }
  }
  twill::gui::PlanDocument document;
  const twill::gui::Session session{.theme = theme, .document = document, .settings = settings};
  twill::gui::MainWindow window(session, twill::gui::make_pages(session));
  window.show();
  if (!parser.positionalArguments().isEmpty()) {
    window.open_plan(parser.positionalArguments().constFirst());
  }
  return QApplication::exec();
}
