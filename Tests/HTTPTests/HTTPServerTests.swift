import Dispatch
import Foundation
import HTTP
import LoopbackClient
import Testing

@Suite struct HTTPServerTests {
  private final class Running: Sendable {
    let server: HTTPServer
    let listener = LoopbackListener()

    init(
      _ adjust: (inout HTTPServerConfiguration) -> Void = { _ in },
      handler: @escaping RequestHandler = Running.echo
    ) throws {
      var configuration = HTTPServerConfiguration()
      adjust(&configuration)
      server = try HTTPServer(
        listeners: [listener.descriptor], configuration: configuration, handler: handler)
      server.start()
    }

    deinit {
      server.drain(deadline: 0) {}
      close(listener.descriptor)
    }

    var client: LoopbackClient { LoopbackClient(port: listener.port) }

    /// Answers with path and body; `/later…` from another queue, out of order if it could be.
    static let echo: RequestHandler = { request, responder in
      let response = Response.text(
        .ok, "\(request.path) \(String(decoding: request.body, as: UTF8.self))")
      if !request.path.hasPrefix("/later") { return response }
      let delay = Int(request.path.dropFirst(6)) ?? 0
      DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(delay)) {
        responder.respond(response)
      }
      return nil
    }
  }

  private func get(_ path: String, _ fields: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"
  }

  @Test func answersCarryWhatEveryAnswerCarries() throws {
    let running = try Running()
    let client = running.client
    client.send(get("/a", "X-Request-Id: r-1\r\n"))
    let answer = try #require(client.readAnswer())
    #expect(answer.status == 200)
    #expect(answer.body == "/a ")
    #expect(answer.fields["content-length"] == "3")
    #expect(answer.fields["server"] == "martlet")
    #expect(answer.fields["x-request-id"] == "r-1")
    #expect(answer.fields["connection"] == nil)
    let date = try #require(answer.fields["date"])
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    formatter.timeZone = TimeZone(identifier: "UTC")
    let parsed = try #require(formatter.date(from: date))
    #expect(abs(parsed.timeIntervalSinceNow) < 60)
  }

  @Test func pipelinedRequestsAreAnsweredInOrderThoughHandlersFinishOutOfOrder() throws {
    let running = try Running()
    let client = running.client
    client.send(get("/later60") + get("/later1") + get("/now") + get("/later5"))
    let bodies = (0..<4).compactMap { _ in client.readAnswer()?.body }
    #expect(bodies == ["/later60 ", "/later1 ", "/now ", "/later5 "])
  }

  @Test func manyPipelinedRequestsAreAllAnswered() throws {
    let running = try Running()
    let client = running.client
    let count = 3000
    let requests = String(repeating: get("/x"), count: count)
    Thread.detachNewThread { client.send(requests) }
    var answered = 0
    while answered < count, client.readAnswer()?.status == 200 { answered += 1 }
    #expect(answered == count)
  }

  @Test func headHasNoBodyButItsLength() throws {
    let running = try Running()
    let client = running.client
    client.send("HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\n" + get("/b"))
    let head = try #require(client.readAnswer(hasBody: false))
    #expect(head.fields["content-length"] == "5")
    #expect(client.readAnswer()?.body == "/b ")
  }

  @Test func closeIsHonouredAndHTTP10IsToldOfKeepAlive() throws {
    let running = try Running()
    let closing = running.client
    closing.send(get("/a", "Connection: close\r\n"))
    #expect(closing.readToEnd().contains("\r\nConnection: close\r\n"))
    let old = running.client
    old.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(old.readAnswer()?.fields["connection"] == "keep-alive")
    old.send("GET /a HTTP/1.0\r\n\r\n")
    #expect(old.readToEnd().contains("\r\nConnection: close\r\n"))
  }

  @Test func continueIsSentBeforeTheBodyAndNotForARefusedOne() throws {
    let running = try Running { $0.limits.requestBody = 10 }
    let client = running.client
    let head = "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
    client.send(head + "3\r\n\r\n")
    #expect(client.readAnswer()?.status == 100)
    client.send("abc")
    #expect(client.readAnswer()?.body == "/p abc")
    client.send(head + "11\r\n\r\n")
    #expect(client.readAnswer()?.status == 413)
  }

  @Test func anEarlyRefusalIsReadThoughTheClientGoesOnSending() throws {
    let running = try Running()
    let client = running.client
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
    let megabyte = [UInt8](repeating: 97, count: 1 << 20)
    for _ in 0..<50 { client.send(megabyte) }
    client.finish()
    let answer = client.readToEnd()
    #expect(answer.hasPrefix("HTTP/1.1 413 "))
    #expect(answer.contains("application/problem+json"))
    #expect(answer.contains("\"mend\":"))
  }

  @Test func aLargeBodyAndALargeAnswerPassWhole() throws {
    let running = try Running()
    let client = running.client
    let body = String(repeating: "0123456789abcdef", count: 1 << 18)
    let head = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
    client.send(head + body)
    #expect(client.readAnswer()?.body == "/p " + body)
  }

  @Test func slowHeadGets408AndSilenceIsClosedWithoutAWord() throws {
    let running = try Running {
      $0.headTimeout = 0.3
      $0.bodyTimeout = 0.3
    }
    let head = running.client
    head.send("GET / HTT")
    #expect(head.readToEnd().hasPrefix("HTTP/1.1 408 "))
    let body = running.client
    body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
    #expect(body.readToEnd().hasPrefix("HTTP/1.1 408 "))
    let impatient = try Running { $0.keepAliveTimeout = 0.3 }
    #expect(impatient.client.readToEnd() == "")
  }

  /// RFC 9110 section 9.3.2: whatever the status, and however early the request is refused.
  @Test(arguments: [
    ("HEAD / HTTP/2.0\r\n\r\n", 505), ("HEAD /\u{7F}", 400), ("\r\nHEAD / HTTP/1.1\r\n\r\n", 400),
    ("HEAD / HTTP/1.1\r\nHost: [::::]\r\n\r\n", 400), ("HEAD / HTTP/1.1\r\nX : y\r\n", 400),
    ("HEAD / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n", 417),
    ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000001\r\n\r\n", 413),
    ("HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\r\n", 400),
    ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nslow", 408), ("HEAD / HT", 408),
    ("GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\n\r\n", 400),
  ])
  func refusedHeadRequestsHaveNoBody(_ bytes: String, _ status: Int) throws {
    let running = try Running {
      $0.headTimeout = 0.3
      $0.bodyTimeout = 0.3
    }
    let client = running.client
    client.send(bytes)
    if bytes.hasPrefix("GET") { #expect(client.readAnswer()?.status == 200) }
    let answer = client.readToEnd()
    #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
    #expect(answer.contains("\r\nContent-Length: ") && answer.hasSuffix("\r\n\r\n"), "\(answer)")
  }

  @Test func drainingAnswersWhatIsInFlightAndThenCallsBack() throws {
    let running = try Running()
    let client = running.client
    client.send(get("/now") + get("/later200"))
    #expect(client.readAnswer()?.status == 200)
    let done = DispatchSemaphore(value: 0)
    running.server.drain(deadline: 60) { done.signal() }
    let last = try #require(client.readAnswer())
    #expect(last.fields["connection"] == "close")
    #expect(client.readToEnd() == "")
    client.finish()
    _ = consume client
    #expect(done.wait(timeout: .now() + 60) == .success)
  }

  /// Drains a server; the semaphore is signalled when it has ended.
  private func drain(_ running: Running, deadline: Double = 60) -> DispatchSemaphore {
    let done = DispatchSemaphore(value: 0)
    running.server.drain(deadline: deadline) { done.signal() }
    running.server.queue.sync {}
    return done
  }

  @Test func whileDrainingAKeptConnectionIsAnsweredAndTheBacklogIsTaken() throws {
    let running = try Running {
      $0.drainAccepting = 0.5
      $0.maximumConnections = 2
    }
    let kept = running.client
    kept.send(get("/a"))
    #expect(kept.readAnswer()?.status == 200)
    let (full, waiting) = (running.client, running.client)
    let done = drain(running)
    for (client, path) in [(kept, "/b"), (full, "/c"), (waiting, "/d")] {
      client.send(get(path))
      let answer = client.readAnswer()
      #expect(answer?.body == path + " ")
      #expect(answer?.fields["connection"] == "close")
      #expect(client.readToEnd() == "")
      client.finish()
    }
    #expect(done.wait(timeout: .now() + 60) == .success)
  }

  @Test func whatHasNotAskedDoesNotHoldUpTheEnd() throws {
    let running = try Running {
      $0.drainGrace = 0.3
      $0.drainLinger = 0.3
    }
    let (idle, half) = (running.client, running.client)
    idle.send(get("/a"))
    #expect(idle.readAnswer()?.status == 200)
    half.send("GET /b HTTP/1.1\r\nHo")
    let begun = running.client
    begun.send(get("/later2000"))
    // The server has read what came before.
    let probe = running.client
    probe.send(get("/c"))
    #expect(probe.readAnswer()?.status == 200)
    let start = ContinuousClock.now
    let done = drain(running)
    #expect(idle.readToEnd() == "")
    let refused = half.readAnswer()
    #expect(refused?.status == 503 && refused?.fields["connection"] == "close")
    #expect(ContinuousClock.now - start < .seconds(2), "before the request in progress is answered")
    #expect(begun.readAnswer()?.status == 200)
    #expect(done.wait(timeout: .now() + 60) == .success)
  }

  @Test func requestsThatOutliveTheDeadlineAreRefusedAndNotCut() throws {
    let running = try Running()
    let (slow, upload) = (running.client, running.client)
    slow.send(get("/later60000"))
    upload.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
    let probe = running.client
    probe.send(get("/c"))
    #expect(probe.readAnswer()?.status == 200)
    let done = drain(running, deadline: 0.3)
    for client in [slow, upload] {
      let answer = client.readAnswer()
      #expect(answer?.status == 503 && answer?.fields["connection"] == "close")
    }
    #expect(done.wait(timeout: .now() + 60) == .success)
  }

  /// A request that arrives as the connection's time runs out is answered, or finds an orderly end: never a reset.
  @Test func anIdleConnectionEndsWithoutAReset() throws {
    let running = try Running { $0.keepAliveTimeout = 0.3 }
    let client = running.client
    client.send(get("/a"))
    #expect(client.readAnswer()?.status == 200)
    #expect(client.readToEnd() == "")
    for _ in 0..<3 {
      #expect(client.send(get("/late")))
      #expect(client.lastError == 0)
    }
  }

  @Test func beyondTheCapConnectionsWaitUntilOthersClose() throws {
    let running = try Running { $0.maximumConnections = 2 }
    var held: [LoopbackClient] = [running.client, running.client]
    for client in held {
      client.send(get("/a"))
      #expect(client.readAnswer()?.status == 200)
    }
    let waiting = running.client
    waiting.send(get("/b"))
    held.removeAll()
    #expect(waiting.readAnswer()?.body == "/b ")
  }
}

@Suite struct RouterTests {
  private func answer(_ method: String, _ path: String) throws -> (Int, String, String) {
    var router = Router()
    try router.add(.get, "/exact") { _, _ in .text(.ok, "exact") }
    try router.add(.post, "/models/{m}:predict") { request, _ in
      .text(.ok, request.parameters.joined(separator: "|"))
    }
    try router.add(.get, "/v2/{m}/x/{n}") { request, _ in
      .text(.ok, request.parameters.joined(separator: "|"))
    }
    for template in ["/v3/{+m}", "/v3/{+m}/x/{n}", "/v3/{+m}:run"] {
      try router.add(.get, template) { request, _ in
        .text(.ok, template.suffix(4) + " " + request.parameters.joined(separator: "|"))
      }
    }
    router.explain("/metrics", detail: "elsewhere", mend: "there")
    let listener = LoopbackListener()
    let server = try HTTPServer(listeners: [listener.descriptor]) { [router] in
      router.handle($0, $1)
    }
    server.start()
    defer { server.drain(deadline: 0) { close(listener.descriptor) } }
    let client = LoopbackClient(port: listener.port)
    client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    let answer = try #require(client.readAnswer(hasBody: method != "HEAD"))
    return (answer.status, answer.fields["allow"] ?? "", answer.body)
  }

  @Test func pathsAndMethodsFindTheirHandler() throws {
    #expect(try answer("GET", "/exact?q") == (200, "", "exact"))
    #expect(try answer("HEAD", "/exact") == (200, "", ""))
    #expect(try answer("POST", "/exact").0 == 405)
    #expect(try answer("POST", "/exact").1 == "GET, HEAD, OPTIONS")
    #expect(try answer("OPTIONS", "/exact") == (204, "GET, HEAD, OPTIONS", ""))
    #expect(try answer("BREW", "/exact").0 == 501)
    #expect(try answer("CONNECT", "b:443").0 == 501)
    #expect(try answer("TRACE", "/exact").0 == 405)
    #expect(try answer("GET", "http://b.example/exact").2 == "exact")
    #expect(try answer("GET", "/exact/").0 == 404)
    #expect(try answer("POST", "/models/a%20b:predict").2 == "a b")
    #expect(try answer("POST", "/models/:predict").0 == 404)
    #expect(try answer("POST", "/models/a/b:predict").0 == 404)
    #expect(try answer("GET", "/v2/a/x/b").2 == "a|b")
    #expect(try answer("GET", "/v2/a/x/b/c").0 == 404)
    #expect(try answer("GET", "/metrics").2.contains("elsewhere"))
    #expect(try answer("GET", "/v3/").0 == 404)
  }

  @Test func aHoleThatSpansSegmentsLeavesPathsToMoreExactTemplates() throws {
    #expect(try answer("GET", "/v3/a").2 == "{+m} a")
    #expect(try answer("GET", "/v3/a/b.c:d").2 == "{+m} a/b.c:d")
    #expect(try answer("GET", "/v3/a%2Fb%3Ac").2 == "{+m} a/b:c")
    #expect(try answer("GET", "/v3/a:b/c:run").2 == ":run a:b/c")
    #expect(try answer("GET", "/v3/a:run/b:run").2 == ":run a:run/b")
    #expect(try answer("GET", "/v3/a/b/x/c").2 == "/{n} a/b|c")
    #expect(try answer("GET", "/v3/a/x/b/x/c").2 == "/{n} a/x/b|c")
    #expect(try answer("GET", "/v3/a/x/b/c").2 == "{+m} a/x/b/c")
  }

  @Test(arguments: ["x", "/{a", "/a}", "/{a{b}}"])
  func malformedTemplatesAreRefused(_ template: String) {
    var router = Router()
    #expect(throws: HTTPError.badTemplate(template)) {
      try router.add(.get, template) { _, _ in nil }
    }
  }
}

@Suite struct ResponseWriterTests {
  private func written(_ response: Response, isHead: Bool = false) -> String {
    var output: [UInt8] = []
    var writer = ResponseWriter()
    writer.setDate(784_111_777)
    writer.write(
      response, framing: .init(isHead: isHead, minorVersion: 1, keepsAlive: true),
      requestID: "id", to: &output)
    return String(decoding: output, as: UTF8.self)
  }

  /// The example of RFC 9110 section 5.6.7.
  @Test func dateIsTheFixedDateOfTheRFC() {
    #expect(HTTPDate.string(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.string(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
    #expect(HTTPDate.string(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(written(.text(.ok, "")).contains("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
  }

  @Test func statusesWithoutContentHaveNeitherBodyNorLength() {
    for status in [Status.noContent, .notModified] {
      let text = written(Response(status, contentType: "a/b", body: [97]))
      #expect(text.hasSuffix("\r\n\r\n"))
      #expect(!text.contains("Content-"))
    }
  }

  @Test func aFieldValueCannotBeginAnotherField() {
    let text = written(Response(fields: [("X-A", "a\r\nX-B: b\0")]))
    #expect(text.contains("\r\nX-A: a  X-B: b \r\n"))
  }
}
