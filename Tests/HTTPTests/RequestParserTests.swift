import HTTP
import Testing

@Suite struct RequestParserTests {
  /// Feeds the pieces, as a connection would: what one request leaves belongs to the next.
  private func verdict(
    of pieces: [ArraySlice<UInt8>], limits: HTTPLimits = HTTPLimits()
  ) -> CorpusCase.Verdict {
    var parser = RequestParser(limits: limits)
    var complete: [String] = []
    for piece in pieces {
      var rest = Array(piece)
      while !rest.isEmpty {
        rest.removeFirst(parser.consume(rest))
        if let refusal = parser.refusal { return .refused(refusal) }
        if parser.state == .complete {
          let request = parser.makeRequest()
          let body = String(decoding: request.body, as: UTF8.self)
          complete.append("\(request.method.name) \(request.path)|\(body)")
          parser.reset()
        }
      }
    }
    return complete.isEmpty || parser.hasBegun ? .incomplete : .complete(complete)
  }

  @Test(arguments: RequestCorpus.all)
  func verdictIsRight(_ example: CorpusCase) {
    #expect(verdict(of: [example.bytes[...]]) == example.verdict)
  }

  @Test(arguments: RequestCorpus.all)
  func verdictDoesNotDependOnCuts(_ example: CorpusCase) {
    let bytes = example.bytes
    #expect(verdict(of: bytes.indices.map { bytes[$0...$0] }) == example.verdict)
    for cut in bytes.indices {
      #expect(verdict(of: [bytes[..<cut], bytes[cut...]]) == example.verdict, "cut at \(cut)")
    }
  }

  @Test(arguments: [0, 1])
  func limitsHoldToTheByte(_ excess: Int) {
    var limits = HTTPLimits()
    limits.requestLine = 40
    limits.requestFields = 3
    limits.requestFieldSize = 30
    limits.requestBody = 5
    limits.chunkExtensions = 5
    limits.trailers = 10

    func expect(_ text: String, _ refusal: Refusal, line: Int = #line) {
      let expected = excess == 0
      let bytes = Array(text.utf8)
      let whole = verdict(of: [bytes[...]], limits: limits)
      let single = verdict(of: bytes.indices.map { bytes[$0...$0] }, limits: limits)
      #expect(whole == single, "line \(line)")
      if expected {
        guard case .complete = whole else {
          Issue.record("at the limit: \(whole), line \(line)")
          return
        }
      } else {
        #expect(whole == .refused(refusal), "line \(line)")
      }
    }
    let more = String(repeating: "a", count: excess)
    let path = "/" + String(repeating: "p", count: 40 - 14) + more
    expect("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n", .requestLineTooLong)
    let value = String(repeating: "v", count: 27) + more
    expect("GET / HTTP/1.1\r\nHost: a\r\nX: \(value)\r\n\r\n", .fieldTooLarge)
    let extra = excess == 0 ? "" : "C: d\r\n"
    expect("GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nB: c\r\n\(extra)\r\n", .tooManyFields)
    expect(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(5 + excess)\r\n\r\nabcde\(more)",
      .bodyTooLarge)
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    limits.requestFieldSize = 100
    expect("\(head)3\r\nabc\r\n\(2 + excess)\r\nde\(more)\r\n0\r\n\r\n", .bodyTooLarge)
    expect("\(head)1;aaaa\(more)\r\nx\r\n0\r\n\r\n", .chunkExtensionsTooLarge)
    expect("\(head)0\r\nT: 56789\(more)\r\n\r\n", .trailersTooLarge)
    limits.requestHead = 40
    expect(
      "GET / HTTP/1.1\r\nHost: \(String(repeating: "h", count: 15))\(more)\r\n\r\n", .headTooLarge)
  }

  @Test func keepAliveFollowsVersionAndConnectionField() {
    func keepsAlive(_ head: String) -> Bool {
      var parser = RequestParser()
      _ = parser.consume(Array("\(head)\r\n\r\n".utf8))
      return parser.state == .complete && parser.keepsAlive
    }
    #expect(keepsAlive("GET / HTTP/1.1\r\nHost: a"))
    #expect(!keepsAlive("GET / HTTP/1.1\r\nHost: a\r\nConnection: close"))
    #expect(!keepsAlive("GET / HTTP/1.1\r\nHost: a\r\nConnection: x , CLOSE"))
    #expect(!keepsAlive("GET / HTTP/1.1\r\nHost: a\r\nConnection: close, keep-alive"))
    #expect(!keepsAlive("GET / HTTP/1.0"))
    #expect(keepsAlive("GET / HTTP/1.0\r\nConnection: Keep-Alive"))
  }

  @Test func fieldsAreFoundWithoutRegardToCaseAndTrimmed() {
    var parser = RequestParser()
    let text = "GET /p%20q?a=1&b=x%20y&c HTTP/1.1\r\nhOsT: a\r\nX-One: \t two words \t\r\n\r\n"
    _ = parser.consume(Array(text.utf8))
    let request = parser.makeRequest()
    #expect(request.field("host") == "a")
    #expect(request.field("x-one") == "two words")
    #expect(request.field("x-two") == nil)
    #expect(request.path == "/p%20q")
    #expect(request.query == "a=1&b=x%20y&c")
    #expect(request.queryParameter("b") == "x y")
    #expect(request.queryParameter("c") == "")
    #expect(request.queryParameter("d") == nil)
  }

  @Test func requestIDIsTakenOnlyIfSane() {
    func id(_ value: String) -> String {
      var parser = RequestParser()
      _ = parser.consume(
        Array("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: \(value)\r\n\r\n".utf8))
      return parser.makeRequest().id
    }
    #expect(id("abc-DEF_1.2:3") == "abc-DEF_1.2:3")
    #expect(id("a b").count == 16)
    #expect(id("a\"b").count == 16)
    #expect(id(String(repeating: "a", count: 128)).count == 128)
    #expect(id(String(repeating: "a", count: 129)).count == 16)
    #expect(id("") != id(""))
  }
}
