import Foundation
import HTTP
import LoopbackClient
import Serving
import TestDaemon
import Testing

/// A server whose answers leave lines in a log.
private func logged(
  _ format: String, _ requests: [String], fields: [(name: String, value: String)] = []
) throws -> [String] {
  let path = NSTemporaryDirectory() + "martlet-log-\(UUID().uuidString.prefix(8))"
  defer { unlink(path) }
  let log = try AccessLog(path: path, format: try AccessLog.Format(format))
  let listener = LoopbackListener()
  let server = try HTTPServer(listeners: [listener.descriptor]) { _, _ in
    Response(contentType: "text/plain", fields: fields, body: Array("hello".utf8))
  }
  server.observer = { log.append($0) }
  server.onTick = { log.flush() }
  server.start()
  defer { server.drain(deadline: 0) { close(listener.descriptor) } }
  for request in requests {
    let client = LoopbackClient(port: listener.port)
    client.send(request)
    _ = client.readAnswer(hasBody: !request.hasPrefix("HEAD"))
  }
  var lines: [String] = []
  _ = BuiltMartlet.wait {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    lines = text.split(separator: "\n").map(String.init)
    return lines.count >= requests.count
  }
  return lines
}

@Suite struct AccessLogPatternTests {
  @Test func gunicornsAtomsMeanWhatTheyMeanThere() throws {
    let request =
      "POST /a/b?c=d HTTP/1.1\r\nHost: h\r\nReferer: http://r/\r\nUser-Agent: curl/8\r\nContent-Length: 2\r\n\r\n{}"
    let line = try #require(
      logged(
        "%(h)s|%(l)s|%(u)s|%(r)s|%(m)s|%(U)s|%(q)s|%(H)s|%(s)s|%(B)s|%(b)s|%(f)s|%(a)s|%(p)s|%%",
        [request]
      ).first)
    #expect(
      line
        == "127.0.0.1|-|-|POST /a/b?c=d HTTP/1.1|POST|/a/b|c=d|HTTP/1.1|200|5|5|http://r/|curl/8|<\(getpid())>|%"
    )
  }

  @Test func timesAreOneDurationInFourUnitsAndADate() throws {
    let line = try #require(
      logged("%(T)s %(M)s %(D)s %(L)s %(t)s", ["GET / HTTP/1.1\r\nHost: h\r\n\r\n"]).first)
    let parts = line.split(separator: " ", maxSplits: 4).map(String.init)
    let microseconds = try #require(Int(parts[2]))
    #expect(Int(parts[0]) == microseconds / 1_000_000)
    #expect(Int(parts[1]) == microseconds / 1000)
    #expect(try abs(#require(Double(parts[3])) * 1e6 - Double(microseconds)) < 0.5)
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.dateFormat = "'['dd/MMM/yyyy:HH:mm:ss Z']'"
    let date = try #require(formatter.date(from: parts[4]))
    #expect(abs(date.timeIntervalSinceNow) < 60)
  }

  @Test func fieldsOfRequestAndAnswerAreFoundWhateverTheirCase() throws {
    let line = try logged(
      "%({x-a}i)s %({X-B}i)s %({x-c}o)s %({content-type}o)s %({x-d}o)s",
      ["GET / HTTP/1.1\r\nHost: h\r\nX-A: one\r\nx-b: two\r\n\r\n"],
      fields: [("X-C", "three")])
    #expect(line == ["one two three text/plain -"])
  }

  @Test func nothingThatAClientSendsEndsALineOrItsQuotes() throws {
    let line = try logged(
      #""%(a)s" %(s)s"#,
      ["GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: a\" 500 \\ \t \u{9b}31m é\r\n\r\n"])
    #expect(line == [#""a\x22 500 \x5C \x09 \xC2\x9B31m \xC3\xA9" 200"#])
  }

  @Test func anAnswerToHeadHasNoBytes() throws {
    #expect(try logged("%(B)s %(b)s", ["HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"]) == ["0 -"])
  }

  @Test func aRefusedRequestHasDashes() throws {
    #expect(
      try logged("%(r)s %(m)s %(U)s %(a)s %(s)s", ["GET / HTTP/3.0\r\n\r\n"]) == ["- - - - 505"])
  }

  @Test(arguments: [
    "%(x)s", "%(h)d", "%h", "%(h", "%({}i)s", "%({a b}i)s", "%({a}e)s", "%()s", "plain",
  ])
  func formatsThatThereAreNotAreRefused(_ format: String) {
    #expect(throws: ServingError.self) { try AccessLog.Format(format) }
  }

  @Test func combinedIsGunicornsDefault() throws {
    let line = try #require(logged("combined", ["GET / HTTP/1.1\r\nHost: h\r\n\r\n"]).first)
    #expect(line.hasPrefix("127.0.0.1 - - ["))
    #expect(line.hasSuffix(#"] "GET / HTTP/1.1" 200 5 "-" "-""#))
  }
}

@Suite struct TraceContextTests {
  private static let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

  private func line(_ format: String, _ value: String) throws -> String {
    try #require(
      logged(format, ["GET / HTTP/1.1\r\nHost: h\r\ntraceparent: \(value)\r\n\r\n"]).first)
  }

  @Test(arguments: ["logfmt", "json"]) func aValidParentIsLogged(_ format: String) throws {
    #expect(try line(format, Self.valid).contains(Self.valid))
    let later = Self.valid.replacing("00-0af", with: "cc-0af") + "-what-comes"
    #expect(try line(format, later).contains(later))
  }

  @Test(arguments: [
    "", "00", valid.uppercased(), valid + "0", valid + "-00", String(valid.dropLast()),
    valid.replacing("00-0", with: "ff-0"),
    valid.replacing("b7ad6b7169203331", with: "0000000000000000"),
    valid.replacing("0af7651916cd43dd8448eb211c80319c", with: "00000000000000000000000000000000"),
    valid.replacing("-", with: "_"), valid.replacing("00-0", with: "cc-0") + ".x",
  ])
  func anInvalidOneIsNot(_ value: String) throws {
    #expect(try !line("logfmt", value).contains("traceparent"))
  }
}

@Suite struct LogFileTests {
  @Test func aLogThatWasMovedAwayIsOpenedAnew() throws {
    let path = NSTemporaryDirectory() + "martlet-log-\(UUID().uuidString.prefix(8))"
    defer {
      unlink(path)
      unlink(path + ".1")
    }
    let log = try LogFile(path: path)
    log.append(Array("one\n".utf8))
    rename(path, path + ".1")
    log.append(Array("two\n".utf8))
    try log.reopen()
    log.append(Array("three\n".utf8))
    #expect(try String(contentsOfFile: path + ".1", encoding: .utf8) == "one\ntwo\n")
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "three\n")
  }

  @Test func aFullPipeHoldsNobodyUpAndWhatWasDroppedIsCounted() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    let log = LogFile(descriptor: ends[1])
    let line = Array((String(repeating: "x", count: 999) + "\n").utf8)
    for _ in 0..<200 { log.append(line) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let taken = read(ends[0], &bytes, bytes.count)
    #expect(taken > 10000 && taken < 100_000)
    log.append(Array("after\n".utf8))
    let more = read(ends[0], &bytes, bytes.count)
    let text = String(decoding: bytes[..<max(0, more)], as: UTF8.self)
    #expect(text.contains("dropped_lines=\(200 - taken / 1000)"))
    #expect(text.hasSuffix("after\n"))
  }
}

@Suite struct LogFormatTests {
  private let fields = [("a", "plain"), ("b", "with \"quotes\"\nlevel=error"), ("c", "")]

  @Test func aValueCannotEndALine() {
    let line = String(decoding: LogFormat.logfmt.line(fields), as: UTF8.self)
    #expect(line == #"a=plain b="with \"quotes\"\nlevel=error" c="""# + "\n")
    let object = try? JSONSerialization.jsonObject(with: Data(LogFormat.json.line(fields)))
    #expect(object as? [String: String] == Dictionary(uniqueKeysWithValues: fields))
  }
}
