// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <QBuffer>
#include <QSignalSpy>
#include <QTest>
#include <QtEndian>

#include "comfy/comfy_client.h"
#include "comfy/workflow.h"
#include "gui/fake_comfy.h"
#include "refusal.h"
#include "twill/plan/error.h"

namespace twill::gui {

using jobs::Outcome;
using jobs::OutcomeKind;
using tests::FakeComfy;

namespace {

constexpr int kPatienceMs = 10000;

const QJsonObject kPrompt{
    {QStringLiteral("7"), QJsonObject{{QStringLiteral("class_type"), QStringLiteral("Sampler")},
                                      {QStringLiteral("inputs"), QJsonObject{}}}}};

QByteArray preview(quint32 kind, const QByteArray& between = {}) {
  QImage image(3, 2, QImage::Format_RGB888);
  image.fill(Qt::green);
  QByteArray png;
  QBuffer buffer(&png);
  buffer.open(QIODevice::WriteOnly);
  image.save(&buffer, "PNG");
  QByteArray head(8, '\0');
  qToBigEndian<quint32>(kind, head.data());
  qToBigEndian<quint32>(between.isEmpty() ? 2 : static_cast<quint32>(between.size()),
                        head.data() + 4);
  return head + between + png;
}

// A client that is connected to a fake server, and everything that it says.
struct Pair {
  FakeComfy server;
  ComfyClient client;
  std::vector<Outcome> ends;
  QList<ComfyFile> files;

  Pair() {
    QObject::connect(&client, &ComfyClient::ended, &client,
                     [this](const Outcome& outcome) { ends.push_back(outcome); });
    QObject::connect(&client, &ComfyClient::produced, &client,
                     [this](const QList<ComfyFile>& made) { files = made; });
    client.connect_to(server.address());
  }
  bool ready() {
    return QTest::qWaitFor([this] { return client.is_connected() && server.listener != nullptr; },
                           kPatienceMs);
  }
  bool queued() {
    QSignalSpy spy(&client, &ComfyClient::queued);
    client.queue(kPrompt);
    return spy.wait(kPatienceMs);
  }
  bool ended() {
    return QTest::qWaitFor([this] { return !ends.empty(); }, kPatienceMs);
  }
};

}  // namespace

class TestComfyClient : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void the_version_and_nodes_are_asked_for() {
    Pair pair;
    QVERIFY(pair.ready());
    QCOMPARE(pair.client.version(), QStringLiteral("0.30.0"));
    QCOMPARE(pair.client.nodes().size(), 3);
  }

  void addresses_that_are_none_and_servers_that_are_none_are_told_apart() {
    ComfyClient client;
    QSignalSpy spy(&client, &ComfyClient::connection_failed);
    client.connect_to(QStringLiteral("ftp://somewhere"));
    QCOMPARE(spy.count(), 1);
    QVERIFY(spy.takeFirst().at(0).toString().contains(QStringLiteral("is no address")));
    FakeComfy dead;
    const QString address = dead.address();
    dead.die();
    client.connect_to(address);
    QVERIFY(spy.wait(kPatienceMs));
    QVERIFY(spy.takeFirst().at(0).toString().startsWith(QStringLiteral("No ComfyUI answers at")));
    FakeComfy other;
    other.answers[QStringLiteral("/system_stats")] = "<html>hello</html>";
    client.connect_to(other.address());
    QVERIFY(spy.wait(kPatienceMs));
    QVERIFY(spy.takeFirst().at(0).toString().contains(QStringLiteral("not as ComfyUI does")));
  }

  void a_workflow_runs_shows_itself_and_finishes_once() {
    Pair pair;
    QVERIFY(pair.ready());
    QSignalSpy progress(&pair.client, &ComfyClient::progressed);
    QSignalSpy nodes(&pair.client, &ComfyClient::node_started);
    QSignalSpy pictures(&pair.client, &ComfyClient::previewed);
    QVERIFY(pair.queued());
    const QJsonObject sent = QJsonDocument::fromJson(pair.server.asked.constLast().second).object();
    QCOMPARE(sent.value(QStringLiteral("prompt")).toObject(), kPrompt);
    QVERIFY(!sent.value(QStringLiteral("client_id")).toString().isEmpty());

    pair.server.send(QStringLiteral("executing"), {{QStringLiteral("node"), QStringLiteral("7")}});
    pair.server.send(QStringLiteral("progress"), {{QStringLiteral("node"), QStringLiteral("7")},
                                                  {QStringLiteral("value"), 3},
                                                  {QStringLiteral("max"), 20}});
    pair.server.listener->sendBinaryMessage(preview(1));
    pair.server.listener->sendBinaryMessage(preview(4, "{\"node\": 7}"));
    pair.server.listener->sendBinaryMessage(preview(3));  // text: no picture
    pair.server.listener->sendBinaryMessage("short");     // damaged
    pair.server.listener->sendTextMessage(QStringLiteral("{"));
    // Another client's workflow is none of ours.
    pair.server.send(QStringLiteral("execution_error"), {}, QStringLiteral("another"));
    QTRY_COMPARE_WITH_TIMEOUT(pictures.count(), 2, kPatienceMs);
    QCOMPARE(nodes.at(0).at(1).toString(), QStringLiteral("Sampler"));
    QCOMPARE(progress.at(0).at(1).toInt(), 3);
    QCOMPARE(progress.at(0).at(2).toInt(), 20);
    QCOMPARE(pictures.at(1).at(0).value<QImage>().size(), QSize(3, 2));
    QVERIFY(pair.ends.empty());

    pair.server.finish(R"({"9": {"images": [{"filename": "a b.mp4", "subfolder": "x",
                                             "type": "output"}], "animated": [true]}})");
    QVERIFY(pair.ended());
    QCOMPARE(pair.ends[0].kind, OutcomeKind::kFinished);
    QCOMPARE(pair.files.size(), 1);
    QCOMPARE(pair.files[0].name, QStringLiteral("a b.mp4"));
    QCOMPARE(pair.files[0].node, QStringLiteral("9"));
    pair.server.send(QStringLiteral("execution_success"), {});
    QTest::qWait(50);
    QCOMPARE(pair.ends.size(), 1U);
    QVERIFY(!pair.client.running());
  }

  void an_error_of_a_node_is_told_as_comfyui_tells_it() {
    Pair pair;
    QVERIFY(pair.ready() && pair.queued());
    pair.server.send(
        QStringLiteral("execution_error"),
        {{QStringLiteral("node_id"), QStringLiteral("7")},
         {QStringLiteral("node_type"), QStringLiteral("Sampler")},
         {QStringLiteral("exception_message"), QStringLiteral("not enough memory\n")}});
    QVERIFY(pair.ended());
    QCOMPARE(pair.ends[0].kind, OutcomeKind::kFailed);
    QCOMPARE(pair.ends[0].text, std::string("node 7 (Sampler): not enough memory"));
  }

  void a_refused_workflow_says_which_node_and_why() {
    Pair pair;
    QVERIFY(pair.ready());
    pair.server.statuses[QStringLiteral("/prompt")] = 400;
    pair.server.answers[QStringLiteral("/prompt")] = R"({
      "error": {"type": "prompt_outputs_failed_validation",
                "message": "Prompt outputs failed validation", "details": "", "extra_info": {}},
      "node_errors": {"4": {"class_type": "UNETLoader", "errors": [
          {"type": "value_not_in_list", "message": "Value not in list",
           "details": "unet_name: 'x' not in []"}]}}})";
    pair.client.queue(kPrompt);
    QVERIFY(pair.ended());
    QCOMPARE(pair.ends[0].kind, OutcomeKind::kFailed);
    QCOMPARE(pair.ends[0].text,
             std::string("Prompt outputs failed validation\n"
                         "node 4 (UNETLoader): Value not in list: unet_name: 'x' not in []"));
  }

  void cancel_interrupts_and_is_no_failure() {
    Pair pair;
    QVERIFY(pair.ready() && pair.queued());
    pair.client.cancel();
    QTRY_COMPARE_WITH_TIMEOUT(pair.server.times_asked(QStringLiteral("/interrupt")), 1,
                              kPatienceMs);
    pair.server.send(QStringLiteral("execution_interrupted"), {});
    QVERIFY(pair.ended());
    QCOMPARE(pair.ends[0].kind, OutcomeKind::kCancelled);
  }

  void cancel_of_a_waiting_workflow_takes_it_out_of_the_queue() {
    Pair pair;
    QVERIFY(pair.ready() && pair.queued());
    pair.client.cancel();
    // Deleted from the queue it leaves no history and no event.
    QVERIFY(pair.ended());
    QCOMPARE(pair.ends[0].kind, OutcomeKind::kCancelled);
    bool deleted = false;
    for (const auto& [path, body] : pair.server.asked) {
      deleted = deleted || (path == QStringLiteral("/queue") && body.contains("p1"));
    }
    QVERIFY(deleted);
  }

  void a_lost_socket_is_opened_again_and_the_result_is_found() {
    Pair pair;
    QVERIFY(pair.ready() && pair.queued());
    pair.server.answers[QStringLiteral("/queue")] = R"({"queue_running": [[0, "p1"]]})";
    pair.server.listener->abort();
    QTRY_COMPARE_WITH_TIMEOUT(pair.server.sockets_opened, 2, kPatienceMs);
    QVERIFY(pair.ends.empty());
    pair.server.answers[QStringLiteral("/history/p1")] =
        R"({"p1": {"outputs": {}, "status": {"messages": []}}})";
    QVERIFY(pair.ended());
    QCOMPARE(pair.ends[0].kind, OutcomeKind::kFinished);
  }

  void a_server_that_is_gone_is_a_failure() {
    Pair pair;
    QVERIFY(pair.ready() && pair.queued());
    pair.server.die();
    QVERIFY(pair.ended());
    QCOMPARE(pair.ends[0].kind, OutcomeKind::kFailed);
    QVERIFY(pair.ends[0].text.find("is gone") != std::string::npos);
    QCOMPARE(pair.ends.size(), 1U);
  }

  void a_page_workflow_becomes_a_prompt() {
    const FakeComfy server;
    const QJsonObject about =
        QJsonDocument::fromJson(server.answers.value(QStringLiteral("/object_info"))).object();
    const QJsonObject workflow = QJsonDocument::fromJson(R"({
      "nodes": [
        {"id": 1, "type": "Loader", "mode": 0, "inputs": [], "widgets_values": ["a"]},
        {"id": 2, "type": "Sampler", "mode": 0, "inputs": [{"name": "model", "link": 5}],
         "widgets_values": [42, "fixed", "euler", 0.5]},
        {"id": 3, "type": "Note", "mode": 0, "inputs": [], "widgets_values": ["hello"]},
        {"id": 4, "type": "Nowhere", "mode": 2, "inputs": [], "widgets_values": []}],
      "links": [[5, 1, 0, 2, 0, "MODEL"]]})")
                                     .object();
    const QJsonObject prompt = prompt_of(workflow, about, QStringLiteral("w.json"));
    QCOMPARE(prompt.keys(), (QStringList{QStringLiteral("1"), QStringLiteral("2")}));
    const QJsonObject inputs =
        prompt.value(QStringLiteral("2")).toObject().value(QStringLiteral("inputs")).toObject();
    QCOMPARE(inputs.value(QStringLiteral("seed")).toInt(), 42);
    QCOMPARE(inputs.value(QStringLiteral("name")).toString(), QStringLiteral("euler"));
    QCOMPARE(inputs.value(QStringLiteral("scale")).toDouble(), 0.5);
    QCOMPARE(inputs.value(QStringLiteral("model")).toArray(), (QJsonArray{QStringLiteral("1"), 0}));
    QCOMPARE(prompt_of(prompt, about, QStringLiteral("w.json")), prompt);
  }

  void workflows_that_cannot_run_here_say_why() {
    const QJsonObject about{};
    const auto refusal = [&](const char* text) {
      return twill::tests::refusal([&] {
        prompt_of(QJsonDocument::fromJson(text).object(), about, QStringLiteral("w.json"));
      });
    };
    QCOMPARE(refusal("{}"), std::string("w.json: is no workflow of ComfyUI"));
    QCOMPARE(refusal(R"({"nodes": [{"id": 1, "type": "X"}]})"),
             std::string("w.json: node 1 (X): is not known to this ComfyUI; is its node pack "
                         "installed?"));
    QVERIFY(refusal(R"({"nodes": [{"id": 1, "type": "X", "mode": 4}]})").find("is bypassed") !=
            std::string::npos);
  }

  void the_plan_goes_into_every_node_that_chooses_one() {
    QJsonObject prompt = QJsonDocument::fromJson(R"({
      "1": {"class_type": "TwillApplySparsePlan", "inputs": {"plan": "Auto"}},
      "2": {"class_type": "TwillSparseReport", "inputs": {"plan": ["1", 0]}},
      "3": {"class_type": "Other", "inputs": {"plan": "mine"}}})")
                             .object();
    QCOMPARE(set_plan(prompt, QStringLiteral("new.json")), 1);
    const auto plan_of = [&](const char* id) {
      return prompt.value(QLatin1String(id))
          .toObject()
          .value(QLatin1String("inputs"))
          .toObject()
          .value(QLatin1String("plan"));
    };
    QCOMPARE(plan_of("1").toString(), QStringLiteral("new.json"));
    QVERIFY(plan_of("2").isArray());
    QCOMPARE(plan_of("3").toString(), QStringLiteral("mine"));
  }
};

}  // namespace twill::gui

QTEST_GUILESS_MAIN(twill::gui::TestComfyClient)
#include "test_comfy_client.moc"
