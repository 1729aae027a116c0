import Dispatch
import Foundation
import LoopbackClient
import Serving
import Synchronization
import TestDaemon
import Testing
import Tokenization
import Transformer

/// Takes a time for each text; with a gate, for the first alone, is held by the gate at the second, and then takes none.
private final class SlowPredictor: Predictor {
  let name = "slow"
  let labels = ["a", "b"]
  let maximumTokens = 64
  let task = ModelTask.classification
  let counted: WordPredictor.Batches
  let milliseconds: Int
  let gate: Gate?

  struct Gate: Sendable {
    let isReached = DispatchSemaphore(value: 0)
    let opens = DispatchSemaphore(value: 0)
  }

  init(
    _ counted: WordPredictor.Batches = WordPredictor.Batches(), milliseconds: Int = 10,
    gate: Gate? = nil
  ) {
    (self.counted, self.milliseconds, self.gate) = (counted, milliseconds, gate)
  }

  func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
    let before = counted.sizes.withLock { $0.count }
    if gate == nil || before == 0 { usleep(UInt32(1000 * milliseconds * inputs.count)) }
    if let gate, before == 1 {
      gate.isReached.signal()
      _ = gate.opens.wait(timeout: .now() + 60)
    }
    counted.sizes.withLock { $0.append(inputs.count) }
    return inputs.map { _ in
      .success(
        Prediction(
          value: .label(0, probabilities: [1, 0]), tokenCount: 1, unknownTokenCount: 0,
          isTruncated: false))
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

  /// Teaches the queue that a text costs half a second or more, and gives it a request that is held by the gate.
  private static func occupy(
    _ running: RunningServer, _ gate: SlowPredictor.Gate, texts: Int
  ) throws -> LoopbackClient {
    let teacher = running.client
    send(teacher, texts: 1)
    #expect(teacher.readAnswer()?.status == 200)
    let long = running.client
    send(long, texts: texts, fields: "X-Request-Timeout-Ms: 600000\r\n")
    #expect(gate.isReached.wait(timeout: .now() + 60) == .success)
    return long
  }

  @Test func whatWouldWaitTooLongIsRefusedAtOnceWithTheTimeToComeBack() throws {
    let gate = SlowPredictor.Gate()
    let depth = QueueDepth()
    let running = try RunningServer(
      SlowPredictor(milliseconds: 500, gate: gate),
      { options, hooks in
        options.maximumQueueWait = 1.2
        options.requestTimeout = 600
        hooks.recorder = depth
      })
    var clients = [try Self.occupy(running, gate, texts: 1)]
    // The third may have to wait for the first to be older.
    let isFull = BuiltMartlet.wait {
      clients.append(running.client)
      Self.send(clients[clients.count - 1], texts: 1)
      return depth.reaches(3, within: 0.3)
    }
    #expect(isFull)
    let late = running.client
    Self.send(late, texts: 1)
    let answer = try #require(late.readAnswer())
    #expect(answer.status == 503)
    #expect(try #require(Int(answer.fields["retry-after"] ?? "")) >= 2)
    gate.opens.signal()
    let statuses = clients.map { $0.readAnswer()?.status }
    #expect(statuses.count { $0 == 200 } == 4 && statuses.allSatisfy { $0 == 200 || $0 == 503 })
  }

  @Test func whatWouldMissItsDeadlineIsRefusedAtOnce() throws {
    let gate = SlowPredictor.Gate()
    let depth = QueueDepth()
    let running = try RunningServer(
      SlowPredictor(milliseconds: 500, gate: gate),
      { options, hooks in
        options.maximumQueueWait = 3600
        options.requestTimeout = 600
        hooks.recorder = depth
      })
    let long = try Self.occupy(running, gate, texts: 250)
    // Fifty seconds of its own, and as many of the other list in the gaps.
    let hurried = running.client
    Self.send(hurried, texts: 100, fields: "X-Request-Timeout-Ms: 60000\r\n")
    #expect(hurried.readAnswer()?.status == 503)
    let patient = running.client
    Self.send(patient, texts: 100, fields: "X-Request-Timeout-Ms: 600000\r\n")
    #expect(depth.reaches(349))
    gate.opens.signal()
    #expect(long.readAnswer()?.status == 200)
    #expect(patient.readAnswer()?.status == 200)
  }

  @Test func noSmallRequestIsRefusedBecauseAListRuns() throws {
    let gate = SlowPredictor.Gate()
    let depth = QueueDepth()
    let running = try RunningServer(
      SlowPredictor(milliseconds: 500, gate: gate),
      { options, hooks in
        options.maximumQueuedTexts = 8
        options.maximumQueueWait = 2
        hooks.recorder = depth
      })
    // Two minutes of work.
    let list = try Self.occupy(running, gate, texts: 250)
    let small = running.client
    Self.send(small, texts: 1)
    let few = running.client
    Self.send(few, texts: 4)
    #expect(depth.reaches(254))
    gate.opens.signal()
    for client in [small, few, list] { #expect(client.readAnswer()?.status == 200) }
  }

  @Test func smallRequestsOvertakeAListOfTheirOwnClient() throws {
    let counted = WordPredictor.Batches()
    let running = try RunningServer(SlowPredictor(counted))
    let list = running.client
    Self.send(list, texts: 200)
    #expect(BuiltMartlet.wait { counted.sizes.withLock { $0.count > 2 } })
    for _ in 0..<3 {
      let small = running.client
      Self.send(small, texts: 1)
      #expect(small.readAnswer()?.status == 200)
    }
    let done = counted.sizes.withLock { $0.reduce(0, +) }
    #expect(done < 200, "\(done)")
    #expect(list.readAnswer()?.status == 200)
    #expect(counted.sizes.withLock { $0.reduce(0, +) } == 203)
  }

  @Test func aListWhoseClientHasGoneIsNotComputedToItsEnd() throws {
    let counted = WordPredictor.Batches()
    let depth = QueueDepth()
    let running = try RunningServer(SlowPredictor(counted), { $1.recorder = depth })
    do {
      let list = running.client
      Self.send(list, texts: 250)
      #expect(BuiltMartlet.wait { counted.sizes.withLock { $0.count > 2 } })
    }
    #expect(depth.reaches(0))
    #expect(counted.sizes.withLock { $0.reduce(0, +) } < 250)
  }

  @Test func aLongListIsComputedInParts() throws {
    let counted = WordPredictor.Batches()
    let running = try RunningServer(SlowPredictor(counted))
    let client = running.client
    Self.send(client, texts: 80)
    #expect(client.readAnswer()?.status == 200)
    let sizes = counted.sizes.withLock { $0 }
    // How long a token takes is known after one text.
    #expect(sizes.first == 1 && sizes.reduce(0, +) == 80)
    #expect(sizes.allSatisfy { $0 <= 32 } && sizes.contains { $0 > 1 })
  }

  @Test func aDeadlineInTheMiddleOfAListEndsTheWork() throws {
    let counted = WordPredictor.Batches()
    let running = try RunningServer(SlowPredictor(counted))
    let client = running.client
    Self.send(client, texts: 256, fields: "X-Request-Timeout-Ms: 500\r\n")
    #expect(client.readAnswer()?.status == 504)
    #expect(
      BuiltMartlet.stays(for: .seconds(0.1)) { counted.sizes.withLock { $0.reduce(0, +) } < 256 })
  }

  /// Takes its time in steps that it tells of, and makes as many tokens of a text as it reads.
  private final class SteadyPredictor: Predictor {
    let name = "steady"
    let labels = ["a", "b"]
    let maximumTokens = 500
    let task = ModelTask.classification
    let counted = WordPredictor.Batches()
    let steps: Int
    var progress: (() -> Void)?

    init(steps: Int) { self.steps = steps }

    func encode(_ input: TextInput) throws(PredictionError) -> EncodedInput {
      let zeros = [Int32](repeating: 0, count: maximumTokens)
      return try EncodedInput(
        input, Encoding(ids: zeros, typeIDs: zeros, isTruncated: true, unknownCount: 0))
    }

    func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
      for _ in 0..<steps {
        usleep(20_000)
        progress?()
      }
      counted.sizes.withLock { $0.append(inputs.count) }
      return inputs.map { _ in
        .success(
          Prediction(
            value: .label(0, probabilities: [1, 0]), tokenCount: maximumTokens,
            unknownTokenCount: 0, isTruncated: true))
      }
    }
  }

  @Test func partsAreCutByTheTokensThatTextsHaveAndNotByTheirBytes() throws {
    let predictor = SteadyPredictor(steps: 0)
    let counted = predictor.counted
    let running = try RunningServer(predictor)
    let client = running.client
    // A token for each byte would be eight in all; the batch budget is 4096 tokens.
    Self.send(client, texts: 64)
    #expect(client.readAnswer()?.status == 200)
    let sizes = counted.sizes.withLock { $0 }
    #expect(sizes.reduce(0, +) == 64 && sizes.allSatisfy { $0 <= 4096 / 500 }, "\(sizes)")
  }

  @Test func aSlowModelThatGetsOnIsNoHungOne() throws {
    let longest = Mutex(0.0)
    let running = try RunningServer(
      SteadyPredictor(steps: 150),
      { _, hooks in
        hooks.heartbeat = { seconds in longest.withLock { $0 = max($0, seconds) } }
      })
    let client = running.client
    Self.send(client, texts: 1)
    #expect(client.readAnswer()?.status == 200)
    // The text takes three seconds, of which each look sees the latest step alone.
    #expect(longest.withLock { $0 } < 2)
  }
}
