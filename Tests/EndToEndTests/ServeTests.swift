import Foundation
import JSON
import LoopbackClient
import Synchronization
import Testing

/// Starts the real binary with the embedded model and speaks to it over loopback.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct ServeTests {
  private static let request =
    "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\n"
    + #"{"input":"see you at the shop"}"#

  @Test func spamAndHamAreToldApart() throws {
    let daemon = try Daemon(workers: 2)
    defer { daemon.stop() }
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
    let listener = LoopbackListener()
    close(listener.descriptor)
    let daemon = try Daemon(workers: 1, admin: listener.port)
    defer { daemon.stop() }
    let client = LoopbackClient(port: listener.port)
    client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    let text = try #require(client.readAnswer()).body
    #expect(text.contains("# TYPE martlet_queue_depth gauge\nmartlet_queue_depth 0\n"))
  }

  /// Sends one request after the other on four connections, and obeys `Connection: close`. Ends when `action` has been done and
  /// a hundred requests have been answered.
  private func load(
    _ daemon: Daemon, while action: () -> Void
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
    action()
    #expect(BuiltMartlet.wait { outcome.answered.load(ordering: .relaxed) > 100 })
    outcome.isOver.store(true, ordering: .relaxed)
    group.wait()
    return outcome.failures.withLock { $0 }
  }

  private final class Outcome: Sendable {
    let isOver = Atomic<Bool>(false)
    let answered = Atomic<Int>(0)
    let failures = Mutex<[String]>([])
  }

  @Test func reloadingUnderLoadFailsNoRequest() throws {
    let daemon = try Daemon(workers: 2)
    defer { daemon.stop() }
    let failures = load(daemon) {
      for _ in 0..<3 {
        let before = daemon.workers
        daemon.signal(SIGHUP)
        #expect(
          BuiltMartlet.wait { daemon.workers.count == 2 && daemon.workers.isDisjoint(with: before) }
        )
      }
    }
    #expect(failures == [])
  }

  @Test func changingTheBinaryUnderLoadFailsNoRequest() throws {
    let daemon = try Daemon(workers: 2)
    var successor: Int32?
    let failures = load(daemon) {
      daemon.signal(SIGUSR2)
      #expect(
        BuiltMartlet.wait {
          successor = daemon.successor
          return successor.map { daemon.workers(of: $0).count == 2 } ?? false
        })
      usleep(500_000)
      daemon.signal(SIGTERM)
      #expect(BuiltMartlet.wait { daemon.workers.isEmpty })
      usleep(200_000)
    }
    #expect(failures == [])
    #expect(successor.map { daemon.workers(of: $0).count } == 2)
    if let successor { kill(successor, SIGTERM) }
    #expect(daemon.stop() == 0)
  }

  @Test func aKilledWorkerIsReplacedAndTheOthersNeverNotice() throws {
    let daemon = try Daemon(workers: 2)
    defer { daemon.stop() }
    let victim = try #require(daemon.workers.first)
    let failures = load(daemon) {
      usleep(200_000)
      kill(victim, SIGKILL)
      #expect(
        BuiltMartlet.wait { daemon.workers.count == 2 && !daemon.workers.contains(victim) })
    }
    // At most what was in flight on the victim: one request on each of the four connections.
    #expect(failures.count <= 4)
  }

  @Test func terminatingAnswersWhatHasBegunAndExitsWithZero() throws {
    let daemon = try Daemon(workers: 1)
    let client = LoopbackClient(port: daemon.port)
    client.send(Self.request)
    #expect(client.readAnswer()?.status == 200)
    client.send(Self.request)
    usleep(20_000)
    #expect(daemon.stop() == 0)
    #expect(client.readAnswer()?.status == 200)
  }
}

/// A running `martlet serve`.
private final class Daemon: Sendable {
  let port: UInt16
  private let process: Mutex<Process>
  private let processIdentifier: Int32

  /// - Parameter admin: the port of the admin listener; none where it is nil.
  init(workers: Int, admin: UInt16? = nil) throws {
    let process = Process()
    process.executableURL = BuiltMartlet.binary
    process.arguments = [
      "serve", BuiltMartlet.model, "-w", "\(workers)", "-b", "127.0.0.1:0", "--admin-bind",
      admin.map { "127.0.0.1:\($0)" } ?? "none",
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    processIdentifier = process.processIdentifier
    self.process = Mutex(process)
    var text = ""
    // "try: curl -s http://127.0.0.1:PORT/predict"
    while !text.contains("/predict") {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { throw DaemonError.notReady(text) }
      text += String(decoding: data, as: UTF8.self)
    }
    let rest = text.components(separatedBy: "http://127.0.0.1:").last ?? ""
    guard let port = UInt16(rest.prefix { $0.isNumber }) else { throw DaemonError.notReady(text) }
    self.port = port
    output.fileHandleForReading.readabilityHandler = { _ = $0.availableData }
  }

  enum DaemonError: Error {
    case notReady(String)
  }

  func signal(_ number: Int32) { kill(processIdentifier, number) }

  /// The children that are workers.
  var workers: Set<Int32> { workers(of: processIdentifier) }

  /// The workers of another arbiter.
  func workers(of arbiter: Int32) -> Set<Int32> { Set(named("martlet-w", of: arbiter)) }

  /// The arbiter of the binary that takes over.
  var successor: Int32? {
    named("").first { !workers.contains($0) }
  }

  private func named(_ prefix: String, of arbiter: Int32? = nil) -> [Int32] {
    let arbiter = arbiter ?? processIdentifier
    let path = "/proc/\(arbiter)/task/\(arbiter)/children"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: " ").compactMap { Int32($0) }.filter {
      let name = (try? String(contentsOfFile: "/proc/\($0)/comm", encoding: .utf8)) ?? ""
      return name.hasPrefix(prefix)
    }
  }

  /// Asks the daemon to end, and waits. Returns its exit code.
  @discardableResult
  func stop() -> Int32 {
    signal(SIGTERM)
    return process.withLock {
      $0.waitUntilExit()
      return $0.terminationStatus
    }
  }
}
