import Foundation
import FuzzDriver
import HTTP

/// What a parser makes of a connection's bytes when they arrive in these pieces.
func verdict(of bytes: [UInt8], pieces: (Int) -> Int) -> String {
  var limits = HTTPLimits()
  limits.requestLine = 200
  limits.requestFields = 10
  limits.requestFieldSize = 150
  limits.requestHead = 600
  limits.requestBody = 70_000
  limits.inflationRatio = 20
  limits.inflationAllowance = 20_000
  limits.chunkExtensions = 40
  limits.trailers = 60
  var parser = RequestParser(limits: limits)
  var text = ""
  var start = 0
  while start < bytes.count {
    let end = min(bytes.count, start + max(1, pieces(start)))
    var rest = bytes[start..<end]
    start = end
    while !rest.isEmpty {
      let count = parser.consume(Array(rest))
      precondition(count > 0 && count <= rest.count, "each call reads something")
      rest.removeFirst(count)
      precondition(
        parser.bodyCount <= limits.requestBody && parser.decodedCount <= limits.requestBody)
      if let refusal = parser.refusal { return text + "\(refusal)" }
      if parser.state == .complete {
        let request = parser.makeRequest()
        text += "\(request.method) \(request.path)?\(request.query) \(request.body.hashValue)"
        text += " \(request.field("host") ?? "-") \(parser.keepsAlive)\n"
        parser.reset()
      }
    }
  }
  return text + "\(parser.state)"
}

exit(
  fuzz { bytes in
    bounded(by: 40, of: bytes.count + 4096) {
      let whole = verdict(of: bytes) { _ in bytes.count }
      let single = verdict(of: bytes) { _ in 1 }
      let odd = verdict(of: bytes) { 1 + Int(bytes[$0]) % 13 }
      precondition(whole == single && whole == odd, "one verdict however the bytes are cut")
    }
  })
