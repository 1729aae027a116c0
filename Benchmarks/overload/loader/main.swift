import CEvents
import Foundation

// Sends requests at a fixed rate, whatever becomes of the earlier ones (an open loop, as many independent clients are):
//   load-generator PORT PATH BODIES RATE SECONDS CONNECTIONS
// BODIES is a file with one JSON body a line, sent in turn. Latencies count from the moment a request was due, so that a
// stalled server cannot hide its stall ("coordinated omission", Tene 2015). Prints one JSON object.

/// One keep-alive connection with at most one request in flight.
struct Lane {
  let descriptor: Int32
  var received: [UInt8] = []
  /// When the request in flight was due; 0 at rest.
  var due: Int64 = 0
}

/// The status of the answer at the front of `bytes`, and its length; nil while it is incomplete.
func answer(in bytes: [UInt8]) -> (status: Int, length: Int)? {
  guard bytes.count > 16 else { return nil }
  var end = 3
  while end < bytes.count
    && !(bytes[end] == 10 && bytes[end - 1] == 13 && bytes[end - 2] == 10 && bytes[end - 3] == 13)
  {
    end += 1
  }
  if end >= bytes.count { return nil }
  let status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1 &- 48) }
  let field = Array("\r\ncontent-length: ".utf8)
  var length = 0
  var index = 0
  while index + field.count < end {
    if zip(field, bytes[index...]).allSatisfy({ $0 == ($1 >= 65 && $1 <= 90 ? $1 | 32 : $1) }) {
      for byte in bytes[(index + field.count)...] {
        guard byte >= 48 && byte <= 57 else { break }
        length = length * 10 + Int(byte - 48)
      }
      break
    }
    index += 1
  }
  return bytes.count >= end + 1 + length ? (status, end + 1 + length) : nil
}

func connected(port: UInt16) -> Int32 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let code = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard code == 0 else {
    print("cannot connect to port \(port): \(String(cString: strerror(errno)))")
    exit(1)
  }
  _ = cevents_no_delay(descriptor)
  _ = cevents_nonblocking(descriptor)
  return descriptor
}

let arguments = CommandLine.arguments
guard arguments.count == 7, let port = UInt16(arguments[1]), let rate = Double(arguments[4]),
  rate > 0,
  let seconds = Double(arguments[5]), seconds > 0 && seconds <= 60, let count = Int(arguments[6]),
  (1...10_000).contains(count),
  let text = try? String(contentsOfFile: arguments[3], encoding: .utf8)
else {
  print("usage: load-generator PORT PATH BODIES RATE SECONDS CONNECTIONS")
  exit(2)
}
let requests = text.split(separator: "\n").map { body in
  Array(
    "POST \(arguments[2]) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      .utf8)
}

/// All connections, and what was answered on them.
struct Load {
  private let requests: [[UInt8]]
  private let poller = cevents_create()
  private var lanes: [Lane]
  private var idle: [Int]
  private var ready = [cevents_ready](repeating: cevents_ready(token: 0, events: 0), count: 256)
  private var buffer = [UInt8](repeating: 0, count: 65536)
  private(set) var sent = 0
  private(set) var lost = 0
  /// Nanoseconds from due to answered, by status.
  private(set) var latencies: [Int: [Int64]] = [:]

  init(requests: [[UInt8]], port: UInt16, connections: Int) {
    self.requests = requests
    lanes = (0..<connections).map { _ in Lane(descriptor: connected(port: port)) }
    idle = Array(lanes.indices.reversed())
    for (index, lane) in lanes.enumerated() {
      _ = cevents_add(
        poller, lane.descriptor, UInt32(CEVENTS_READABLE | CEVENTS_PEER_CLOSED), UInt64(index))
    }
  }

  mutating func run(rate: Double, seconds: Double) {
    let start = cevents_monotonic()
    let end = start + Int64(seconds * 1e9)
    let total = Int(rate * seconds)
    while true {
      let now = cevents_monotonic()
      if now > end { return }
      while sent < total && !idle.isEmpty {
        let due = start + Int64(Double(sent) / rate * 1e9)
        if due > now { break }
        send(idle.removeLast(), due: due)
      }
      // With something to send soon it does not sleep: a millisecond is many requests.
      let wait: Int32 = idle.isEmpty || sent >= total ? 10 : 0
      let found = Int(cevents_wait(poller, &ready, 256, wait))
      for index in 0..<max(0, found) { receive(Int(ready[index].token)) }
    }
  }

  private mutating func send(_ lane: Int, due: Int64) {
    let bytes = requests[sent % requests.count]
    lanes[lane].due = due
    sent += 1
    let taken = bytes.withUnsafeBytes {
      cevents_send(lanes[lane].descriptor, $0.baseAddress, $0.count)
    }
    if taken != bytes.count { lost += 1 }
  }

  private mutating func receive(_ lane: Int) {
    let descriptor = lanes[lane].descriptor
    let taken = buffer.withUnsafeMutableBytes {
      Int(cevents_receive(descriptor, $0.baseAddress, $0.count))
    }
    if taken == 0 {
      lost += 1
      _ = cevents_remove(poller, descriptor)
    }
    if taken <= 0 { return }
    lanes[lane].received += buffer[..<taken]
    guard let (status, length) = answer(in: lanes[lane].received) else { return }
    lanes[lane].received.removeFirst(length)
    latencies[status, default: []].append(cevents_monotonic() - lanes[lane].due)
    idle.append(lane)
  }
}

func milliseconds(_ values: [Int64], _ quantile: Double) -> String {
  if values.isEmpty { return "null" }
  let sorted = values.sorted()
  let index = min(sorted.count - 1, Int(quantile * Double(sorted.count)))
  return String(format: "%.3f", Double(sorted[index]) / 1e6)
}

var load = Load(requests: requests, port: port, connections: count)
load.run(rate: rate, seconds: seconds)
let good = load.latencies[200] ?? []
let refused = load.latencies[503] ?? []
let others = load.latencies.filter { $0.key != 200 && $0.key != 503 }.values
  .reduce(0) { $0 + $1.count }
print(
  """
  {"offered": \(Int(rate)), "sent": \(load.sent), "good_per_second": \
  \(String(format: "%.1f", Double(good.count) / seconds)), "refused": \(refused.count), \
  "other": \(others), "lost": \(load.lost), "p50_ms": \(milliseconds(good, 0.5)), \
  "p99_ms": \(milliseconds(good, 0.99)), "refused_p99_ms": \(milliseconds(refused, 0.99))}
  """)
