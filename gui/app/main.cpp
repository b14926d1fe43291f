// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// twill-studio [plan.json]: the app. twill-studio --export heads.png plan.json: no window.

#include <QApplication>
#include <QCommandLineParser>
#include <QFileInfo>
#include <QIcon>
#include <QSettings>
#include <QStandardPaths>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "app/export.h"
#include "app/main_window.h"
#include "app/page_list.h"
#include "app/translations.h"
#include "base/text.h"
#include "base/theme.h"
#include "plan/plan_document.h"
#include "plan/recovery.h"
#include "twill/jobs/model_folders.h"
#include "twill/jobs/reproducible.h"
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

// Qt tells that it found no display by a fatal message, which ends in an abort.
void end_without_abort(QtMsgType type, const QMessageLogContext& /*context*/, const QString& text) {
  std::fprintf(stderr, "twill-studio: %s\n", qUtf8Printable(text.section(QLatin1Char('\n'), 0, 0)));
  if (type == QtFatalMsg) {
    std::_Exit(kFailed);
  }
}

bool has_display(std::span<char* const> words) {
#ifdef Q_OS_LINUX
  const auto names_platform = [](std::string_view word) {
    return word.starts_with("-platform") || word.starts_with("--platform");
  };
  return std::any_of(words.begin(), words.end(), names_platform) ||
         !qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM") ||
         !qEnvironmentVariableIsEmpty("DISPLAY") || !qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY");
#else
  return true;
#endif
}

// Asked before Qt reads the command line: it looks for a display first.
bool asks_for_no_window(std::string_view word) {
  constexpr std::array<std::string_view, 5> kWords{"-h", "--help", "--help-all", "-v", "--version"};
  return word.starts_with("--export") ||
         std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

std::optional<ThemeKind> theme_named(const QString& wanted) {
  for (const auto& [kind, name] : kThemeNames) {
    if (wanted == to_qt(name)) {
      return kind;
    }
  }
  return std::nullopt;
}

// Throws Error(kUsage).
void check_options(const QCommandLineParser& parser) {
  if (const QString theme = parser.value(QStringLiteral("theme"));
      parser.isSet(QStringLiteral("theme")) && !theme_named(theme)) {
    std::string names;
    for (const auto& [kind, name] : kThemeNames) {
      names += concat(names.empty() ? "" : ", ", name);
    }
    throw Error(ErrorCode::kUsage, concat("theme \"", from_qt(theme), "\" is not one of ", names));
  }
  const qsizetype plans = parser.positionalArguments().size();
  if (parser.isSet(QStringLiteral("export"))) {
    require(plans == 1, ErrorCode::kUsage, "--export takes one plan, and ", plans, " are named");
    require(!parser.value(QStringLiteral("export")).isEmpty(), ErrorCode::kUsage,
            "--export names no file");
    return;
  }
  require(!parser.isSet(QStringLiteral("segment")), ErrorCode::kUsage,
          "--segment goes with --export only");
  require(plans <= 1, ErrorCode::kUsage, "one plan is opened at a time, and ", plans, " are named");
}

// As the tabs of the window stand: from noise to clean. Empty: as export_heads chooses.
std::optional<std::size_t> segment_of(const QCommandLineParser& parser, const Plan& plan) {
  if (!parser.isSet(QStringLiteral("segment"))) {
    return std::nullopt;
  }
  const QString text = parser.value(QStringLiteral("segment"));
  bool is_number = false;
  const std::size_t tab = text.toUInt(&is_number);
  require(is_number, ErrorCode::kUsage, "segment \"", from_qt(text), "\" is not a number");
  require(tab < plan.segments.size(), ErrorCode::kUsage, "segment ", tab, " is not one of 0..",
          plan.segments.size() - 1);
  return plan.segments.size() - 1 - tab;
}

int export_without_window(const QCommandLineParser& parser, const Theme& theme) {
  try {
    const Plan plan = read_plan(path_from_qt(parser.positionalArguments().constFirst()));
    export_heads(plan, parser.value(QStringLiteral("export")), theme, segment_of(parser, plan));
    return 0;
  } catch (const Error& error) {
    return complain(error.what(), error.code() == ErrorCode::kUsage ? kUsage : kFailed);
  }
}

// The plan named on the command line, else the last one, else the demo's.
void open_first_plan(MainWindow& window, const QStringList& named) {
  if (!named.isEmpty()) {
    window.open_plan(named.constFirst());
    return;
  }
  const QStringList recent = window.recent_files();
  if (!recent.isEmpty() && QFileInfo::exists(recent.constFirst())) {
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
       {QStringLiteral("segment"),
        QApplication::tr(
            "Segment that an exported picture shows, counted from 0 as the tabs stand: "
            "from noise to clean."),
        QStringLiteral("number")},
       {QStringLiteral("theme"), QApplication::tr("light, dark or system"),
        QStringLiteral("name")}});
}

}  // namespace

int main(int argc, char** argv) {
  jobs::ask_for_reproducible_sums();
  const std::span<char* const> words(argv + 1, argv + std::max(argc, 1));
  const bool display = has_display(words);
  if (!display || std::any_of(words.begin(), words.end(), asks_for_no_window)) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  }
  const QtMessageHandler usual = qInstallMessageHandler(end_without_abort);
  QApplication application(argc, argv);
  qInstallMessageHandler(usual);
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
  if (!parser.parse(QApplication::arguments())) {
    return complain(qUtf8Printable(parser.errorText()), kUsage);
  }
  if (parser.isSet(QStringLiteral("version"))) {
    parser.showVersion();
  }
  if (parser.isSet(QStringLiteral("help")) || parser.isSet(QStringLiteral("help-all"))) {
    parser.showHelp();
  }
  try {
    check_options(parser);
  } catch (const Error& error) {
    return complain(error.what(), kUsage);
  }
  Theme theme(application);
  theme.set_kind(theme_named(parser.isSet(QStringLiteral("theme"))
                                 ? parser.value(QStringLiteral("theme"))
                                 : settings.value(QStringLiteral("theme")).toString())
                     .value_or(ThemeKind::kSystem));
  if (parser.isSet(QStringLiteral("export"))) {
    return export_without_window(parser, theme);
  }
  if (!display) {
    return complain("there is no display for a window: neither DISPLAY nor WAYLAND_DISPLAY is set",
                    kFailed);
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
