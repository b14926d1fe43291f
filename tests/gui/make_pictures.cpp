// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// make_pictures PLAN FOLDER: every page of Twill Studio with this plan open, light and dark, as PNG
// files. Run it where there is a display (Xvfb will do): it grabs what the screen
// shows.

#include <QApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QScreen>
#include <QSettings>
#include <QTemporaryDir>
#include <QTest>
#include <cstdio>

#include "app/main_window.h"
#include "app/page_list.h"
#include "app/translations.h"
#include "base/theme.h"
#include "heads/compare_page.h"
#include "heads/heads_page.h"
#include "plan/plan_document.h"

namespace {

constexpr int kPatienceMs = 60000;
constexpr double kOtherQuality = 0.1;  // of the second plan on the page Compare

bool save(QWidget& window, const QString& file) {
  QTest::qWait(300);
  const QPixmap seen = window.screen()->grabWindow(window.winId());
  const QImage small = seen.toImage();
  if (!small.save(file, "PNG", 0)) {
    std::fprintf(stderr, "%s: cannot be written\n", qPrintable(file));
    return false;
  }
  std::printf("%s %dx%d\n", qPrintable(file), small.width(), small.height());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace twill::gui;
  QApplication application(argc, argv);
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_pictures PLAN FOLDER\n");
    return 2;
  }
  Translations translations(application);
  translations.use(QStringLiteral("en"));
  const QTemporaryDir scratch;
  QSettings settings(scratch.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat);
  Theme theme(application);
  PlanDocument document;
  const Session session{.theme = theme, .document = document, .settings = settings};
  std::vector<std::unique_ptr<Page>> pages = make_pages(session);
  QStringList ids;
  for (const auto& page : pages) {
    ids.append(page->id());
  }
  auto* heads = qobject_cast<HeadsPage*>(pages.front().get());
  ComparePage* compare = nullptr;
  for (const auto& page : pages) {
    compare = compare ? compare : qobject_cast<ComparePage*>(page.get());
  }
  MainWindow window(session, std::move(pages));
  window.resize(1280, 840);
  window.show();
  if (!window.open_plan(QString::fromLocal8Bit(argv[1]))) {
    return 1;
  }
  if (heads == nullptr ||
      !QTest::qWaitFor([&] { return heads->solver().can_solve(); }, kPatienceMs)) {
    std::fprintf(stderr, "the numbers of the plan did not come\n");
    return 1;
  }
  QDir().mkpath(QString::fromLocal8Bit(argv[2]));
  for (const ThemeKind kind : {ThemeKind::kLight, ThemeKind::kDark}) {
    theme.set_kind(kind);
    for (const QString& id : ids) {
      window.show_page(id);
      const bool two_plans = compare != nullptr && id == compare->id();
      if (two_plans) {
        compare->keep_current();
        heads->solver().set_quality(kOtherQuality);
      }
      const QString file =
          QStringLiteral("%1/%2-%3.png")
              .arg(QString::fromLocal8Bit(argv[2]), id,
                   kind == ThemeKind::kDark ? QStringLiteral("dark") : QStringLiteral("light"));
      if (!save(window, file)) {
        return 1;
      }
      if (two_plans) {
        document.undo_stack().undo();
      }
    }
  }
  return 0;
}
