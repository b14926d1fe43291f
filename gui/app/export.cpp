// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "app/export.h"

#include <QBuffer>
#include <QFileInfo>
#include <QPainter>
#include <QSvgGenerator>
#include <algorithm>
#include <memory>

#include "base/text.h"
#include "base/theme.h"
#include "heads/heads_map.h"
#include "heads/heads_model.h"
#include "heads/legend.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/whole_files.h"

namespace twill::gui {
namespace {

constexpr double kCell = 56.0;        // pixels of a head, where there are few
constexpr double kMostHeight = 8000;  // of a picture; more heads are drawn smaller
constexpr double kTitle = 26.0, kLegend = 58.0, kMargin = 12.0;
constexpr int kResolution = 96;

struct Scene {
  std::vector<std::unique_ptr<HeadsModel>> models;  // one for each expert and stack
  std::vector<QString> titles;
  HeadsMapLook look;
  QSizeF size;
};

Scene make_scene(const std::shared_ptr<const Plan>& plan, std::size_t segment) {
  Scene scene;
  std::int32_t rows = 0;
  for (const StackShape& stack : plan->model.stacks) {
    rows += stack.layers * static_cast<std::int32_t>(plan->model.experts.size());
  }
  scene.look.cell = std::clamp(std::floor(kMostHeight / std::max(rows, 1)), 8.0, kCell);
  scene.size = QSizeF(460.0, kMargin);
  for (std::size_t expert = 0; expert < plan->model.experts.size(); ++expert) {
    for (std::size_t stack = 0; stack < plan->model.stacks.size(); ++stack) {
      auto model = std::make_unique<HeadsModel>();
      model->set_plan(plan, nullptr);
      model->set_view(expert, stack);
      model->set_segment(segment);
      const QSizeF own = heads_size(*model, scene.look);
      scene.size.setWidth(std::max(scene.size.width(), own.width() + 2 * kMargin));
      scene.size.setHeight(scene.size.height() + own.height() + kTitle);
      scene.titles.push_back(HeadsModel::tr("%1: %2, %3, t %4 to %5")
                                 .arg(to_qt(plan->name), to_qt(plan->model.experts[expert]),
                                      to_qt(plan->model.stacks[stack].name))
                                 .arg(plan->segments[segment].t_end, 0, 'g', 3)
                                 .arg(plan->segments[segment].t_begin, 0, 'g', 3));
      scene.models.push_back(std::move(model));
    }
  }
  scene.size.setHeight(scene.size.height() + kLegend + kMargin);
  return scene;
}

void paint(QPainter& painter, const Scene& scene, const Theme& theme) {
  painter.fillRect(QRectF(QPointF(0, 0), scene.size), theme.colours().panel);
  double top = kMargin;
  for (std::size_t i = 0; i < scene.models.size(); ++i) {
    painter.setPen(theme.colours().text);
    painter.drawText(QRectF(kMargin, top, scene.size.width() - 2 * kMargin, kTitle),
                     Qt::AlignLeft | Qt::AlignVCenter, scene.titles[i]);
    top += kTitle;
    const QSizeF own = heads_size(*scene.models[i], scene.look);
    painter.save();
    painter.translate(kMargin, top);
    paint_heads(painter, *scene.models[i], theme, scene.look, QRectF(QPointF(0, 0), own));
    painter.restore();
    top += own.height();
  }
  paint_legend(painter, *scene.models.front(), theme,
               QRectF(kMargin, top + kMargin / 2, scene.size.width() - 2 * kMargin, kLegend));
}

QByteArray png_of(const Scene& scene, const Theme& theme) {
  QImage image(scene.size.toSize(), QImage::Format_RGB32);
  QPainter painter(&image);
  paint(painter, scene, theme);
  painter.end();
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  TWILL_ASSERT(image.save(&buffer, "PNG"));
  return bytes;
}

QByteArray svg_of(const Scene& scene, const Theme& theme, const Plan& plan) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  QSvgGenerator generator;
  generator.setOutputDevice(&buffer);
  generator.setResolution(kResolution);
  generator.setSize(scene.size.toSize());
  generator.setViewBox(QRectF(QPointF(0, 0), scene.size));
  generator.setTitle(to_qt(plan.name));
  QPainter painter(&generator);
  paint(painter, scene, theme);
  painter.end();
  return bytes;
}

// Fields in the order of the header; quoted where a comma or quote stands in them.
QString csv_field(const QString& text) {
  if (!text.contains(QLatin1Char(',')) && !text.contains(QLatin1Char('"'))) {
    return text;
  }
  QString quoted = text;
  return QStringLiteral("\"%1\"").arg(quoted.replace(QStringLiteral("\""), QStringLiteral("\"\"")));
}

QString number(const QVariant& value) {
  return value.isValid() ? QString::number(value.toDouble(), 'g', 6) : QString();
}

std::vector<QStringList> table_of(const std::shared_ptr<const Plan>& plan) {
  std::vector<QStringList> rows;
  const auto predictor =
      plan->profile ? std::make_shared<const Predictor>(plan->profile, report::solved_run(*plan))
                    : nullptr;
  HeadsModel model;
  model.set_plan(plan, predictor);
  for (std::size_t segment = 0; segment < plan->segments.size(); ++segment) {
    const Segment& of = plan->segments[segment];
    model.set_segment(segment);
    for (std::size_t expert = 0; expert < plan->model.experts.size(); ++expert) {
      for (std::size_t stack = 0; stack < plan->model.stacks.size(); ++stack) {
        model.set_view(expert, stack);
        for (int row = 0; row < model.rowCount(); ++row) {
          for (int column = 0; column < model.columnCount(); ++column) {
            const QModelIndex index = model.index(row, column);
            const HeadRef head = model.head_at(index);
            const Pattern& pattern = pattern_of(*plan, segment, head);
            rows.push_back({QString::number(of.t_begin), QString::number(of.t_end),
                            to_qt(plan->model.experts[expert]),
                            to_qt(plan->model.stacks[stack].name), QString::number(row),
                            QString::number(column), to_qt(pattern_name(pattern.kind)),
                            to_qt(describe_head(*plan, segment, head.expert, head.head)),
                            number(index.data(HeadsModel::kDensityRole)),
                            number(index.data(HeadsModel::kErrorRole)),
                            number(index.data(HeadsModel::kGainRole))});
          }
        }
      }
    }
  }
  return rows;
}

const QStringList& columns() {
  static const QStringList kColumns{
      QStringLiteral("t_begin"),    QStringLiteral("t_end"),   QStringLiteral("expert"),
      QStringLiteral("stack"),      QStringLiteral("layer"),   QStringLiteral("head"),
      QStringLiteral("pattern"),    QStringLiteral("details"), QStringLiteral("density"),
      QStringLiteral("head_error"), QStringLiteral("gain")};
  return kColumns;
}

QByteArray csv_of(const std::shared_ptr<const Plan>& plan) {
  QString text = columns().join(QLatin1Char(',')) + QLatin1Char('\n');
  for (const QStringList& row : table_of(plan)) {
    QStringList fields;
    std::transform(row.begin(), row.end(), std::back_inserter(fields), csv_field);
    text += fields.join(QLatin1Char(',')) + QLatin1Char('\n');
  }
  return text.toUtf8();
}

QByteArray html_of(const std::shared_ptr<const Plan>& plan, const Scene& scene,
                   const Theme& theme) {
  const ThemeColours& colours = theme.colours();
  QString text = QStringLiteral(
                     "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%1"
                     "</title><style>body{background:%2;color:%3;font-family:sans-serif;margin:2em}"
                     "td,th{padding:2px 10px;text-align:left;border-bottom:1px solid %4}"
                     "</style></head><body><h1>%1</h1>\n")
                     .arg(to_qt(plan->name).toHtmlEscaped(), colours.window.name(),
                          colours.text.name(), colours.border.name());
  text += QStringLiteral("<p><img alt=\"heads\" src=\"data:image/png;base64,%1\"></p>\n<table>")
              .arg(QString::fromLatin1(png_of(scene, theme).toBase64()));
  for (const auto& [key, value] : shown_facts(*plan)) {
    text += QStringLiteral("<tr><th>%1</th><td>%2</td></tr>\n")
                .arg(to_qt(key).toHtmlEscaped(), to_qt(value).toHtmlEscaped());
  }
  text += QStringLiteral("</table>\n<table><tr><th>%1</th></tr>\n")
              .arg(columns().join(QStringLiteral("</th><th>")));
  for (const QStringList& row : table_of(plan)) {
    QStringList fields;
    std::transform(row.begin(), row.end(), std::back_inserter(fields),
                   [](const QString& field) { return field.toHtmlEscaped(); });
    text += QStringLiteral("<tr><td>%1</td></tr>\n").arg(fields.join(QStringLiteral("</td><td>")));
  }
  return (text + QStringLiteral("</table></body></html>\n")).toUtf8();
}

}  // namespace

void export_heads(const Plan& plan, const QString& file, const Theme& theme,
                  const std::optional<std::size_t>& segment) {
  const auto shared = std::make_shared<const Plan>(plan);
  const std::size_t shown = segment.value_or(widest_segment(plan));
  require(shown < plan.segments.size(), ErrorCode::kUsage, "segment ", shown, " is not one of 0..",
          plan.segments.size() - 1);
  const QString ending = QFileInfo(file).suffix().toLower();
  QByteArray bytes;
  if (ending == QLatin1String("csv")) {
    bytes = csv_of(shared);
  } else {
    const Scene scene = make_scene(shared, shown);
    if (ending == QLatin1String("png")) {
      bytes = png_of(scene, theme);
    } else if (ending == QLatin1String("svg")) {
      bytes = svg_of(scene, theme, plan);
    } else if (ending == QLatin1String("html")) {
      bytes = html_of(shared, scene, theme);
    } else {
      throw Error(ErrorCode::kUsage,
                  concat(from_qt(file), ": the ending is not one of png, svg, csv, html"));
    }
  }
  write_file(path_from_qt(file), {bytes.constData(), static_cast<std::size_t>(bytes.size())});
}

}  // namespace twill::gui
