import Foundation
import JSON
import LoopbackClient
import Synchronization
import TestDaemon
import Testing

/// Starts the real binary with the embedded model and speaks to it over loopback.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct ServeTests {
  private static let request =
    "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\n"
    + #"{"input":"see you at the shop"}"#

  @Test func spamAndHamAreToldApart() throws {
    let daemon = try ServeProcess(["-w", "2"])
    func prediction(_ text: String) throws -> String? {
      let body = #"{"input":"\#(text)"}"#
      let client = LoopbackClient(port: daemon.port)
      client.send(
        "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
      let answer = try #require(client.readAnswer())
      return try JSONValue(parsing: answer.body)["prediction"]?.stringValue
    }
    #expect(try prediction("WINNER!! Call now to claim your free prize of 1000 pounds") == "spam")
    #expect(try prediction("Are you coming home for dinner tonight?") == "ham")
  }

  @Test func metricsSayHowManyTextsWait() throws {
    let daemon = try ServeProcess(["-w", "1"], admin: "127.0.0.1:0")
    let client = LoopbackClient(port: daemon.adminPort)
    client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    let text = try #require(client.readAnswer()).body
    #expect(text.contains("# TYPE martlet_queue_depth gauge\nmartlet_queue_depth 0\n"))
  }

  /// Sends one request after the other on four connections, and obeys `Connection: close`. Ends when `action` has been done and
  /// a hundred more requests have been answered.
  private func load(
    _ daemon: ServeProcess, while action: (Outcome) -> Void
  ) -> [String] {
    let outcome = Outcome()
    let group = DispatchGroup()
    for _ in 0..<4 {
      group.enter()
      Thread.detachNewThread {
        var client: LoopbackClient?
        while !outcome.isOver.load(ordering: .relaxed) {
          let current = client ?? LoopbackClient(port: daemon.port)
          client = current
          current.send(Self.request)
          let answer = current.readAnswer()
          if answer?.status == 200 {
            outcome.answered.wrappingAdd(1, ordering: .relaxed)
          } else {
            outcome.failures.withLock { $0.append(answer.map { "\($0.status)" } ?? "no answer") }
          }
          if answer == nil || answer?.fields["connection"] == "close" { client = nil }
        }
        group.leave()
      }
    }
    action(outcome)
    outcome.waitForMore()
    outcome.isOver.store(true, ordering: .relaxed)
    group.wait()
    return outcome.failures.withLock { $0 }
  }

  private final class Outcome: Sendable {
    let isOver = Atomic<Bool>(false)
    let answered = Atomic<Int>(0)
    let failures = Mutex<[String]>([])

    /// Waits until a hundred more requests have been answered.
    func waitForMore() {
      let wanted = answered.load(ordering: .relaxed) + 100
      #expect(BuiltMartlet.wait { answered.load(ordering: .relaxed) >= wanted })
    }
  }

  @Test func reloadingUnderLoadFailsNoRequest() throws {
    let daemon = try ServeProcess(["-w", "2"])
    let failures = load(daemon) { _ in
      for _ in 0..<3 {
        #expect(daemon.reload())
      }
    }
    #expect(failures == [])
  }

  @Test func changingTheBinaryUnderLoadFailsNoRequest() throws {
    let daemon = try ServeProcess(["-w", "2"])
    let old = daemon.processIdentifier
    let failures = load(daemon) { outcome in
      daemon.signal(SIGUSR2)
      #expect(BuiltMartlet.wait { daemon.ready.map { $0.arbiter != old } ?? false })
      // Answered by both before the old one ends.
      outcome.waitForMore()
      daemon.signal(SIGTERM)
      #expect(daemon.exitCode() == 0)
      outcome.waitForMore()
    }
    #expect(failures == [])
    let successor = try #require(daemon.ready).arbiter
    #expect(daemon.workers(of: successor).count == 2)
    daemon.signal(SIGTERM, to: successor)
    #expect(BuiltMartlet.wait { daemon.ready == nil })
  }

  @Test func aKilledWorkerIsReplacedAndTheOthersNeverNotice() throws {
    let daemon = try ServeProcess(["-w", "2"])
    let victim = try #require(daemon.workers.first)
    let failures = load(daemon) { outcome in
      outcome.waitForMore()
      kill(victim, SIGKILL)
      #expect(
        BuiltMartlet.wait { daemon.workers.count == 2 && !daemon.workers.contains(victim) })
    }
    // At most what was in flight on the victim: one request on each of the four connections.
    #expect(failures.count <= 4)
  }

  @Test func terminatingAnswersWhatHasBegunAndExitsWithZero() throws {
    let daemon = try ServeProcess(["-w", "1"])
    let client = LoopbackClient(port: daemon.port)
    client.send(Self.request)
    #expect(client.readAnswer()?.status == 200)
    let parts = Self.request.components(separatedBy: "\r\n\r\n")
    client.send("\(parts[0])\r\nExpect: 100-continue\r\n\r\n")
    #expect(client.readAnswer()?.status == 100)
    daemon.signal(SIGTERM)
    client.send(parts[1])
    #expect(client.readAnswer()?.status == 200)
    #expect(daemon.exitCode() == 0)
  }
}
