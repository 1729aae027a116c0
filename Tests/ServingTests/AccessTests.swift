import Foundation
import HTTP
import JSON
import LoopbackClient
import Prefork
import Serving
import Testing
import Transformer

@Suite struct AccessTests {
  private static let token = "s3cret-s3cret-s3cret"

  private static func file(_ text: String, mode: Int = 0o600) throws -> String {
    let path = NSTemporaryDirectory() + "martlet-tokens-\(UUID().uuidString)"
    _ = FileManager.default.createFile(
      atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: mode])
    return path
  }

  private static func server(
    tokens text: String, limit: String? = nil, origins: [String] = []
  ) throws -> RunningServer {
    let path = try file(text)
    defer { unlink(path) }
    var counters: [String: Int] = [:]
    let limit = try limit.map { try RateLimit($0, option: "--rate-limit") }
    let tokens =
      text.isEmpty ? nil : try AccessTokens(path: path, limit: limit, counters: &counters)
    let limiter = try RateLimiter(in: SharedMemory(byteCount: RateLimiter.byteCount))
    return try RunningServer(
      WordPredictor(),
      { options, _ in
        options.access.tokens = tokens
        options.access.rateLimiter = limiter
        options.access.corsOrigins = origins
      })
  }

  private static func predict(
    _ running: RunningServer, _ fields: String = "Authorization: Bearer \(token)\r\n",
    path: String = "/predict"
  ) throws -> LoopbackClient.Answer {
    try running.post(path, Array(#"{"input":"a"}"#.utf8), fields: fields)
  }

  @Test func aTokenIsAskedForEverywhereButByProbesAndDescriptions() throws {
    let running = try Self.server(tokens: "other:0123456789abcdef\nalice:\(Self.token)\n")
    let missing = try Self.predict(running, "")
    #expect(missing.status == 401)
    #expect(missing.fields["www-authenticate"] == "Bearer realm=\"martlet\"")
    for wrong in [
      "Bearer s3cret-s3cret-s3creT", "Bearer s3cret-s3cret-s3cre", "Bearer \(Self.token)x",
      "Bearer \(Self.token)\(Self.token)", "Bearer ", "Basic \(Self.token)", Self.token,
    ] {
      let answer = try Self.predict(running, "Authorization: \(wrong)\r\n")
      #expect(answer.status == 401, "\(wrong)")
      #expect(answer.fields["www-authenticate"]?.contains("invalid_token") == true)
      #expect(!answer.body.contains(Self.token))
    }
    #expect(try Self.predict(running).status == 200)
    #expect(try Self.predict(running, "authorization: bearer \(Self.token)\r\n").status == 200)
    for path in ["/healthz", "/readyz", "/v2/health/live", "/openapi.json", "/docs"] {
      #expect(try running.get(path).status == 200, "\(path)")
    }
    for path in ["/v1/models", "/v2", "/v2/models/words"] {
      #expect(try running.get(path).status == 401, "\(path)")
    }
    #expect(try running.get("/openapi.json").body.contains(#""scheme":"bearer""#))
  }

  /// The digest is `printf %s s3cret-s3cret-s3cret | sha256sum`.
  @Test func aDigestStandsForItsTokenAndOpensNothingItself() throws {
    let digest =
      "4a3057fd3371720d01f5d351fecab0d7948fd22e15a5c2c2b92b0b2696d3eeca"
    for text in [digest, digest.uppercased()] {
      let running = try Self.server(tokens: "other:0123456789abcdef\nalice:sha256:\(text)\n")
      #expect(try Self.predict(running).status == 200)
      for wrong in [digest, "sha256:\(digest)", Self.token + "x", String(Self.token.dropLast())] {
        #expect(try Self.predict(running, "Authorization: Bearer \(wrong)\r\n").status == 401)
      }
      let plain = "Authorization: Bearer 0123456789abcdef\r\n"
      #expect(try Self.predict(running, plain).status == 200)
    }
    var counters: [String: Int] = [:]
    for bad in [
      "a:sha256:\(digest.dropLast())", "a:sha256:\(digest)0", "a:sha256:\(digest.dropLast())g",
      "a:sha256:", "a:sha512:\(digest)", "a:sha256:\(digest)\nb:\(Self.token)",
    ] {
      let path = try Self.file(bad)
      defer { unlink(path) }
      #expect(throws: ServingError.self, "\(bad)") {
        try AccessTokens(path: path, limit: nil, counters: &counters)
      }
    }
  }

  @Test(arguments: [0, 1]) func tokensHaveABoundedLength(_ excess: Int) throws {
    for text in [
      String(repeating: "t", count: AccessTokens.tokenLengths.lowerBound - excess),
      String(repeating: "t", count: AccessTokens.tokenLengths.upperBound + excess),
    ] {
      let path = try Self.file("a:\(text)\n")
      defer { unlink(path) }
      var counters: [String: Int] = [:]
      let tokens = try? AccessTokens(path: path, limit: nil, counters: &counters)
      #expect((tokens == nil) == (excess == 1))
    }
  }

  @Test func refusalsHaveTheShapeOfTheirProtocol() throws {
    let running = try Self.server(tokens: "alice:\(Self.token)")
    let infer = try running.post("/v2/models/words/infer", "{}")
    #expect(infer.status == 401)
    #expect(try JSONValue(parsing: infer.body)["error"]?.stringValue != nil)
    let own = try Self.predict(running, "")
    #expect(own.fields["content-type"] == "application/problem+json")
  }

  @Test func aTokenHasItsRequestsAndThenWaits() throws {
    let running = try Self.server(
      tokens: "alice:\(Self.token)\nbob:0123456789abcdef 1000/s\n", limit: "2/h")
    let first = try Self.predict(running)
    #expect(first.status == 200)
    #expect(first.fields["ratelimit-policy"] == "\"token\";q=2;w=3600")
    #expect(first.fields["ratelimit"] == "\"token\";r=1;t=1800")
    #expect(try Self.predict(running).fields["ratelimit"]?.hasPrefix("\"token\";r=0;") == true)
    let refused = try Self.predict(running)
    #expect(refused.status == 429)
    let wait = try #require(Int(refused.fields["retry-after"] ?? ""))
    #expect((1700...1800).contains(wait))
    // Another token is another count, and a limit in the file goes before the common one.
    let other = try Self.predict(running, "Authorization: Bearer 0123456789abcdef\r\n")
    #expect(other.status == 200)
    #expect(other.fields["ratelimit-policy"] == "\"token\";q=1000;w=1")
  }

  @Test(arguments: [
    "alice", "alice:short", "alice:has space in it and more", ":0123456789abcdef",
    "alice:0123456789abcdef 5", "alice:0123456789abcdef 0/s",
    "a:0123456789abcdef\na:fedcba9876543210",
    "a:0123456789abcdef\nb:0123456789abcdef", "# nothing\n", "alice:0123456789abcdeü",
  ])
  func badTokenFilesAreRefusedWithoutSayingTheToken(_ text: String) throws {
    let path = try Self.file(text)
    defer { unlink(path) }
    var counters: [String: Int] = [:]
    let error = #expect(throws: ServingError.self) {
      try AccessTokens(path: path, limit: nil, counters: &counters)
    }
    #expect(error?.localizedDescription.contains("0123456789abcde") == false)
  }

  @Test func linesOfATokenFileMayEndAsOnWindowsAndErrorsNameTheirs() throws {
    var counters: [String: Int] = [:]
    let path = try Self.file("\u{FEFF}# c\r\n\r\na:0123456789abcdef\r\nb:fedcba9876543210 9/s\r\n")
    defer { unlink(path) }
    _ = try AccessTokens(path: path, limit: nil, counters: &counters)
    #expect(counters == ["a": 0, "b": 1])
    let bad = try Self.file("a:0123456789abcdef\r\n\r\nb:short\r\n")
    defer { unlink(bad) }
    let error = #expect(throws: ServingError.self) {
      try AccessTokens(path: bad, limit: nil, counters: &counters)
    }
    guard case .badTokens(_, line: 3, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func aFileThatOthersCanReadIsWarnedOf() throws {
    var counters: [String: Int] = [:]
    let open = try Self.file("# comment\n\na:0123456789abcdef\n", mode: 0o644)
    defer { unlink(open) }
    let tokens = try AccessTokens(path: open, limit: nil, counters: &counters)
    #expect(tokens.warnings.first?.contains("chmod 600") == true)
    let closed = try Self.file("b:fedcba9876543210\na:0123456789abcdef\n")
    defer { unlink(closed) }
    #expect(try AccessTokens(path: closed, limit: nil, counters: &counters).warnings.isEmpty)
    // A name keeps its counter, whatever its line.
    #expect(counters == ["a": 0, "b": 1])
  }

  @Test func limitsAreReadStrictly() throws {
    #expect(try RateLimit("100/s", option: "x").burst == 100)
    let limit = try RateLimit("60/m:5", option: "x")
    #expect((limit.requests, limit.period, limit.burst) == (60, 60, 5))
    #expect("\(limit)" == "60/m:5")
    for bad in ["", "100", "100/d", "0/s", "-1/s", "1.5/s", "1/s:0", "1/s:x", "9999999/s"] {
      #expect(throws: ServingError.self, "\(bad)") { try RateLimit(bad, option: "x") }
    }
    #expect(throws: ServingError.self) { try AccessSettings(rateLimit: limit) }
    #expect(throws: ServingError.self) { try AccessSettings(corsOrigins: ["https://a/b"]) }
    #expect(throws: ServingError.self) { try AccessSettings(corsOrigins: ["*"]) }
  }

  // MARK: - Pages of other origins

  private static func options(
    _ running: RunningServer, _ fields: String
  ) throws -> LoopbackClient.Answer {
    let client = running.client
    client.send("OPTIONS /predict HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
    return try #require(client.readAnswer())
  }

  @Test func pagesOfOtherOriginsMayCallOnlyWhereTheyAreNamed() throws {
    let ask = "Access-Control-Request-Method: POST\r\n"
    let origin = "Origin: https://app.example.org\r\n"
    let closed = try Self.server(tokens: "")
    #expect(try Self.predict(closed, origin).fields["access-control-allow-origin"] == nil)
    #expect(try Self.options(closed, origin + ask).fields["access-control-allow-origin"] == nil)

    let open = try Self.server(
      tokens: "alice:\(Self.token)", origins: ["https://app.example.org"])
    let preflight = try Self.options(open, origin + ask)
    #expect(preflight.status == 204)
    #expect(preflight.fields["access-control-allow-origin"] == "https://app.example.org")
    #expect(preflight.fields["access-control-allow-headers"]?.contains("Authorization") == true)
    let refused = try Self.predict(open, origin)
    #expect(refused.status == 401)
    #expect(refused.fields["access-control-allow-origin"] == "https://app.example.org")
    let answer = try Self.predict(open, origin + "Authorization: Bearer \(Self.token)\r\n")
    #expect(answer.status == 200)
    #expect(answer.fields["access-control-allow-origin"] == "https://app.example.org")
    #expect(answer.fields["vary"] == "Origin")
    for other in ["https://app.example.org.evil.example", "http://app.example.org", "null"] {
      let field = "Origin: \(other)\r\n"
      #expect(try Self.options(open, field + ask).fields["access-control-allow-origin"] == nil)
      #expect(try Self.predict(open, field).fields["access-control-allow-origin"] == nil)
    }
  }
}
