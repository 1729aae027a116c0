import Foundation
import JSON
import Prefork
import TestDaemon
import Testing

@Suite(.enabled(if: Pool.isThere, "needs the built pool-probe"))
struct ReadyFileTests {
  private func start(_ settings: [String: String] = [:]) throws -> Pool {
    let pool = try Pool(settings)
    try #require(pool.waitUntilReady(), "\(pool.output)")
    return pool
  }

  @Test func itNamesEveryAddressAndEveryProcess() throws {
    let socket = NSTemporaryDirectory() + "pool-\(UUID().uuidString.prefix(8))"
    let pool = try start(["bind": "127.0.0.1:0,[::1]:0,unix:\(socket)", "admin": "127.0.0.1:0"])
    let ready = try #require(pool.ready)
    #expect(ready.arbiter == pool.processIdentifier)
    #expect(ready.workers == pool.workers())
    let addresses = try #require(ready["addresses"]?.arrayValue)
    #expect(addresses.map { $0["admin"] } == [false, false, false, true])
    #expect(addresses.map { $0["host"]?.stringValue } == ["127.0.0.1", "::1", nil, "127.0.0.1"])
    #expect(addresses[2]["path"]?.stringValue == socket)
    for address in addresses where address["port"] != nil {
      let port = try #require(address["port"]?.intValue)
      #expect(port > 0)
      #expect(address["url"]?.stringValue?.hasSuffix(":\(port)") == true)
    }
    let health = try #require(ready["pids"]?["health"]?.intValue)
    #expect(pool.ask("127.0.0.1:\(ready.port(admin: true))")?[1] == "\(health)")
  }

  @Test func itFollowsAReloadAndADeathAndGoesWithThePool() throws {
    let pool = try start()
    let first = try #require(pool.ready)
    #expect(first.generation == 1)
    pool.signal(SIGHUP)
    #expect(pool.wait { pool.ready?.generation == 2 })
    let second = try #require(pool.ready)
    #expect(second.workers.count == 2 && second.workers.isDisjoint(with: first.workers))
    let victim = try #require(second.workers.first)
    pool.signal(SIGKILL, to: victim)
    #expect(pool.wait { pool.ready.map { !$0.workers.contains(victim) } ?? false })
    // The first ones may still drain.
    #expect(pool.wait { pool.ready?.workers == pool.workers() })
    pool.signal(SIGTERM)
    #expect(pool.exitCode() == 0)
    #expect(pool.ready == nil)
  }

  @Test func itIsTheNewBinarysOnceThatServesAndTheOldOnesAgainIfItDies() throws {
    let pool = try start()
    let old = pool.processIdentifier
    pool.signal(SIGUSR2)
    #expect(pool.wait { pool.said("the new binary serves") == 1 })
    let new = try #require(pool.ready?.arbiter)
    #expect(new != old)
    // What changes with the old one's workers meanwhile is not told.
    let victim = try #require(pool.workers(of: old).first)
    pool.signal(SIGKILL, to: victim)
    #expect(pool.wait { pool.workers(of: old).count == 2 && !pool.workers().contains(victim) })
    #expect(pool.ready?.arbiter == new)
    pool.signal(SIGKILL, to: new)
    #expect(pool.wait { pool.ready?.arbiter == old })
    #expect(pool.ready?.workers == pool.workers(of: old))
  }

  @Test func aLeftoverIsRemovedAndAnotherDaemonsFileIsNot() throws {
    let path = NSTemporaryDirectory() + "ready-\(UUID().uuidString.prefix(8))"
    defer { unlink(path) }
    func write(_ arbiter: Int32) throws {
      try #"{"pids":{"arbiter":\#(arbiter)}}"#.write(
        toFile: path, atomically: true, encoding: .utf8)
    }
    let file = try ReadyFile(path: path)
    try write(99_999_999)
    file.remove()
    #expect(FileManager.default.fileExists(atPath: path))
    file.removeLeftover()
    #expect(!FileManager.default.fileExists(atPath: path))
    try write(getppid())
    file.removeLeftover()
    #expect(FileManager.default.fileExists(atPath: path), "the old binary's")
    try write(getpid())
    file.remove()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aFileOfAnotherKindIsNotTouched() throws {
    let path = NSTemporaryDirectory() + "ready-\(UUID().uuidString.prefix(8))"
    defer { unlink(path) }
    try "workers = 2".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(throws: PreforkError.self) { try ReadyFile(path: path) }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "workers = 2")
    // As mktemp makes one.
    try "".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(throws: Never.self) { try ReadyFile(path: path) }
  }

  @Test(arguments: ["/no/such/folder/ready", "/tmp", "/dev/null"])
  func aPathThatCannotBeAFileIsRefusedAtTheStart(_ path: String) {
    #expect(throws: PreforkError.self) { try ReadyFile(path: path) }
  }
}
