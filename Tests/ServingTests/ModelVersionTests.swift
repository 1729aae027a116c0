import Dispatch
import Foundation
import JSON
import LoopbackClient
import Serving
import Synchronization
import TestDaemon
import Testing
import Transformer

@Suite struct ModelVersionTests {
  @Test func aSpecificationHasANameADirectoryAndAShare() throws {
    #expect(
      try ModelSpecification.primary("models/my model/")
        == ModelSpecification(name: "my-model", directory: "models/my model/"))
    #expect(
      try ModelSpecification.primary("a=models/x")
        == ModelSpecification(name: "a", directory: "models/x"))
    #expect(
      try ModelSpecification.canary("a=dir:2.5%")
        == ModelSpecification(name: "a", directory: "dir", role: .canary(share: 0.025)))
    #expect(
      try ModelSpecification.shadow("a=dir")
        == ModelSpecification(name: "a", directory: "dir", role: .shadow))
    for bad in ["a=dir", "a=dir:0%", "a=dir:101%", "a=dir:x%", "dir:5%"] {
      #expect(throws: ServingError.self, "\(bad)") { try ModelSpecification.canary(bad) }
    }
    for bad in ["a/b=dir", "=dir", "a=", "..=dir"] {
      #expect(throws: ServingError.self, "\(bad)") { try ModelSpecification.primary(bad) }
    }
    #expect(throws: ServingError.self) { try ModelSpecification.shadow("dir") }
  }

  private static func version(
    _ name: String, _ version: String, _ role: ModelSpecification.Role, label: Int = 0,
    labels: [String] = ["a", "b"], counter: Int = 0
  ) -> ServedVersion {
    ServedVersion(
      ConstantPredictor(.classification, .label(label, probabilities: [0.5, 0.5]), labels: labels),
      name: name, version: version, role: role, isDefault: role == .primary, counterIndex: counter)
  }

  @Test func aCatalogRefusesWhatDoesNotGoTogether() {
    let primary = Self.version("m", "1", .primary)
    #expect(throws: ServingError.self, "two of a name") {
      try ModelCatalog([primary, Self.version("m", "2", .primary)])
    }
    #expect(throws: ServingError.self, "a canary of nothing") {
      try ModelCatalog([primary, Self.version("n", "2", .shadow)])
    }
    #expect(throws: ServingError.self, "other labels") {
      try ModelCatalog([primary, Self.version("m", "2", .shadow, labels: ["a", "c"])])
    }
    #expect(throws: ServingError.self, "two shadows") {
      try ModelCatalog([
        primary, Self.version("m", "2", .shadow), Self.version("m", "3", .shadow),
      ])
    }
  }

  private func versions(
    _ running: RunningServer, count: Int, fields: (Int) -> String
  ) throws -> [String: Int] {
    var counts: [String: Int] = [:]
    let client = running.client
    for index in 0..<count {
      let body = #"{"input":"t"}"#
      client.send(
        "POST /predict HTTP/1.1\r\nHost: a\r\n\(fields(index))Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      let answer = try #require(client.readAnswer())
      counts[answer.fields["x-model-version"] ?? "", default: 0] += 1
    }
    return counts
  }

  @Test func aCanaryTakesItsShareAndOneKeyAlwaysMeetsOneVersion() throws {
    let running = try RunningServer([
      Self.version("m", "1", .primary), Self.version("m", "2", .canary(share: 0.2), label: 1),
    ])
    let spread = try versions(running, count: 1000) { "X-Sticky-Key: user-\($0)\r\n" }
    // 200 expected; six standard deviations of the binomial distribution are 76.
    #expect((124...276).contains(spread["m/2"] ?? 0), "\(spread)")
    #expect((spread["m/1"] ?? 0) + (spread["m/2"] ?? 0) == 1000)
    #expect(try versions(running, count: 20) { _ in "X-Sticky-Key: user-7\r\n" }.count == 1)
    #expect(try versions(running, count: 20) { _ in "X-Request-Id: r-7\r\n" }.count == 1)
    #expect(try versions(running, count: 200) { "X-Request-Id: r-\($0)\r\n" }.count == 2)
  }

  private final class Outcomes: ServingRecorder {
    let list = Mutex<[(String, VersionOutcome)]>([])
    func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {}
    func record(prediction: PredictionEvent) {}
    func record(queueDepth: Int) {}
    func record(version: ServedVersion, outcome: VersionOutcome) {
      list.withLock { $0.append((version.description.version, outcome)) }
    }

    func shadows(of wanted: Int) -> (agreed: Int, compared: Int, dropped: Int) {
      var counts = (agreed: 0, compared: 0, dropped: 0)
      let isThere = BuiltMartlet.wait {
        counts = (0, 0, 0)
        for (_, outcome) in list.withLock({ $0 }) {
          switch outcome {
          case .compared(let agrees, _):
            counts.agreed += agrees ? 1 : 0
            counts.compared += 1
          case .dropped(let texts): counts.dropped += texts
          case .answered, .failed, .notFinite: break
          }
        }
        return counts.compared + counts.dropped >= wanted
      }
      return isThere ? counts : (-1, -1, -1)
    }
  }

  @Test(arguments: [0, 1]) func aShadowIsComparedAndAnswersNobody(label: Int) throws {
    let outcomes = Outcomes()
    let running = try RunningServer(
      [Self.version("m", "1", .primary), Self.version("m", "2", .shadow, label: label)],
      { _, hooks in hooks.recorder = outcomes })
    let answer = try running.post("/predict", #"{"input":["x","y","z"]}"#)
    #expect(answer.body == "{\"prediction\":[\"a\",\"a\",\"a\"]}\n")
    #expect(answer.fields["x-model-version"] == "m/1")
    let (agreed, compared, _) = outcomes.shadows(of: 3)
    #expect(compared == 3)
    #expect(agreed == (label == 0 ? 3 : 0))
  }

  @Test func aShadowThatHangsIsDroppedAndNeverWaitedFor() throws {
    let outcomes = Outcomes()
    let gate = DispatchSemaphore(value: 0)
    let shadow = ServedVersion(
      WordPredictor(gate: gate), name: "m", version: "2", role: .shadow, isDefault: false)
    let running = try RunningServer(
      [ServedVersion(WordPredictor(), name: "m", version: "1"), shadow],
      { _, hooks in hooks.recorder = outcomes })
    let counts = try versions(running, count: 200) { _ in "" }
    #expect(counts == ["m/1": 200])
    #expect(outcomes.shadows(of: 100).dropped >= 100)
    for _ in 0..<100 { gate.signal() }
  }

  @Test func batchesAreOfOneVersion() throws {
    let gate = DispatchSemaphore(value: 0)
    let (first, second) = (WordPredictor.Batches(), WordPredictor.Batches())
    let depth = QueueDepth()
    let running = try RunningServer(
      [
        ServedVersion(WordPredictor(gate: gate, batches: first), name: "m", version: "1"),
        ServedVersion(
          WordPredictor(gate: gate, batches: second), name: "n", version: "1", isDefault: false),
      ], { _, hooks in hooks.recorder = depth })
    let body = #"{"input":"a"}"#
    func send(_ model: String) -> LoopbackClient {
      let client = running.client
      client.send(
        "POST /models/\(model)/predict HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      )
      return client
    }
    for model in ["m", "n"] {
      // How long a token takes is known after one text.
      gate.signal()
      #expect(send(model).readAnswer()?.status == 200)
    }
    var clients = [send("m")]
    #expect(BuiltMartlet.wait { first.sizes.withLock { $0.count == 2 } })
    for model in ["m", "n", "m", "n", "m"] {
      clients.append(send(model))
      #expect(depth.reaches(clients.count - 1))
    }
    for _ in 0..<3 { gate.signal() }
    for client in clients { #expect(client.readAnswer()?.status == 200) }
    #expect(first.sizes.withLock { $0 } == [1, 1, 3])
    #expect(second.sizes.withLock { $0 } == [1, 2])
  }
}
