// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Speaks ComfyUI's HTTP and WebSocket on one port of 127.0.0.1, as far as the app asks; the test
// says what happens.
#pragma once

#include <QHash>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QObject>
#include <QPointer>
#include <QTcpServer>
#include <QTcpSocket>
#include <QWebSocket>
#include <QWebSocketServer>

namespace twill::gui::tests {

class FakeComfy : public QObject {
  Q_OBJECT

 public:
  FakeComfy() : sockets_(QStringLiteral("fake"), QWebSocketServer::NonSecureMode) {
    connect(&server_, &QTcpServer::newConnection, this, [this] {
      while (QTcpSocket* socket = server_.nextPendingConnection()) {
        connect(socket, &QTcpSocket::readyRead, this, [this, socket] { read(socket); });
        open_.append(socket);
      }
    });
    connect(&sockets_, &QWebSocketServer::newConnection, this, [this] {
      listener = sockets_.nextPendingConnection();
      listener->setParent(this);
      ++sockets_opened;
    });
    server_.listen(QHostAddress::LocalHost);
    answers[QStringLiteral("/system_stats")] =
        R"({"system": {"comfyui_version": "0.30.0"}, "devices": []})";
    answers[QStringLiteral("/object_info")] = nodes();
    answers[QStringLiteral("/prompt")] = R"({"prompt_id": "p1", "number": 3, "node_errors": {}})";
    answers[QStringLiteral("/queue")] = R"({"queue_running": [], "queue_pending": []})";
    answers[QStringLiteral("/interrupt")] = "{}";
  }

  QString address() const { return QStringLiteral("127.0.0.1:%1").arg(server_.serverPort()); }
  void send(const QString& type, QJsonObject data, const QString& prompt = QStringLiteral("p1")) {
    data.insert(QStringLiteral("prompt_id"), prompt);
    listener->sendTextMessage(QString::fromUtf8(
        QJsonDocument(QJsonObject{{QStringLiteral("type"), type}, {QStringLiteral("data"), data}})
            .toJson()));
  }
  void finish(const QByteArray& outputs) {
    answers[QStringLiteral("/history/p1")] =
        R"({"p1": {"outputs": )" + outputs + R"(, "status": {"status_str": "success",
            "completed": true, "messages": []}}})";
    send(QStringLiteral("execution_success"), {});
  }
  // No more answers, and the socket goes.
  void die() {
    server_.close();
    for (const QPointer<QTcpSocket>& socket : open_) {
      if (socket) {
        socket->abort();
      }
    }
    if (listener != nullptr) {
      listener->abort();
    }
  }

  QHash<QString, QByteArray> answers;  // by path
  QHash<QString, int> statuses;        // by path; 200 where none is said
  QList<QPair<QString, QByteArray>> asked;
  QWebSocket* listener = nullptr;
  int sockets_opened = 0;

  int times_asked(const QString& path) const {
    int count = 0;
    for (const auto& [one, body] : asked) {
      count += one == path;
    }
    return count;
  }

 private:
  static QByteArray nodes() {
    return R"({
      "Sampler": {"input": {"required": {"seed": ["INT", {"control_after_generate": true}],
                                         "model": ["MODEL"], "name": [["euler", "unipc"]]},
                            "optional": {"scale": ["FLOAT", {}]}},
                  "input_order": {"required": ["seed", "model", "name"], "optional": ["scale"]}},
      "Loader": {"input": {"required": {"file": ["COMBO", {"options": ["a"]}]}},
                 "input_order": {"required": ["file"]}},
      "TwillLoadSparsePlan": {"input": {"required": {"plan": [["one.json", "twill-studio.json"]]}},
                              "input_order": {"required": ["plan"]}}})";
  }

  void read(QTcpSocket* socket) {
    const QByteArray seen = socket->peek(1 << 20);
    const qsizetype head = seen.indexOf("\r\n\r\n");
    if (head < 0) {
      return;
    }
    if (seen.toLower().contains("upgrade: websocket")) {
      disconnect(socket, &QTcpSocket::readyRead, this, nullptr);
      sockets_.handleConnection(socket);
      Q_EMIT socket->readyRead();  // what was there before is read now
      return;
    }
    qsizetype length = 0;
    for (const QByteArray& line : seen.left(head).split('\n')) {
      if (line.toLower().startsWith("content-length:")) {
        length = line.mid(15).trimmed().toInt();
      }
    }
    if (seen.size() < head + 4 + length) {
      return;
    }
    const QByteArray body = socket->read(head + 4 + length).mid(head + 4);
    const QString path = QString::fromLatin1(seen.split(' ').at(1)).section(QLatin1Char('?'), 0, 0);
    asked.append({path, body});
    const QByteArray answer = answers.value(path, "{}");
    socket->write("HTTP/1.1 " + QByteArray::number(statuses.value(path, 200)) +
                  " Said\r\nContent-Type: application/json\r\nContent-Length: " +
                  QByteArray::number(answer.size()) + "\r\n\r\n" + answer);
  }

  QTcpServer server_;
  QList<QPointer<QTcpSocket>> open_;  // clients keep their connections
  QWebSocketServer sockets_;
};

}  // namespace twill::gui::tests
