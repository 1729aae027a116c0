import Foundation
import TestDaemon
import Testing

@Suite(.enabled(if: Pool.isThere, "needs the built pool-probe"))
struct UpgradeTests {
  private func start(_ settings: [String: String] = [:], notify: NotifySocket? = nil) throws -> Pool
  {
    let environment = notify.map { ["NOTIFY_SOCKET": $0.path] } ?? [:]
    let pool = try Pool(settings, environment: environment)
    try #require(pool.waitUntilReady(), "\(pool.output)")
    return pool
  }

  private func upgrade(_ pool: Pool) throws -> (old: Int32, new: Int32) {
    pool.signal(SIGUSR2)
    let old = pool.processIdentifier
    try #require(
      pool.wait { pool.said("the new binary serves") == 1 && pool.ready?.arbiter != old },
      "\(pool.output)")
    return (old, try #require(pool.ready).arbiter)
  }

  @Test func theNewBinaryTakesTheSocketsOverAndNobodyIsRefused() throws {
    let pidFile = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8)).pid"
    let path = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    let pool = try start(["pid": pidFile, "bind": "127.0.0.1:0,unix:\(path)"])
    let address = pool.address
    func owner(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
    let (old, new) = try upgrade(pool)
    #expect(pool.address == address)
    #expect(owner(pidFile) == "\(old)\n")
    #expect(owner(pidFile + ".2") == "\(new)\n")
    #expect(pool.workers(of: old).count == 2 && pool.workers(of: new).count == 2)
    pool.signal(SIGTERM, to: old)
    var refused = 0
    #expect(
      pool.wait {
        refused += pool.ask() == nil ? 1 : 0
        return refused > 0 || owner(pidFile) == "\(new)\n"
      })
    for _ in 0..<50 { refused += pool.ask() == nil ? 1 : 0 }
    #expect(refused == 0)
    #expect(pool.exitCode() == 0)
    #expect(owner(pidFile + ".2") == nil)
    #expect(pool.ask("unix:\(path)") != nil)
    pool.signal(SIGTERM, to: new)
    #expect(pool.wait { ServeProcess.hasEnded(new) && owner(pidFile) == nil })
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  /// Two pools count apart: asked by turns, their counters would go back.
  @Test func oneHealthProcessAloneAnswersUntilTheOldBinaryHasGone() throws {
    let admin = "unix:\(NSTemporaryDirectory())admin-\(UUID().uuidString.prefix(8))"
    let pool = try start(["admin": admin])
    #expect(pool.wait { pool.ask(admin)?[0] == "companion" })
    let first = pool.ask(admin)
    let (old, new) = try upgrade(pool)
    for _ in 0..<30 {
      #expect(pool.ask(admin) == first)
      usleep(10_000)
    }
    pool.signal(SIGTERM, to: old)
    #expect(pool.exitCode() == 0)
    let second = pool.ask(admin)
    #expect(second?[0] == "companion" && second != first)
    for _ in 0..<30 { #expect(pool.ask(admin) == second) }
    pool.signal(SIGTERM, to: new)
    #expect(pool.wait { ServeProcess.hasEnded(new) })
  }

  @Test func aNewBinaryThatDoesNotStartLeavesTheOldOneServing() throws {
    let pool = try start()
    try pool.set(["prepare": "fail"])
    pool.signal(SIGUSR2)
    #expect(pool.wait { pool.said("the new binary ended") == 1 })
    #expect(pool.workers().count == 2)
    #expect(pool.ask() != nil)
    try pool.set([:])
    _ = try upgrade(pool)
  }

  @Test func theOldWorkersEndAtWinchAndComeBackAtHup() throws {
    let pool = try start()
    pool.signal(SIGWINCH)
    // When the same workers have opened their logs twice, the arbiter has seen WINCH and done a turn.
    for count in [2, 4] {
      pool.signal(SIGUSR1)
      #expect(pool.wait { pool.said("worker reopened") == count })
    }
    #expect(pool.workers().count == 2, "a terminal that changed its size")
    let (old, new) = try upgrade(pool)
    pool.signal(SIGWINCH)
    #expect(pool.wait { pool.workers(of: old).isEmpty })
    #expect(pool.ask() != nil)
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.workers(of: old).count == 2 })
    pool.signal(SIGTERM, to: new)
    // The new binary takes its ready file along; the old one writes its own once it has seen the end.
    #expect(pool.wait { pool.ready?.arbiter == old })
    #expect(ServeProcess.hasEnded(new))
    #expect(pool.ask() != nil)
  }

  @Test func theServiceManagerLearnsWhoIsMainOnlyWhenTheOldOneEnds() throws {
    let notify = NotifySocket()
    let pool = try start(notify: notify)
    let (old, new) = try upgrade(pool)
    #expect(!notify.messages().contains { $0.hasPrefix("MAINPID") })
    pool.signal(SIGTERM, to: old)
    #expect(pool.exitCode() == 0)
    let messages = notify.messages()
    #expect(messages.contains("MAINPID=\(new)"))
    #expect(!messages.contains("STOPPING=1"))
  }
}

@Suite(.enabled(if: Pool.isThere, "needs the built pool-probe"))
struct ServiceManagerTests {
  private static var monotonicMicroseconds: Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000_000 + now.tv_nsec / 1000
  }

  @Test func startReloadAndStopAreTold() throws {
    let notify = NotifySocket()
    let pool = try Pool(environment: ["NOTIFY_SOCKET": notify.path])
    try #require(pool.waitUntilReady())
    var messages = notify.messages()
    #expect(messages.count { $0 == "READY=1" } == 1)
    let before = Self.monotonicMicroseconds
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.said("reloaded") == 1 })
    #expect(
      pool.wait {
        messages += notify.messages()
        return messages.count { $0 == "READY=1" } == 2
      })
    let reloading = try #require(messages.first { $0.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") })
    let told = try #require(Int(reloading.split(separator: "=").last ?? ""))
    #expect((before...Self.monotonicMicroseconds).contains(told))
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
    messages = notify.messages()
    #expect(messages.contains("STOPPING=1"))
    #expect(messages.contains { $0.hasPrefix("STATUS=") })
  }

  @Test func aRefusedReloadEndsTheReloadingState() throws {
    let notify = NotifySocket()
    let pool = try Pool(environment: ["NOTIFY_SOCKET": notify.path])
    try #require(pool.waitUntilReady())
    _ = notify.messages()
    try pool.set(["prepare": "fail"])
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.said("reload refused") == 1 })
    var messages: [String] = []
    #expect(
      pool.wait {
        messages += notify.messages()
        return messages.contains("READY=1")
      })
    #expect(
      messages.firstIndex(of: "READY=1") ?? -1 > messages.firstIndex { $0.hasPrefix("RELOADING") }
        ?? 9)
  }

  @Test func theWatchdogIsFedOnlyWhileThePoolIsHealthy() throws {
    let notify = NotifySocket()
    let pool = try Pool(
      ["workers": "1", "worker": "told"],
      environment: ["NOTIFY_SOCKET": notify.path, "WATCHDOG_USEC": "400000"])
    try #require(pool.waitUntilReady())
    // At most once in 0.2 s, and again and again.
    let start = ContinuousClock.now
    var beats = 0
    #expect(
      pool.wait {
        beats += notify.messages().count { $0 == "WATCHDOG=1" }
        return beats >= 5
      })
    // The first may have come before the clock was read, and the last one bounds no time.
    #expect(ContinuousClock.now - start >= .seconds(0.2 * Double(beats - 3)))
    // Workers that die at once, with the first one killed: nobody serves.
    try "exit".write(toFile: "\(pool.folder)/worker", atomically: true, encoding: .utf8)
    for worker in pool.workers() { pool.signal(SIGKILL, to: worker) }
    #expect(pool.wait { pool.said("worker died") >= 5 && pool.workers().isEmpty })
    // What was said before the last one died may come late.
    var latest = ContinuousClock.now
    #expect(
      pool.wait {
        if notify.messages().contains("WATCHDOG=1") { latest = .now }
        return ContinuousClock.now - latest > .seconds(0.6)
      })
  }

  @Test func aWatchdogForAnotherProcessIsNotFed() throws {
    let notify = NotifySocket()
    let pool = try Pool(environment: [
      "NOTIFY_SOCKET": notify.path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1",
    ])
    try #require(pool.waitUntilReady())
    #expect(
      BuiltMartlet.stays(for: .seconds(0.4)) { !notify.messages().contains("WATCHDOG=1") })
  }

  @Test func anAbstractSocketIsReached() throws {
    let name = "martlet-test-\(UUID().uuidString)"
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = unixAddress("@" + name)
    withUnsafeMutableBytes(of: &address.sun_path) { $0[0] = 0 }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + 1 + name.utf8.count)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
    }
    try #require(code == 0)
    let pool = try Pool(environment: ["NOTIFY_SOCKET": "@" + name])
    try #require(pool.waitUntilReady())
    var bytes = [UInt8](repeating: 0, count: 512)
    #expect(
      pool.wait {
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count > 0 && String(decoding: bytes[..<count], as: UTF8.self) == "READY=1"
      })
  }

  private static let activator = "/usr/bin/systemd-socket-activate"

  @Test(
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: activator), "needs systemd-socket-activate"))
  func socketsOfTheServiceManagerStandInForTheAddresses() throws {
    let folder = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let pool = try Pool(
      ["bind": "127.0.0.1:1", "admin": "127.0.0.1:1"],
      launcher: [
        Self.activator, "-l", "\(folder)/public", "-l", "\(folder)/admin", "--fdname=http:admin",
      ])
    // The first connection starts the service. Before, the file may be there but nobody listen yet.
    #expect(
      pool.wait { pool.ask("unix:\(folder)/public")?[0] == "worker" }, "\(pool.output)")
    #expect(pool.wait { pool.ask("unix:\(folder)/admin")?[0] == "companion" })
    pool.signal(SIGUSR2)
    try #require(pool.wait { pool.said("the new binary serves") == 1 }, "\(pool.output)")
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
    #expect(pool.ask("unix:\(folder)/public")?[0] == "worker")
    #expect(pool.ask("unix:\(folder)/admin")?[0] == "companion")
  }
}
