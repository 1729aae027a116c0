import Dispatch
import Foundation
import LoopbackClient
import Serving
import Synchronization
import Testing
import Transformer

/// Takes ten milliseconds for each text.
private final class SlowPredictor: Predictor {
  let name = "slow"
  let labels = ["a", "b"]
  let maximumTokens = 64
  let task = ModelTask.classification
  let counted: WordPredictor.Batches

  init(_ counted: WordPredictor.Batches) { self.counted = counted }

  func predict(_ inputs: [TextInput]) -> [Prediction] {
    usleep(UInt32(10_000 * inputs.count))
    counted.sizes.withLock { $0.append(inputs.count) }
    return inputs.map { _ in
      Prediction(
        value: .label(0, probabilities: [1, 0]), tokenCount: 1, unknownTokenCount: 0,
        isTruncated: false)
    }
  }
}

@Suite struct OverloadTests {
  private static func send(_ client: LoopbackClient, texts: Int, fields: String = "") {
    let body = #"{"input":[\#(Array(repeating: #""a""#, count: texts).joined(separator: ","))]}"#
    client.send(
      "POST /predict HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    )
  }

  @Test func whatWouldWaitTooLongIsRefusedAtOnceWithTheTimeToComeBack() throws {
    let running = try RunningServer(
      SlowPredictor(WordPredictor.Batches()), { options, _ in options.maximumQueueWait = 1 })
    // The first teaches the queue what a text costs; then two seconds of work go in.
    let teacher = running.client
    Self.send(teacher, texts: 20)
    #expect(teacher.readAnswer()?.status == 200)
    let long = running.client
    Self.send(long, texts: 200)
    usleep(50_000)
    let late = running.client
    Self.send(late, texts: 1)
    let start = Date()
    let answer = try #require(late.readAnswer())
    #expect(answer.status == 503)
    #expect(Date().timeIntervalSince(start) < 1)
    let wait = try #require(Int(answer.fields["retry-after"] ?? ""))
    #expect((1...6).contains(wait))
    #expect(long.readAnswer()?.status == 200)
  }

  @Test func whatWouldMissItsDeadlineIsRefusedAtOnce() throws {
    let running = try RunningServer(SlowPredictor(WordPredictor.Batches()))
    let teacher = running.client
    Self.send(teacher, texts: 20)
    #expect(teacher.readAnswer()?.status == 200)
    let long = running.client
    Self.send(long, texts: 100)
    usleep(50_000)
    let hurried = running.client
    Self.send(hurried, texts: 1, fields: "X-Request-Timeout-Ms: 100\r\n")
    #expect(hurried.readAnswer()?.status == 503)
    let patient = running.client
    Self.send(patient, texts: 1)
    #expect(patient.readAnswer()?.status == 200)
  }

  @Test func aLongListIsComputedInParts() throws {
    let counted = WordPredictor.Batches()
    let running = try RunningServer(SlowPredictor(counted))
    let client = running.client
    Self.send(client, texts: 80)
    #expect(client.readAnswer()?.status == 200)
    #expect(counted.sizes.withLock { $0 } == [32, 32, 16])
  }

  @Test func aDeadlineInTheMiddleOfAListEndsTheWork() throws {
    let counted = WordPredictor.Batches()
    let running = try RunningServer(SlowPredictor(counted))
    let client = running.client
    Self.send(client, texts: 256, fields: "X-Request-Timeout-Ms: 500\r\n")
    #expect(client.readAnswer()?.status == 504)
    usleep(100_000)
    #expect(counted.sizes.withLock { $0.reduce(0, +) } < 256)
  }
}
