// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "comfy/workflow.h"

#include <QHash>
#include <QJsonArray>
#include <QPair>
#include <QSet>
#include <utility>

#include "base/text.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

// As ComfyUI's page has them for a node's `mode`.
constexpr int kMuted = 2;
constexpr int kBypassed = 4;

const QSet<QString>& widget_types() {
  static const QSet<QString> types{QStringLiteral("INT"), QStringLiteral("FLOAT"),
                                   QStringLiteral("STRING"), QStringLiteral("BOOLEAN"),
                                   QStringLiteral("COMBO")};
  return types;
}

QJsonValue at(const QJsonValue& object, const char* key) {
  return object.toObject().value(QLatin1String(key));
}

[[noreturn]] void refuse(const QString& source, const QString& what) {
  throw Error(ErrorCode::kFile, from_qt(source + QStringLiteral(": ") + what));
}

void check_known(const QString& source, const QString& id, const QString& type,
                 const QJsonObject& about) {
  if (!about.contains(type)) {
    refuse(QStringLiteral("%1: node %2 (%3)").arg(source, id, type),
           QStringLiteral("is not known to this ComfyUI; is its node pack installed?"));
  }
}

// Required inputs, then optional ones, in ComfyUI's own order: JSON objects of Qt are sorted by
// name, so the order comes from "input_order".
QList<QPair<QString, QJsonArray>> inputs_of(const QJsonObject& about) {
  QList<QPair<QString, QJsonArray>> inputs;
  for (const char* group : {"required", "optional"}) {
    const QJsonObject specs = at(about.value(QLatin1String("input")), group).toObject();
    for (const QJsonValue& name : at(about.value(QLatin1String("input_order")), group).toArray()) {
      inputs.append({name.toString(), specs.value(name.toString()).toArray()});
    }
  }
  return inputs;
}

bool is_widget(const QJsonArray& spec) {
  const QJsonValue type = spec.at(0);
  const bool socket = at(spec.at(1), "forceInput").toBool();
  return !socket && (type.isArray() || widget_types().contains(type.toString()));
}

// One node's inputs: links by name, the others from the row of widget values.
QJsonObject inputs_from(const QJsonObject& node, const QJsonObject& about,
                        const QHash<int, QJsonArray>& origins, const QSet<QString>& muted,
                        const QString& where) {
  QHash<QString, int> links;
  for (const QJsonValue& input : node.value(QLatin1String("inputs")).toArray()) {
    if (!at(input, "link").isNull() && !at(input, "link").isUndefined()) {
      links.insert(at(input, "name").toString(), at(input, "link").toInt());
    }
  }
  const QJsonArray values = node.value(QLatin1String("widgets_values")).toArray();
  qsizetype next = 0;
  QJsonObject given;
  for (const auto& [name, spec] : inputs_of(about)) {
    const bool widget = is_widget(spec);
    const QJsonValue value = widget ? values.at(next) : QJsonValue();
    if (widget) {
      // A linked widget keeps its value in the row.
      next += at(spec.at(1), "control_after_generate").toBool() ? 2 : 1;
    }
    if (links.contains(name)) {
      const QJsonArray origin = origins.value(links.value(name));
      if (origin.isEmpty()) {
        refuse(where, QStringLiteral("input %1 comes from no node").arg(name));
      }
      if (!muted.contains(origin.at(0).toString())) {
        given.insert(name, origin);
      }
    } else if (widget) {
      if (value.isUndefined()) {
        refuse(where, QStringLiteral("has no value for %1").arg(name));
      }
      given.insert(name, value);
    }
  }
  return given;
}

}  // namespace

QJsonObject prompt_of(const QJsonObject& workflow, const QJsonObject& about,
                      const QString& source) {
  if (!workflow.contains(QLatin1String("nodes"))) {
    bool prompt = !workflow.isEmpty();
    for (const QJsonValue& node : workflow) {
      prompt = prompt && at(node, "class_type").isString() && at(node, "inputs").isObject();
    }
    if (!prompt) {
      refuse(source, QStringLiteral("is no workflow of ComfyUI"));
    }
    for (auto node = workflow.begin(); node != workflow.end(); ++node) {
      const QString type = at(node.value(), "class_type").toString();
      check_known(source, node.key(), type, about);
    }
    return workflow;
  }
  QHash<int, QJsonArray> origins;
  for (const QJsonValue& link : workflow.value(QLatin1String("links")).toArray()) {
    const QJsonArray parts = link.toArray();
    origins.insert(parts.at(0).toInt(),
                   {QString::number(parts.at(1).toInt()), parts.at(2).toInt()});
  }
  const QJsonArray nodes = workflow.value(QLatin1String("nodes")).toArray();
  QSet<QString> muted;
  for (const QJsonValue& node : nodes) {
    if (at(node, "mode").toInt() == kMuted) {
      muted.insert(QString::number(at(node, "id").toInt()));
    }
  }
  QJsonObject prompt;
  for (const QJsonValue& value : nodes) {
    const QJsonObject node = value.toObject();
    const QString id = QString::number(node.value(QLatin1String("id")).toInt());
    const QString type = node.value(QLatin1String("type")).toString();
    if (muted.contains(id) || type == QLatin1String("Note") ||
        type == QLatin1String("MarkdownNote")) {
      continue;
    }
    const QString where = QStringLiteral("%1: node %2 (%3)").arg(source, id, type);
    if (node.value(QLatin1String("mode")).toInt() == kBypassed) {
      refuse(where, QStringLiteral("is bypassed; save the workflow with \"Export (API)\" instead"));
    }
    check_known(source, id, type, about);
    prompt.insert(
        id, QJsonObject{{QStringLiteral("class_type"), type},
                        {QStringLiteral("inputs"),
                         inputs_from(node, about.value(type).toObject(), origins, muted, where)}});
  }
  return prompt;
}

int set_plan(QJsonObject& prompt, const QString& plan) {
  int count = 0;
  for (const QString& id : prompt.keys()) {
    QJsonObject node = prompt.value(id).toObject();
    QJsonObject inputs = node.value(QLatin1String("inputs")).toObject();
    const bool ours =
        node.value(QLatin1String("class_type")).toString().startsWith(QLatin1String("Twill"));
    if (ours && inputs.value(QLatin1String("plan")).isString()) {
      inputs.insert(QLatin1String("plan"), plan);
      node.insert(QLatin1String("inputs"), inputs);
      prompt.insert(id, node);
      ++count;
    }
  }
  return count;
}

}  // namespace twill::gui
