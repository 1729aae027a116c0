import Dispatch
import Foundation
import HTTP
import LoopbackClient
import Testing

@Suite struct CompressionTests {
  private static let text = String(repeating: "{\"label\":\"ham\",\"score\":0.98},", count: 200)

  private func fixture(_ response: Response, later: Bool = false) throws -> ServerFixture {
    try ServerFixture {
      $0.compressionMinimumSize = 1000
    } handler: { _, responder in
      if !later { return response }
      DispatchQueue.global().async { responder.respond(response) }
      return nil
    }
  }

  private func answer(
    to response: Response, accepting value: String?, method: String = "GET", later: Bool = false
  ) throws -> LoopbackClient.Answer {
    let server = try fixture(response, later: later)
    let client = server.client
    let field = value.map { "Accept-Encoding: \($0)\r\n" } ?? ""
    client.send("\(method) / HTTP/1.1\r\nHost: a\r\n\(field)\r\n")
    return try #require(client.readAnswer(hasBody: method != "HEAD"))
  }

  /// RFC 9110 section 12.5.3, with its examples.
  @Test(
    arguments: [
      (nil, false), ("", false), ("gzip", true), ("GZIP", true), ("x-gzip", true), ("*", true),
      ("compress, gzip", true), ("compress;q=0.5, gzip;q=1.0", true), ("gzip;q=0", false),
      ("gzip;q=0.000", false), ("gzip;q=0.001", true), ("gzip; q=0.5, identity", false),
      ("gzip;q=1.0, identity; q=0.5, *;q=0", true), ("*;q=0", false), ("*;q=0, gzip", true),
      ("br", false), ("gzip;q=2", false), ("gzip;q=", false), ("gzip;q=0.1234", false),
      ("gzip;level=9", false), ("deflate", false), ("gzipped", false),
    ] as [(String?, Bool)])
  func gzipIsSentWhereItIsWelcome(_ value: String?, _ isCompressed: Bool) throws {
    let answer = try answer(to: .text(.ok, Self.text), accepting: value)
    #expect((answer.fields["content-encoding"] == "gzip") == isCompressed)
    #expect(answer.fields["vary"] == "Accept-Encoding")
    if !isCompressed { #expect(answer.body == Self.text) }
  }

  @Test(arguments: [false, true])
  func curlReadsWhatWasCompressed(_ later: Bool) throws {
    let server = try fixture(.text(.ok, Self.text), later: later)
    let result = try run([
      "curl", "-sS", "--compressed", "-w", "%{size_download}",
      "http://127.0.0.1:\(server.listener.port)/",
    ])
    #expect(result.output.hasPrefix(Self.text))
    let size = try #require(Int(result.output.dropFirst(Self.text.count)))
    #expect(size < Self.text.count / 10)
  }

  @Test func onlyLongTextIsCompressed() throws {
    func isCompressed(_ response: Response) throws -> Bool {
      try answer(to: response, accepting: "gzip").fields["content-encoding"] == "gzip"
    }
    #expect(try isCompressed(.text(.ok, String(repeating: "a", count: 1000))))
    #expect(try !isCompressed(.text(.ok, String(repeating: "a", count: 999))))
    #expect(try isCompressed(.json(.ok, Array(Self.text.utf8))))
    #expect(try !isCompressed(Response(contentType: "image/png", body: Array(Self.text.utf8))))
    var generator = SystemRandomNumberGenerator()
    let noise = (0..<2000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    #expect(try !isCompressed(Response(contentType: "text/plain", body: noise)))
    let coded = Response(
      contentType: "text/plain", fields: [("Content-Encoding", "br")], body: Array(Self.text.utf8))
    #expect(try answer(to: coded, accepting: "gzip").fields["content-encoding"] == "br")
  }

  @Test func shortAnswersDoNotVary() throws {
    #expect(try answer(to: .text(.ok, "short"), accepting: "gzip").fields["vary"] == nil)
  }

  @Test func headSaysTheLengthThatGetWouldHave() throws {
    let get = try answer(to: .text(.ok, Self.text), accepting: "gzip")
    let head = try answer(to: .text(.ok, Self.text), accepting: "gzip", method: "HEAD")
    #expect(head.fields["content-length"] == get.fields["content-length"])
    #expect(head.body == "")
  }

  @Test func aStrongValidatorBecomesWeak() throws {
    var response = Response.text(.ok, Self.text)
    response.fields = [("ETag", "\"v1\"")]
    #expect(try answer(to: response, accepting: "gzip").fields["etag"] == "W/\"v1\"")
    #expect(try answer(to: response, accepting: nil).fields["etag"] == "\"v1\"")
  }

  @Test func anUnknownCodingIsToldWhatIsKnown() throws {
    let server = try ServerFixture()
    let client = server.client
    client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc")
    let answer = try #require(client.readAnswer())
    #expect(answer.status == 415)
    #expect(answer.fields["accept-encoding"] == "gzip, deflate, identity")
  }

  /// What Python's `gzip.compress(b"a" * 2000, mtime=0)` is.
  private static let twoThousand: [UInt8] = [
    0x1F, 0x8B, 0x08, 0, 0, 0, 0, 0, 0x02, 0xFF, 0x4B, 0x4C, 0x1C, 0x05, 0xA3, 0x60, 0x14, 0x8C,
    0x82, 0x51, 0x30, 0x0A, 0x46, 0xC1, 0x50, 0x07, 0x00, 0x39, 0x3E, 0x13, 0xA8, 0xD0, 0x07, 0, 0,
  ]

  private func refusal(_ adjust: (inout HTTPLimits) -> Void) -> Refusal? {
    var limits = HTTPLimits()
    adjust(&limits)
    let head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
      + "Content-Length: \(Self.twoThousand.count)\r\n\r\n"
    let bytes = Array(head.utf8) + Self.twoThousand
    var whole = RequestParser(limits: limits)
    _ = whole.consume(bytes)
    var single = RequestParser(limits: limits)
    for byte in bytes where single.state != .refused { _ = single.consume([byte]) }
    #expect(whole.refusal == single.refusal)
    return whole.refusal
  }

  @Test func theInflatedSizeHasALimit() {
    #expect(refusal { $0.requestBody = 2000 } == nil)
    #expect(refusal { $0.requestBody = 1999 } == .bodyTooLarge)
  }

  @Test(arguments: [0, 1])
  func theRatioHasALimitBeyondAnAllowance(_ excess: Int) throws {
    // Python's zlib makes 16,384 times "a" into 36 bytes; the ratio is looked at after each 16,384.
    let made = try run([
      "python3", "-c",
      "import zlib,sys; sys.stdout.write(zlib.compress(b'a'*40000,9).hex())",
    ]).output
    let body = stride(from: 0, to: made.utf8.count, by: 2).compactMap {
      UInt8(made.dropFirst($0).prefix(2), radix: 16)
    }
    var limits = HTTPLimits()
    limits.inflationAllowance = 32767 + (1 - excess)
    limits.inflationRatio = 2
    let head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: deflate\r\n"
      + "Content-Length: \(body.count)\r\n\r\n"
    var parser = RequestParser(limits: limits)
    _ = parser.consume(Array(head.utf8) + body)
    #expect(parser.refusal == (excess == 0 ? nil : .inflationRatioTooHigh))
    limits.inflationRatio = 1100
    parser = RequestParser(limits: limits)
    _ = parser.consume(Array(head.utf8) + body)
    #expect(parser.state == .complete)
  }
}
