import Glibc
import LoopbackClient
import Serving
import Synchronization
import TestDaemon
import Testing

@Suite("Parts of a request's time") struct StageTests {
  /// Keeps what a server tells of its requests.
  private final class Notes: ServingRecorder {
    let parts = Mutex<[(queue: Int64, tokenise: Int64, forward: Int64)]>([])
    let writes = Mutex<[Int64]>([])
    let totals = Mutex<[Int64]>([])
    /// Ids of texts, those that were measured with a sign before them.
    let texts = Mutex<[String]>([])

    func record(route: String?, status: Int, nanoseconds: Int64, byteCount: Int) {
      totals.withLock { $0.append(nanoseconds) }
    }
    func record(prediction: PredictionEvent) { texts.withLock { $0.append(prediction.text) } }
    func measure(prediction: PredictionEvent) {
      texts.withLock { $0.append("+" + prediction.text) }
    }
    func record(queueDepth: Int) {}
    func record(queue: Int64, tokenise: Int64, forward: Int64) {
      parts.withLock { $0.append((queue, tokenise, forward)) }
    }
    func record(write nanoseconds: Int64) { writes.withLock { $0.append(nanoseconds) } }
  }

  @Test func thePartsAddUpToTheWhole() throws {
    let notes = Notes()
    let server = try RunningServer { _, hooks in hooks.recorder = notes }
    for _ in 0..<3 {
      #expect(try server.post("/predict", #"{"input": "a text"}"#).status == 200)
    }
    // A request that never comes to the model has no parts.
    #expect(try server.get("/healthz").status == 200)
    let (parts, writes, totals) = (
      notes.parts.withLock { $0 }, notes.writes.withLock { $0 }, notes.totals.withLock { $0 }
    )
    #expect(parts.count == 3)
    #expect(writes.count == 3)
    #expect(totals.count == 4)
    for (index, part) in parts.enumerated() where index < writes.count {
      #expect(part.queue > 0 && part.tokenise >= 0 && part.forward > 0 && writes[index] >= 0)
      #expect(part.queue + part.tokenise + part.forward + writes[index] <= totals[index])
    }
  }

  @Test func textsAreMeasuredOnceAndAfterTheirBatchIsRecorded() throws {
    let notes = Notes()
    let server = try RunningServer { _, hooks in hooks.recorder = notes }
    #expect(try server.post("/predict", #"{"input": ["a", "b", "c"]}"#).status == 200)
    // The answer does not wait for it.
    #expect(BuiltMartlet.wait { notes.texts.withLock { $0.count == 6 } })
    #expect(notes.texts.withLock { $0 } == ["a", "b", "c", "+a", "+b", "+c"])
  }
}
