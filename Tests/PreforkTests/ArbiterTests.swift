import Foundation
import Synchronization
import TestDaemon
import Testing

@Suite(.enabled(if: Pool.isThere, "needs the built pool-probe"))
struct ArbiterTests {
  private func start(_ settings: [String: String] = [:]) throws -> Pool {
    let pool = try Pool(settings)
    try #require(pool.waitUntilReady(), "\(pool.output)")
    return pool
  }

  @Test func asManyWorkersServeAsAreWanted() throws {
    let pool = try start(["workers": "3"])
    #expect(pool.workers().count == 3)
    #expect(pool.ask()?[0] == "worker")
    pool.signal(SIGTTIN)
    #expect(pool.wait { pool.workers().count == 4 })
    // One by one: a signal that waits already is not queued again.
    pool.signal(SIGTTOU)
    #expect(pool.wait { pool.workers().count == 3 })
    pool.signal(SIGTTOU)
    #expect(pool.wait { pool.workers().count == 2 })
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
  }

  @Test func theLastWorkerIsNotTakenAway() throws {
    let pool = try start(["workers": "1"])
    pool.signal(SIGTTOU)
    #expect(pool.wait { pool.said("workers wanted") == 1 })
    #expect(pool.workers().count == 1)
  }

  @Test func aKilledWorkerIsReplacedAndTheOtherStays() throws {
    let pool = try start()
    let before = pool.workers()
    let victim = try #require(before.first)
    pool.signal(SIGKILL, to: victim)
    #expect(pool.wait { pool.workers().count == 2 && !pool.workers().contains(victim) })
    #expect(pool.workers().intersection(before) == before.subtracting([victim]))
  }

  @Test(arguments: ["silent", "stuck"])
  func aHungWorkerIsKilledAndReplaced(_ how: String) throws {
    let pool = try start(["workers": "1", "worker": how, "timeout": "0.6"])
    let before = pool.workers()
    #expect(pool.wait { pool.said("worker timed out") >= 1 }, "\(pool.output)")
    #expect(pool.wait { pool.workers().count == 1 && pool.workers() != before })
  }

  @Test func workersThatNeverServeEndTheDaemonAfterAFewForks() throws {
    let pool = try Pool(["worker": "exit"])
    #expect(pool.exitCode() == 3)
    #expect(pool.said("worker died") <= 7, "\(pool.output)")
    #expect(pool.said("do not come to serve") == 1)
  }

  @Test func aReloadReplacesAllWorkersAndRefusesNobody() throws {
    let pool = try start()
    let before = pool.workers()
    try pool.set(["workers": "3"])
    pool.signal(SIGHUP)
    var refused = 0
    #expect(
      pool.wait {
        refused += pool.ask() == nil ? 1 : 0
        return refused > 0 || pool.said("reloaded") == 1
      })
    #expect(refused == 0)
    #expect(pool.wait { pool.workers().count == 3 && pool.workers().isDisjoint(with: before) })
    #expect(pool.ask()?[2] == "2")
  }

  @Test(arguments: ["fail", "crash"])
  func aReloadThatDoesNotLoadChangesNothing(_ how: String) throws {
    let pool = try start()
    let before = pool.workers()
    try pool.set(["workers": "4", "prepare": how])
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.said("reload refused") == 1 }, "\(pool.output)")
    // The ready file says so, and why, until a reload goes through.
    #expect(pool.wait { pool.ready?["reloads"]?["refused"] == 1 })
    #expect(pool.ready?["reloads"]?["refusal"]?.stringValue?.isEmpty == false)
    #expect(pool.workers() == before)
    #expect(pool.ask()?[2] == "1")
  }

  @Test func aReloadWhoseWorkersDieEndsWithAReasonAndTheOldSettingsGoOn() throws {
    let pool = try start()
    let before = pool.workers()
    let start = ContinuousClock.now
    let socket = "unix:\(pool.folder)/socket"
    try pool.set(["worker": "exit", "workers": "3", "bind": socket])
    pool.signal(SIGHUP)
    #expect(
      pool.wait { pool.said("reload refused, the old model and settings keep serving") == 1 },
      "\(pool.output)")
    // From the third death in a row on, the next fork waits.
    #expect(pool.said("worker died") >= 5)
    #expect(ContinuousClock.now - start >= .seconds(0.2))
    #expect(pool.workers() == before)
    #expect(pool.ask()?[2] == "1")
    #expect(!FileManager.default.fileExists(atPath: "\(pool.folder)/socket"))
    // A worker that dies is replaced by one of the old settings.
    let victim = try #require(before.first)
    pool.signal(SIGKILL, to: victim)
    #expect(pool.wait { pool.workers().count == 2 && !pool.workers().contains(victim) })
    #expect(pool.ask()?[2] == "1")
    #expect(
      pool.wait {
        pool.ready?["reloads"]?["refusal"]?.stringValue?.hasPrefix("its workers die") == true
      }, "\(pool.output)")
    try pool.set([:])
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.ask()?[2] == "3" }, "\(pool.output)")
    #expect(pool.wait { pool.ready?["reloads"]?["done"] == 1 })
    #expect(pool.ready?["reloads"]?["refusal"] == .null)
  }

  @Test func whatAWorkerCouldNotOpenRefusesTheReload() throws {
    let pool = try start()
    for change in [
      ["file": "\(pool.folder)/none/log"], ["pid": "\(pool.folder)/none/pid"],
      ["pid": pool.folder], ["user": "no-such-user"],
    ] {
      let refused = pool.said("reload refused")
      try pool.set(change)
      pool.signal(SIGHUP)
      #expect(pool.wait { pool.said("reload refused") == refused + 1 }, "\(change) \(pool.output)")
    }
    #expect(pool.ask()?[2] == "1")
    #expect(pool.said("died") == 0)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root"))
  func aRehearsalIsWhoWorkersAre() throws {
    let pool = try start()
    let file = pool.folder + "/root-only"
    _ = FileManager.default.createFile(
      atPath: file, contents: nil, attributes: [.posixPermissions: 0o600])
    try pool.set(["user": "nobody", "file": file])
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.said("cannot open \(file)") == 1 }, "\(pool.output)")
    #expect(pool.wait { pool.said("reload refused") == 1 })
  }

  @Test func withADelayThePoolServesOnUntilItIsOver() throws {
    let pool = try start(["delay": "1"])
    let start = ContinuousClock.now
    pool.signal(SIGTERM)
    #expect(pool.wait { pool.said("not ready any more") == 1 })
    let answer = try #require(pool.ask())
    #expect(answer.last == "leaving")
    let worker: Int32 = try #require(Int32(answer[1]))
    pool.signal(SIGKILL, to: worker)
    #expect(pool.wait { pool.workers().count == 2 })
    #expect(pool.exitCode() == 0)
    #expect(ContinuousClock.now - start >= .seconds(1))
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGQUIT]) func aSecondSignalEndsTheDelay(_ signal: Int32)
    throws
  {
    let pool = try start(["delay": "3600"])
    pool.signal(SIGTERM)
    #expect(pool.wait { pool.said("not ready any more") == 1 })
    pool.signal(signal)
    #expect(pool.exitCode() == 0)
  }

  /// Connects without a pause while the pool ends: each connection is answered, or not made.
  @Test(arguments: ["127.0.0.1:0", "unix"]) func nobodyIsResetAtTheEnd(_ bind: String) throws {
    let path = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    let pool = try start(["bind": bind == "unix" ? "unix:\(path)" : bind, "workers": "3"])
    let address = pool.address
    let counts = Counts()
    let group = DispatchGroup()
    for _ in 0..<4 {
      group.enter()
      Thread.detachNewThread {
        while counts.note(connectAndRead(address)) {}
        group.leave()
      }
    }
    #expect(pool.wait { counts.answered.load(ordering: .relaxed) > 100 })
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
    #expect(group.wait(timeout: .now() + 60) == .success)
    #expect(counts.cut.load(ordering: .relaxed) == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aReloadMovesToAnotherAddress() throws {
    let pool = try start()
    let (old, socket) = (pool.address, "unix:\(pool.folder)/socket")
    #expect(pool.ask(socket) == nil)
    try pool.set(["bind": socket])
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.said("reloaded") == 1 })
    #expect(pool.ask(socket)?[2] == "2")
    #expect(pool.wait { pool.ask(old) == nil })
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
    #expect(!FileManager.default.fileExists(atPath: "\(pool.folder)/socket"))
  }

  @Test func anAddressThatIsTakenRefusesTheReload() throws {
    let other = try start()
    let pool = try start()
    try pool.set(["bind": other.address])
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.said("reload refused") == 1 })
    #expect(pool.ask()?[2] == "1")
  }

  @Test func workersAreReplacedAfterTheirShareOfRequestsAndNobodyIsRefused() throws {
    let pool = try start(["max": "20"])
    // Which worker the kernel wakes is its own affair: one of the two may answer all, and its successors after it.
    var answers: [String: Int] = [:]
    var refused = 0
    #expect(
      pool.wait {
        for _ in 0..<20 {
          if let worker = pool.ask()?[1] { answers[worker, default: 0] += 1 } else { refused += 1 }
        }
        return refused > 0 || answers.count >= 6
      })
    #expect(refused == 0)
    let spent = Set(answers.filter { $0.value >= 20 }.keys.compactMap { Int32($0) })
    #expect(!spent.isEmpty)
    #expect(pool.wait { pool.workers().isDisjoint(with: spent) && pool.workers().count == 2 })
    #expect(pool.said("died") == 0)
  }

  @Test func aWorkerThatDoesNotDrainIsKilledInTime() throws {
    let pool = try start(["worker": "deaf", "graceful": "0.5"])
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
  }

  @Test(arguments: [SIGINT, SIGQUIT]) func quickSignalsEndEvenDeafWorkers(_ signal: Int32) throws {
    let pool = try start(["worker": "deaf", "graceful": "3600"])
    pool.signal(signal)
    #expect(pool.exitCode() == 0)
  }

  @Test func logsAreOpenedAnewByAll() throws {
    let pool = try start()
    pool.signal(SIGUSR1)
    #expect(pool.wait { pool.said("worker reopened") == 2 && pool.said("reopened") >= 3 })
  }

  @Test func theCompanionIsReplacedWithoutTheWorkersNoticing() throws {
    let pool = try start()
    try pool.set(["admin": "unix:\(pool.folder)/admin"])
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.ask("unix:\(pool.folder)/admin")?[0] == "companion" })
    #expect(pool.wait { pool.said("reloaded") == 1 && pool.workers().count == 2 })
    let workers = pool.workers()
    let companion = try #require(Int32(pool.ask("unix:\(pool.folder)/admin")?[1] ?? ""))
    pool.signal(SIGKILL, to: companion)
    #expect(
      pool.wait { pool.ask("unix:\(pool.folder)/admin").map { $0[1] != "\(companion)" } ?? false })
    #expect(pool.workers() == workers)
  }

  @Test func theWorkersEndWithTheArbiter() throws {
    let pool = try start()
    let workers = pool.workers()
    pool.signal(SIGKILL)
    #expect(pool.wait { workers.allSatisfy(ServeProcess.hasEnded) })
  }

  @Test(.enabled(if: geteuid() == 0, "needs root"))
  func workersTakeOnTheirUserAfterTheSocketsAreOpen() throws {
    let pool = try start([
      "user": "nobody", "bind": "unix:\(NSTemporaryDirectory())/pool-user-socket",
    ])
    let worker = try #require(pool.workers().first)
    let status = try String(contentsOfFile: "/proc/\(worker)/status", encoding: .utf8)
    let nobody = try #require(getpwnam("nobody")).pointee
    let fields = Dictionary(
      status.split(separator: "\n").map { line in
        let parts = line.split(separator: ":", maxSplits: 1).map {
          $0.trimmingCharacters(in: .whitespaces)
        }
        return (parts[0], parts.count > 1 ? parts[1] : "")
      }, uniquingKeysWith: { first, _ in first })
    let four = { (number: UInt32) in Array(repeating: "\(number)", count: 4).joined(separator: "\t")
    }
    // Real, effective, saved and file system: none is left to go back to.
    #expect(fields["Uid"] == four(nobody.pw_uid))
    #expect(fields["Gid"] == four(nobody.pw_gid))
    #expect(fields["Groups"]?.split(separator: " ").contains("0") == false)
    #expect(fields["CapEff"] == "0000000000000000")
    #expect(fields["NoNewPrivs"] == "1")
    let own = try String(contentsOfFile: "/proc/\(pool.processIdentifier)/status", encoding: .utf8)
    #expect(own.contains("Uid:\t0\t0\t0\t0"))
  }

  @Test func aUserThatThereIsNotIsRefusedByName() throws {
    let pool = try Pool(["user": "no-such-user"])
    #expect(pool.exitCode() == 1)
    #expect(pool.said("there is no user 'no-such-user'") == 1)
  }
}

/// What became of connections.
private final class Counts: Sendable {
  let answered = Atomic<Int>(0)
  let cut = Atomic<Int>(0)

  /// - Returns: whether a connection was made.
  func note(_ outcome: Connected) -> Bool {
    switch outcome {
    case .refused: return false
    case .cut: cut.wrappingAdd(1, ordering: .relaxed)
    case .answered: answered.wrappingAdd(1, ordering: .relaxed)
    }
    return true
  }
}

@Suite(.enabled(if: Pool.isThere, "needs the built pool-probe"))
struct ListeningTests {
  @Test func theSocketFileOfADeadDaemonIsTakenOverAndThatOfALiveOneIsNot() throws {
    let path = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    defer { unlink(path) }
    let first = try Pool(["bind": "unix:\(path)"])
    try #require(first.waitUntilReady())
    let second = try Pool(["bind": "unix:\(path)"])
    #expect(second.exitCode() == 1)
    #expect(second.said("another process has it") == 1)
    first.signal(SIGKILL)
    #expect(first.wait { first.ask("unix:\(path)") == nil })
    let third = try Pool(["bind": "unix:\(path)"])
    #expect(third.waitUntilReady())
    #expect(third.ask("unix:\(path)") != nil)
  }

  @Test func aFileThatIsNoSocketIsLeftAlone() throws {
    let path = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    defer { unlink(path) }
    try "precious".write(toFile: path, atomically: true, encoding: .utf8)
    let pool = try Pool(["bind": "unix:\(path)"])
    #expect(pool.exitCode() == 1)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
  }

  @Test(arguments: [
    "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "::1:0", "unix:", "fd://2", "fd://77",
    "no.such.host.invalid:80", "unix:/" + String(repeating: "a", count: 200),
  ])
  func badAddressesAreRefusedWithTheFormsThatThereAre(_ address: String) throws {
    let pool = try Pool(["bind": address])
    #expect(pool.exitCode() == 1)
    #expect(pool.output.contains { $0.contains("cannot listen on '\(address)'") }, "\(pool.output)")
  }

  @Test func severalAddressesAreServedAtOnce() throws {
    let path = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    let pool = try Pool(["bind": "127.0.0.1:0,[::1]:0,unix:\(path)"])
    try #require(pool.waitUntilReady(), "\(pool.output)")
    #expect(pool.ask() != nil)
    #expect(pool.ask("unix:\(path)") != nil)
    let other = try #require(pool.ready?["addresses"]?[1])
    #expect(other["host"]?.stringValue == "::1" && other["port"]?.intValue ?? 0 > 0)
  }

  @Test func thePidFileNamesTheArbiterAndKeepsASecondOut() throws {
    let path = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8)).pid"
    try "99999999\n".write(toFile: path, atomically: true, encoding: .utf8)
    let pool = try Pool(["pid": path])
    try #require(pool.waitUntilReady())
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "\(pool.processIdentifier)\n")
    let second = try Pool(["pid": path])
    #expect(second.exitCode() == 1)
    #expect(second.said("which is alive") == 1)
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
