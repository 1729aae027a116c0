import Foundation
import HTTP

// What the request parser makes of bytes, for Tests/Reference/http_differential.py. Standard input holds messages, each
// after its length as four bytes; standard output gets a line of JSON for each.

func read(_ count: Int) -> [UInt8]? {
  var bytes: [UInt8] = []
  while bytes.count < count {
    guard let more = try? FileHandle.standardInput.read(upToCount: count - bytes.count),
      !more.isEmpty
    else { return nil }
    bytes += more
  }
  return bytes
}

func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func verdict(of bytes: [UInt8]) -> String {
  var parser = RequestParser()
  var requests: [String] = []
  var rest = bytes[...]
  var end = "done"
  while !rest.isEmpty {
    rest.removeFirst(parser.consume(Array(rest)))
    if let refusal = parser.refusal {
      end = "refused:\(refusal)"
      break
    }
    guard parser.state == .complete else { continue }
    let request = parser.makeRequest()
    let target = request.path + (request.query.isEmpty ? "" : "?" + request.query)
    // Neither a method nor a target can hold what JSON escapes.
    requests.append("[\"\(request.method.name)\",\"\(target)\",\"\(hexadecimal(request.body))\"]")
    let keepsAlive = parser.keepsAlive
    parser.reset()
    if !keepsAlive { break }
  }
  if end == "done" && parser.hasBegun { end = "incomplete" }
  return "{\"requests\":[\(requests.joined(separator: ","))],\"end\":\"\(end)\"}\n"
}

while let length = read(4), let bytes = read(length.reduce(0) { $0 << 8 | Int($1) }) {
  FileHandle.standardOutput.write(Data(verdict(of: bytes).utf8))
}
