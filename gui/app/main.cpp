// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// twill-studio [plan.json]: the app. twill-studio --export heads.png plan.json: no window.

#include <QApplication>
#include <QCommandLineParser>
#include <QIcon>
#include <QSettings>
#include <QStandardPaths>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "app/export.h"
#include "app/main_window.h"
#include "app/page_list.h"
#include "app/translations.h"
#include "base/text.h"
#include "base/theme.h"
#include "plan/plan_document.h"
#include "plan/recovery.h"
#include "twill/jobs/clip_settings.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace {

using namespace twill;
using namespace twill::gui;

constexpr int kFailed = 1, kUsage = 2;  // exit codes, as those of the command line

int complain(const char* text, int code) {
  std::fprintf(stderr, "twill-studio: %s\n", text);
  return code;
}

int export_without_window(const QCommandLineParser& parser, const Theme& theme) {
  if (parser.positionalArguments().size() != 1) {
    return complain("--export takes one plan", kUsage);
  }
  try {
    std::optional<std::size_t> segment;
    if (parser.isSet(QStringLiteral("segment"))) {
      bool is_number = false;
      segment = parser.value(QStringLiteral("segment")).toUInt(&is_number);
      require(is_number, ErrorCode::kUsage, "segment \"",
              from_qt(parser.value(QStringLiteral("segment"))), "\" is not a number");
    }
    const Plan plan = read_plan(path_from_qt(parser.positionalArguments().constFirst()));
    export_heads(plan, parser.value(QStringLiteral("export")), theme, segment);
    return 0;
  } catch (const Error& error) {
    return complain(error.what(), error.code() == ErrorCode::kUsage ? kUsage : kFailed);
  }
}

void choose_theme(Theme& theme, const QString& wanted) {
  for (const auto& [kind, name] : kThemeNames) {
    if (wanted == to_qt(name)) {
      theme.set_kind(kind);
    }
  }
}

// The plan named on the command line, else the last one, else the demo's.
void open_first_plan(MainWindow& window, const QStringList& named) {
  if (!named.isEmpty()) {
    window.open_plan(named.constFirst());
    return;
  }
  const QStringList recent = window.recent_files();
  if (!recent.isEmpty() && std::filesystem::exists(path_from_qt(recent.constFirst()))) {
    window.open_plan(recent.constFirst());
    return;
  }
  try {
    const std::filesystem::path demo = jobs::find_demo_model() / "plan.json";
    if (std::filesystem::exists(demo)) {
      window.open_plan(path_to_qt(demo));
    }
  } catch (const Error&) {
    // An installation without the demo opens empty.
  }
}

void describe_options(QCommandLineParser& parser) {
  parser.setApplicationDescription(
      QApplication::tr("Looks at sparse attention plans and edits them."));
  parser.addHelpOption();
  parser.addVersionOption();
  parser.addPositionalArgument(QStringLiteral("plan"), QApplication::tr("A plan to open."),
                               QStringLiteral("[plan.json]"));
  parser.addOptions(
      {{QStringLiteral("export"),
        QApplication::tr("Write the plan's heads to a file (png, svg, csv or html), without a "
                         "window."),
        QStringLiteral("file")},
       {QStringLiteral("segment"), QApplication::tr("Segment that an exported picture shows."),
        QStringLiteral("number")},
       {QStringLiteral("theme"), QApplication::tr("light, dark or system"),
        QStringLiteral("name")}});
}

}  // namespace

int main(int argc, char** argv) {
  const bool exports = std::any_of(argv, argv + argc, [](const char* word) {
    return std::string_view(word).starts_with("--export");
  });
  if (exports) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
  QApplication application(argc, argv);
  QApplication::setApplicationName(QStringLiteral("twill-studio"));
  QApplication::setApplicationDisplayName(QStringLiteral("Twill Studio"));
  QApplication::setOrganizationName(QStringLiteral("twill"));
  QApplication::setApplicationVersion(QStringLiteral(TWILL_VERSION));
  // Of the packages' desktop entry, so that the desktop knows whose window it is.
  QApplication::setDesktopFileName(QStringLiteral("twill-studio"));
  QApplication::setWindowIcon(QIcon(QStringLiteral(":/desktop/twill-studio.svg")));

  QSettings settings;
  Translations translations(application);
  translations.use(settings.value(QStringLiteral("language")).toString());
  QCommandLineParser parser;
  describe_options(parser);
  parser.process(application);
  Theme theme(application);
  choose_theme(theme, parser.isSet(QStringLiteral("theme"))
                          ? parser.value(QStringLiteral("theme"))
                          : settings.value(QStringLiteral("theme")).toString());
  if (parser.isSet(QStringLiteral("export"))) {
    return export_without_window(parser, theme);
  }

  PlanDocument document;
  Recovery recovery(document, QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) +
                                  QStringLiteral("/recovery"));
  const Session session{.theme = theme, .document = document, .settings = settings};
  MainWindow window(session, make_pages(session));
  window.show();
  open_first_plan(window, parser.positionalArguments());
  window.offer_left_edits(recovery);
  return QApplication::exec();
}
