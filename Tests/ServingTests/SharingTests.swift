import Foundation
import JSON
import LoopbackClient
import TestDaemon
import Testing

private let program = BuiltMartlet.product("sleeping-pool")
private let isBuilt = FileManager.default.isExecutableFile(atPath: program.path)

/// Slices between the workers of a pool whose model sleeps, and says which process computed a text (`Tests/SleepingPool`).
@Suite(.enabled(if: isBuilt, "needs the built sleeping-pool"), .serialized)
struct SharingTests {
  private func start(workers: Int = 3, milliseconds: Double = 5, shares: Bool = true) throws
    -> ServeProcess
  {
    let pool = try ServeProcess(
      launching: program,
      ["\(workers)", "\(milliseconds)", "{ready}", shares ? "on" : "off"])
    try #require(pool.waitUntilReady(), "\(pool.output)")
    return pool
  }

  private func send(_ texts: [String], on client: LoopbackClient) {
    let list = texts.map { "\"\($0)\"" }.joined(separator: ",")
    let body = #"{"input":["# + list + "]}"
    client.send(
      "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  /// Which process computed each text; nil where the answer is another.
  private func processes(_ answer: LoopbackClient.Answer?) -> [Int32]? {
    guard let answer, answer.status == 200, let json = try? JSONValue(parsing: answer.body),
      let predictions = json["prediction"]?.arrayValue
    else { return nil }
    return predictions.compactMap { $0.doubleValue.map { Int32($0) } }
  }

  /// A connection, and the worker that has it: at rest it computes itself.
  private func connect(_ pool: ServeProcess) throws -> (client: LoopbackClient, owner: Int32) {
    let client = LoopbackClient(port: pool.port)
    send(["a"], on: client)
    let answer = client.readAnswer()
    let owner = try #require(processes(answer)?.first, "\(String(describing: answer?.body))")
    return (client, owner)
  }

  private let list = (0..<100).map { "text \($0)" }

  @Test func aListIsComputedByWorkersThatAreIdle() throws {
    let pool = try start()
    let (client, owner) = try connect(pool)
    send(list, on: client)
    let computed = try #require(processes(client.readAnswer()))
    #expect(computed.count == list.count)
    #expect(Set(computed).isSubset(of: pool.workers) && Set(computed).contains(owner))
    #expect(Set(computed).count == 3)
  }

  @Test func withoutSharingTheWorkerComputesItAlone() throws {
    let pool = try start(shares: false)
    let (client, owner) = try connect(pool)
    send(list, on: client)
    #expect(processes(client.readAnswer()) == list.map { _ in owner })
  }

  @Test func aTextBehindASlowOneGoesToAnIdleWorker() throws {
    let pool = try start(workers: 2)
    let (slow, owner) = try connect(pool)
    var other = try connect(pool)
    // Workers with fewer connections take new ones first.
    while other.owner != owner { other = try connect(pool) }
    send(["slow"], on: slow)
    #expect(BuiltMartlet.wait { isComputing(owner) })
    send(["b"], on: other.client)
    let computed = try #require(processes(other.client.readAnswer()))
    #expect(computed != [owner])
    #expect(processes(slow.readAnswer()) == [owner])
  }

  /// The model calls its thread so while it sleeps.
  private func isComputing(_ process: Int32) -> Bool {
    let folder = "/proc/\(process)/task"
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return threads.contains { thread in
      (try? String(contentsOfFile: "\(folder)/\(thread)/comm", encoding: .utf8)) == "computing\n"
    }
  }

  @Test func killedTakersCostNoAnswer() throws {
    let pool = try start(milliseconds: 20)
    let (client, owner) = try connect(pool)
    send(list + list, on: client)
    var killed: Set<Int32> = []
    while killed.count < 4 {
      var victim: Int32?
      let isFound = BuiltMartlet.wait {
        victim = pool.workers.subtracting(killed).first { $0 != owner && isComputing($0) }
        return victim != nil
      }
      guard isFound, let victim else { break }
      pool.signal(SIGKILL, to: victim)
      killed.insert(victim)
    }
    #expect(killed.count == 4)
    #expect(processes(client.readAnswer())?.count == 2 * list.count)
    #expect(BuiltMartlet.wait { pool.workers.count == 3 })
  }

  @Test func aStoppedTakerHoldsUpAListForAMomentOnly() throws {
    let pool = try start(workers: 2)
    let (client, owner) = try connect(pool)
    let taker = try #require(pool.workers.first { $0 != owner })
    send(list + list, on: client)
    #expect(BuiltMartlet.wait { isComputing(taker) })
    pool.signal(SIGSTOP, to: taker)
    defer { pool.signal(SIGCONT, to: taker) }
    #expect(processes(client.readAnswer())?.count == 2 * list.count)
    #expect(!ServeProcess.hasEnded(taker))
  }

  @Test func aStoppedOwnerHoldsUpNobodyElse() throws {
    let pool = try start(workers: 2)
    let (client, owner) = try connect(pool)
    var other = try connect(pool)
    while other.owner == owner { other = try connect(pool) }
    send(list + list, on: client)
    #expect(BuiltMartlet.wait { isComputing(other.owner) })
    pool.signal(SIGSTOP, to: owner)
    send(["b"], on: other.client)
    #expect(processes(other.client.readAnswer()) == [other.owner])
    pool.signal(SIGCONT, to: owner)
    #expect(processes(client.readAnswer())?.count == 2 * list.count)
  }

  @Test func aTextThatCrashesItsTakerCostsOneWorkerAndIsAnswered500() throws {
    let pool = try start()
    let (slow, owner) = try connect(pool)
    var other = try connect(pool)
    while other.owner != owner { other = try connect(pool) }
    let before = pool.workers
    send(["slow"], on: slow)
    #expect(BuiltMartlet.wait { isComputing(owner) })
    send(["crash"], on: other.client)
    let answer = try #require(other.client.readAnswer())
    #expect(answer.status == 500 && answer.body.contains("A worker ended"), "\(answer.body)")
    #expect(processes(slow.readAnswer()) == [owner])
    #expect(before.subtracting(pool.workers).count <= 1, "\(pool.output)")
    #expect(BuiltMartlet.wait { pool.workers.count == 3 })
  }

  @Test func aReloadBetweenLosesNothing() throws {
    let pool = try start()
    let (client, _) = try connect(pool)
    send(list + list, on: client)
    #expect(pool.reload())
    #expect(processes(client.readAnswer())?.count == 2 * list.count)
  }
}
