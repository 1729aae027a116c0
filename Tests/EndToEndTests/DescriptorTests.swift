import Foundation
import LoopbackClient
import TestDaemon
import Testing

/// A worker that runs out of descriptors.
@Suite(
  .serialized, .enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct DescriptorTests {
  private static let request =
    "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 31\r\n\r\n"
    + #"{"input":"see you at the shop"}"#

  /// What finds no descriptor waits in the backlog, which another worker could take it from, and is served once others end.
  @Test func connectionsBeyondTheDescriptorsWaitAndAreServed() throws {
    let limit = 64
    let daemon = try ServeProcess(["-w", "1"], descriptors: limit)
    let worker = try #require(daemon.workers.first)
    var clients = (0..<limit + 20).map { _ in LoopbackClient(port: daemon.port) }
    for client in clients { client.send(Self.request) }
    #expect(
      BuiltMartlet.wait {
        let path = "/proc/\(worker)/fd"
        return (try? FileManager.default.contentsOfDirectory(atPath: path).count) ?? 0 >= limit
      })
    var statuses: [Int?] = []
    // Each that has been answered ends, and one that waits has its place.
    while !clients.isEmpty { statuses.append(clients.removeFirst().readAnswer()?.status) }
    #expect(statuses.allSatisfy { $0 == 200 }, "\(statuses)")
    #expect(daemon.workers == [worker])
    let after = LoopbackClient(port: daemon.port)
    after.send(Self.request)
    #expect(after.readAnswer()?.status == 200)
    #expect(daemon.stop() == 0)
  }
}
