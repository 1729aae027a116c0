import HTTP

/// Requests and the verdict that each must get, however its bytes are cut.
///
/// Grouped after the sections of RFC 9112 and the families of request smuggling.
struct CorpusCase: Sendable, CustomStringConvertible {
  enum Verdict: Sendable, Equatable {
    /// Complete requests, as method, path and body; `rest` bytes are not yet a request.
    case complete([String])
    case incomplete
    case refused(Refusal)
  }

  let name: String
  let bytes: [UInt8]
  let verdict: Verdict

  init(_ name: String, _ text: String, _ verdict: Verdict) {
    self.name = name
    bytes = Array(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
    self.verdict = verdict
  }

  var description: String { name }
}

private let host = "Host: a\r\n"

enum RequestCorpus {
  static let all =
    requestLines + targets + authorities + fields + singles + hosts + lengths + codings + chunks
    + contentCodings
    + pipelines

  static let requestLines: [CorpusCase] = [
    CorpusCase("plain GET", "GET / HTTP/1.1\r\n\(host)\r\n", .complete(["GET /|"])),
    CorpusCase("HTTP/1.0 without Host", "GET /a HTTP/1.0\r\n\r\n", .complete(["GET /a|"])),
    CorpusCase("one empty line before", "\r\nGET / HTTP/1.1\r\n\(host)\r\n", .complete(["GET /|"])),
    CorpusCase(
      "two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n\(host)\r\n", .refused(.badLineEnd)),
    CorpusCase("bare LF before", "\nGET / HTTP/1.1\r\n\(host)\r\n", .refused(.badLineEnd)),
    CorpusCase("bare LF after version", "GET / HTTP/1.1\n\(host)\r\n", .refused(.badLineEnd)),
    CorpusCase("bare CR after version", "GET / HTTP/1.1\rX", .refused(.badLineEnd)),
    CorpusCase("two spaces", "GET  / HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("tab for space", "GET\t/ HTTP/1.1\r\n\(host)\r\n", .refused(.badMethod)),
    CorpusCase("leading space", " GET / HTTP/1.1\r\n\(host)\r\n", .refused(.badMethod)),
    CorpusCase("trailing space", "GET / HTTP/1.1 \r\n\(host)\r\n", .refused(.badVersion)),
    CorpusCase("no version (HTTP/0.9)", "GET /\r\n", .refused(.badVersion)),
    CorpusCase("lower-case version", "GET / http/1.1\r\n\(host)\r\n", .refused(.badVersion)),
    CorpusCase("version 2.0", "GET / HTTP/2.0\r\n\(host)\r\n", .refused(.unsupportedVersion)),
    // RFC 9110 section 2.5: as the highest minor version that is known.
    CorpusCase("version 1.2", "GET / HTTP/1.2\r\n\(host)\r\n", .complete(["GET /|"])),
    CorpusCase("version 1.9 without Host", "GET / HTTP/1.9\r\n\r\n", .refused(.missingHost)),
    CorpusCase(
      "version 1.3 with chunks",
      "POST / HTTP/1.3\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      .complete(["POST /|a"])),
    CorpusCase("version 3.1", "GET / HTTP/3.1\r\n\(host)\r\n", .refused(.unsupportedVersion)),
    CorpusCase("version 0.1", "GET / HTTP/0.1\r\n\(host)\r\n", .refused(.unsupportedVersion)),
    CorpusCase("version 1.10", "GET / HTTP/1.10\r\n\(host)\r\n", .refused(.badVersion)),
    CorpusCase("version 1,1", "GET / HTTP/1,1\r\n\(host)\r\n", .refused(.badVersion)),
    CorpusCase("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .refused(.unsupportedVersion)),
    CorpusCase("TLS hello on a plain port", "\u{16}\u{03}\u{01}\u{02}", .refused(.badMethod)),
    CorpusCase("method with a separator", "GE(T / HTTP/1.1\r\n", .refused(.badMethod)),
    CorpusCase("NUL in method", "G\0T / HTTP/1.1\r\n", .refused(.badMethod)),
    CorpusCase("unknown method", "BREW /pot HTTP/1.1\r\n\(host)\r\n", .complete(["- /pot|"])),
    CorpusCase("lower-case method", "get / HTTP/1.1\r\n\(host)\r\n", .complete(["- /|"])),
    CorpusCase(
      "method too long", String(repeating: "A", count: 40) + " / HTTP/1.1\r\n",
      .refused(.methodTooLong)),
    CorpusCase("empty", "", .incomplete),
    CorpusCase("half a line", "GET / HT", .incomplete),
  ]

  static let targets: [CorpusCase] = [
    CorpusCase("query", "GET /a?b=c&d HTTP/1.1\r\n\(host)\r\n", .complete(["GET /a|"])),
    CorpusCase(
      "absolute form", "GET http://b.example:80/x?y HTTP/1.1\r\n\(host)\r\n",
      .complete(["GET /x|"])),
    CorpusCase(
      "absolute form with user", "GET http://u@b/x HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase(
      "absolute form, no host", "GET http:///x HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("other scheme", "GET ftp://b/x HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase(
      "asterisk with OPTIONS", "OPTIONS * HTTP/1.1\r\n\(host)\r\n", .complete(["OPTIONS *|"])),
    CorpusCase("asterisk with GET", "GET * HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("relative path", "GET a/b HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("fragment", "GET /a#b HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("raw UTF-8", "GET /\u{C3}\u{A9} HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("control character", "GET /\u{7F} HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("percent, one digit", "GET /%2 HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("percent, no digits", "GET /%zz HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("encoded NUL", "GET /%00 HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("encoded slash", "GET /%2Fa HTTP/1.1\r\n\(host)\r\n", .complete(["GET /%2Fa|"])),
    CorpusCase(
      "CONNECT", "CONNECT b:443 HTTP/1.1\r\n\(host)\r\n", .complete(["CONNECT b:443|"])),
    CorpusCase("CONNECT, no port", "CONNECT b HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase("CONNECT, empty port", "CONNECT b: HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
    CorpusCase(
      "CONNECT, IPv6", "CONNECT [::1]:443 HTTP/1.1\r\n\(host)\r\n",
      .complete(["CONNECT [::1]:443|"])),
    CorpusCase(
      "absolute form, no path", "GET http://b HTTP/1.1\r\n\(host)\r\n", .complete(["GET /|"])),
    CorpusCase(
      "absolute form, no path, OPTIONS", "OPTIONS http://b HTTP/1.1\r\n\(host)\r\n",
      .complete(["OPTIONS *|"])),
    CorpusCase("CONNECT with a path", "CONNECT /x HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
  ]

  /// The same grammar in Host, in an absolute target and in CONNECT's.
  static let authorities: [CorpusCase] = {
    let good = [
      "a", "A-b_c.~", "a:0", "a:80", "a:65535", "a:00080", "1.2.3.4", "1.2.3.4:80", "999.1.1.1",
      "a%41b", "!$&'()*+,;=", "[::]", "[::1]", "[::1]:80", "[1:2:3:4:5:6:7:8]",
      "[1:2:3:4:5:6:7::]", "[fe80::AbCd]", "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]:443",
    ]
    let bad = [
      "", ":80", "a:65536", "a:99999", "a:100000", "a:1a", "a:-1", "a:80:80", "a%", "a%4", "a%zz",
      "a%00", "%", "[]", "[:]", "[::::]", "[:::]", "[1::2::3]", "[1.2.3.4]", "[a]", "[::1", "::1",
      "::1]", "a[", "a]", "[::1]a", "[::1]:x", "[::1]:65536", "[12345::]", "[1:2:3:4:5:6:7]",
      "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7:8::]", "[::1.2.3]", "[::1.2.3.256]", "[::g]",
      "[fe80::1%25eth0]", "[fe80::1%eth0]", "[v1.a]", "[[::1]]", "u@a",
    ]
    return good.flatMap { name in
      [
        CorpusCase(
          "Host: \(name)", "GET / HTTP/1.1\r\nHost: \(name)\r\n\r\n", .complete(["GET /|"])),
        CorpusCase(
          "http://\(name)", "GET http://\(name)/x HTTP/1.1\r\n\(host)\r\n", .complete(["GET /x|"])),
      ]
    }
      + bad.flatMap { name in
        [
          CorpusCase(
            "Host: \(name)", "GET / HTTP/1.1\r\nHost: \(name)\r\n\r\n", .refused(.badHost)),
          CorpusCase(
            "http://\(name)", "GET http://\(name)/x HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
          CorpusCase(
            "CONNECT \(name):1", "CONNECT \(name):1 HTTP/1.1\r\n\(host)\r\n", .refused(.badTarget)),
        ]
      }
  }()

  /// Fields that stand once, and lists.
  static let singles: [CorpusCase] =
    [
      "Content-Type: text/plain", "Authorization: Bearer a", "Proxy-Authorization: Basic a",
      "Origin: https://a", "Range: bytes=0-1", "Content-Range: bytes 0-1/2", "Date: x",
      "If-Modified-Since: x", "If-Range: x", "Max-Forwards: 1",
      "Inference-Header-Content-Length: 1",
    ].flatMap { line in
      [
        CorpusCase(
          "once \(line)", "GET / HTTP/1.1\r\n\(host)\(line)\r\n\r\n", .complete(["GET /|"])),
        CorpusCase(
          "twice \(line)",
          "GET / HTTP/1.1\r\n\(host)\(line)\r\nX: y\r\n\(line.lowercased())\r\n\r\n",
          .refused(.repeatedField)),
      ]
    }
    + ["Accept: a", "Accept-Encoding: gzip", "Via: 1.1 a", "If-Match: a", "Connection: x"].map {
      CorpusCase(
        "twice \($0)", "GET / HTTP/1.1\r\n\(host)\($0)\r\n\($0)\r\n\r\n", .complete(["GET /|"]))
    }
    + ["", "close", "a, b", "a ,\tb", ",a,,b,", "Upgrade, HTTP2-Settings"].map {
      CorpusCase(
        "Connection: \($0)", "GET / HTTP/1.1\r\n\(host)Connection: \($0)\r\n\r\n",
        .complete(["GET /|"]))
    }
    + ["a b", "close;q=1", "\"close\"", "clo\u{E9}", "keep-alive: timeout=5", "a/b", "(x)"].map {
      CorpusCase(
        "Connection: \($0)", "GET / HTTP/1.1\r\n\(host)Connection: \($0)\r\n\r\n",
        .refused(.badConnection))
    }

  static let fields: [CorpusCase] = [
    CorpusCase("no value", "GET / HTTP/1.1\r\n\(host)X:\r\n\r\n", .complete(["GET /|"])),
    CorpusCase("only spaces", "GET / HTTP/1.1\r\n\(host)X: \t \r\n\r\n", .complete(["GET /|"])),
    CorpusCase("no space", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", .complete(["GET /|"])),
    CorpusCase("obs-text", "GET / HTTP/1.1\r\n\(host)X: \u{E9}\r\n\r\n", .complete(["GET /|"])),
    CorpusCase("obs-fold", "GET / HTTP/1.1\r\n\(host)X: a\r\n b\r\n\r\n", .refused(.obsoleteFold)),
    CorpusCase(
      "fold with a tab", "GET / HTTP/1.1\r\n\(host)X: a\r\n\tb\r\n\r\n", .refused(.obsoleteFold)),
    CorpusCase(
      "space before the first field", "GET / HTTP/1.1\r\n \(host)\r\n", .refused(.obsoleteFold)),
    CorpusCase(
      "space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", .refused(.whitespaceBeforeColon)),
    CorpusCase(
      "tab before colon", "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", .refused(.whitespaceBeforeColon)),
    CorpusCase("no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", .refused(.badFieldName)),
    CorpusCase("no name", "GET / HTTP/1.1\r\n: a\r\n\r\n", .refused(.badFieldName)),
    CorpusCase("separator in name", "GET / HTTP/1.1\r\nX(: a\r\n\r\n", .refused(.badFieldName)),
    CorpusCase("NUL in name", "GET / HTTP/1.1\r\nX\0: a\r\n\r\n", .refused(.badFieldName)),
    CorpusCase(
      "byte 0x80 in name", "GET / HTTP/1.1\r\nX\u{80}: a\r\n\r\n", .refused(.badFieldName)),
    CorpusCase(
      "NUL in value", "GET / HTTP/1.1\r\n\(host)X: a\0b\r\n\r\n", .refused(.badFieldValue)),
    CorpusCase(
      "NUL first in value", "GET / HTTP/1.1\r\n\(host)X: \0\r\n\r\n", .refused(.badFieldValue)),
    CorpusCase(
      "DEL in value", "GET / HTTP/1.1\r\n\(host)X: \u{7F}\r\n\r\n", .refused(.badFieldValue)),
    CorpusCase(
      "bare LF after value", "GET / HTTP/1.1\r\n\(host)X: a\nY: b\r\n\r\n", .refused(.badLineEnd)),
    CorpusCase(
      "bare CR in value", "GET / HTTP/1.1\r\n\(host)X: a\rY: b\r\n\r\n", .refused(.badLineEnd)),
    CorpusCase("bare LF for the empty line", "GET / HTTP/1.1\r\n\(host)\n", .refused(.badLineEnd)),
    CorpusCase("CR CR LF", "GET / HTTP/1.1\r\n\(host)\r\r\n", .refused(.badLineEnd)),
    CorpusCase(
      "expectation known",
      "POST / HTTP/1.1\r\n\(host)Expect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
      .complete(["POST /|a"])),
    CorpusCase(
      "expectation unknown",
      "POST / HTTP/1.1\r\n\(host)Expect: 200-ok\r\nContent-Length: 1\r\n\r\na",
      .refused(.unknownExpectation)),
  ]

  static let hosts: [CorpusCase] = [
    CorpusCase("none", "GET / HTTP/1.1\r\n\r\n", .refused(.missingHost)),
    CorpusCase("two", "GET / HTTP/1.1\r\n\(host)\(host)\r\n", .refused(.repeatedHost)),
    CorpusCase(
      "two, differing, in HTTP/1.0", "GET / HTTP/1.0\r\n\(host)hOST: b\r\n\r\n",
      .refused(.repeatedHost)),
    CorpusCase("empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", .refused(.badHost)),
    CorpusCase("with a port", "GET / HTTP/1.1\r\nHost: a.b:8080\r\n\r\n", .complete(["GET /|"])),
    CorpusCase("with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", .complete(["GET /|"])),
    CorpusCase("IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", .complete(["GET /|"])),
    CorpusCase("IPv6 unclosed", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .refused(.badHost)),
    CorpusCase("with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .refused(.badHost)),
    CorpusCase("with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .refused(.badHost)),
    CorpusCase("with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .refused(.badHost)),
    CorpusCase("list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .refused(.badHost)),
    CorpusCase("port not a number", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", .refused(.badHost)),
  ]

  static let lengths: [CorpusCase] = [
    length("3", "abc", .complete(["POST /|abc"])),
    length("0", "", .complete(["POST /|"])),
    length("03", "abc", .complete(["POST /|abc"])),
    length("3", "ab", .incomplete),
    length("+3", "abc", .refused(.badContentLength)),
    length("-3", "abc", .refused(.badContentLength)),
    length("3 3", "abc", .refused(.badContentLength)),
    length("3, 3", "abc", .refused(.badContentLength)),
    length("0x3", "abc", .refused(.badContentLength)),
    length("3.0", "abc", .refused(.badContentLength)),
    length("", "abc", .refused(.badContentLength)),
    length("\u{B3}", "abc", .refused(.badContentLength)),
    length("99999999999999999999999", "abc", .refused(.bodyTooLarge)),
    length("18446744073709551619", "abc", .refused(.bodyTooLarge)),
    length("10000001", "abc", .refused(.bodyTooLarge)),
    length("3\r\nContent-Length: 3", "abc", .refused(.repeatedContentLength)),
    length("3\r\nContent-Length: 4", "abc", .refused(.repeatedContentLength)),
    CorpusCase(
      "Content-Length with a space before the colon",
      "POST / HTTP/1.1\r\n\(host)Content-Length : 3\r\n\r\nabc", .refused(.whitespaceBeforeColon)),
  ]

  static let codings: [CorpusCase] = [
    coding("chunked", .complete(["POST /|abc"])),
    coding("Chunked", .complete(["POST /|abc"])),
    coding("chunked\r\nContent-Length: 3", .refused(.contentLengthWithTransferEncoding)),
    coding("identity\r\nContent-Length: 3", .refused(.contentLengthWithTransferEncoding)),
    coding("gzip", .refused(.unsupportedTransferCoding)),
    coding("identity", .refused(.unsupportedTransferCoding)),
    coding("gzip, chunked", .refused(.unsupportedTransferCoding)),
    coding("chunked, gzip", .refused(.unsupportedTransferCoding)),
    coding("xchunked", .refused(.unsupportedTransferCoding)),
    coding("chunked, chunked", .refused(.badTransferEncoding)),
    coding("chunked\r\nTransfer-Encoding: chunked", .refused(.badTransferEncoding)),
    coding("chunked\r\nTransfer-Encoding: x", .refused(.badTransferEncoding)),
    coding("", .refused(.badTransferEncoding)),
    coding(",chunked", .refused(.badTransferEncoding)),
    coding("chunked;q=1", .refused(.badTransferEncoding)),
    coding("\"chunked\"", .refused(.badTransferEncoding)),
    coding("\u{0B}chunked", .refused(.badFieldValue)),
    coding("chunked\u{0C}", .refused(.badFieldValue)),
    CorpusCase(
      "coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      .refused(.transferEncodingInHTTP10)),
    CorpusCase(
      "coding on a folded line",
      "POST / HTTP/1.1\r\n\(host)Transfer-Encoding:\r\n chunked\r\n\r\n", .refused(.obsoleteFold)),
  ]

  static let chunks: [CorpusCase] = [
    chunked("0\r\n\r\n", .complete(["POST /|"])),
    chunked("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", .complete(["POST /|abc"])),
    chunked("A\r\n0123456789\r\n0\r\n\r\n", .complete(["POST /|0123456789"])),
    chunked("0003\r\nabc\r\n000\r\n\r\n", .complete(["POST /|abc"])),
    chunked("3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n", .complete(["POST /|abc"])),
    chunked("3 ; a=b\r\nabc\r\n0\r\n\r\n", .complete(["POST /|abc"])),
    chunked("3;a\r\nabc\r\n0\r\n\r\n", .complete(["POST /|abc"])),
    chunked("3\t;\ta\t=\tb ; c = \"d\";e\r\nabc\r\n0 ;f\r\n\r\n", .complete(["POST /|abc"])),
    chunked("3;a=\"\"\r\nabc\r\n0\r\n\r\n", .complete(["POST /|abc"])),
    chunked("3;a=\"\\\"; \\\\ \u{E9}\"\r\nabc\r\n0\r\n\r\n", .complete(["POST /|abc"])),
    chunked("3;\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3; \r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;;a\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a;\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a \r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a b\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;=b\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=;b\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=b=c\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=b c\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=b \r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;bad[=x\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=b[\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=\"b\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=\"b\\\"\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=\"b\"c\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=\"b\" \r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=b\"c\"\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;\"a\"=b\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3;a=\"\0\"\r\nabc\r\n", .refused(.badChunk)),
    chunked("0;\r\n\r\n", .refused(.badChunk)),
    chunked("0 \r\n\r\n", .refused(.badChunk)),
    chunked("3 \r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked(" 3\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("0x3\r\nabc\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("+3\r\nabc\r\n", .refused(.badChunk)),
    chunked("-3\r\nabc\r\n", .refused(.badChunk)),
    chunked("\r\nabc\r\n", .refused(.badChunk)),
    chunked("g\r\n", .refused(.badChunk)),
    chunked("3\nabc\r\n0\r\n\r\n", .refused(.badLineEnd)),
    chunked("3\rabc", .refused(.badLineEnd)),
    chunked("3;a\nabc\r\n", .refused(.badLineEnd)),
    chunked("3;a=\"\n\"\r\nabc\r\n", .refused(.badLineEnd)),
    chunked("3;a\rabc", .refused(.badLineEnd)),
    chunked("3;a\0\r\nabc\r\n", .refused(.badChunk)),
    chunked("3\r\nabc0\r\n\r\n", .refused(.badChunk)),
    chunked("3\r\nabc\n0\r\n\r\n", .refused(.badChunk)),
    chunked("3\r\nabcd\r\n0\r\n\r\n", .refused(.badChunk)),
    chunked("00000000000000003\r\nabc", .refused(.badChunk)),
    chunked("fffffffffffffff\r\n", .refused(.bodyTooLarge)),
    chunked("989681\r\n", .refused(.bodyTooLarge)),
    chunked("3;" + String(repeating: "a", count: 5000), .refused(.chunkExtensionsTooLarge)),
    chunked("3" + String(repeating: " ", count: 5000), .refused(.chunkExtensionsTooLarge)),
    chunked("1\r\na\r\n0\r\nT: u\r\nV:\r\n\r\n", .complete(["POST /|a"])),
    chunked("0\r\nT : u\r\n\r\n", .refused(.whitespaceBeforeColon)),
    chunked("0\r\nT\t: u\r\n\r\n", .refused(.whitespaceBeforeColon)),
    chunked("0\r\n T: u\r\n\r\n", .refused(.obsoleteFold)),
    chunked("0\r\nT: u\n\r\n", .refused(.badLineEnd)),
    chunked("0\r\nT\r\n\r\n", .refused(.badFieldName)),
    chunked("0\r\n\n", .refused(.badFieldName)),
    chunked("0\r\nT: \0\r\n\r\n", .refused(.badFieldValue)),
    chunked("0\r\nT: " + String(repeating: "a", count: 9000), .refused(.trailersTooLarge)),
    chunked("3\r\nab", .incomplete),
  ]

  /// The bytes are what Python's gzip and zlib modules make of "hello" and of runs of "a".
  static let contentCodings: [CorpusCase] = [
    encoded(
      "gzip", "1f8b08000000000002ffcb48cdc9c9070086a6103605000000", .complete(["POST /|hello"])),
    encoded(
      "X-GZip", "1f8b08000000000002ffcb48cdc9c9070086a6103605000000", .complete(["POST /|hello"])),
    encoded("deflate", "789ccb48cdc9c90700062c0215", .complete(["POST /|hello"])),
    encoded("identity", "68656c6c6f", .complete(["POST /|hello"])),
    encoded(
      "gzip",
      "1f8b08000000000002ffcb48cd01001bf10be5030000001f8b08000000000002ffcbc907009d4a9c5502000000",
      .complete(["POST /|hello"])),
    encoded(
      "gzip",
      "1f8b08000000000002ff4b4c1c05a360148c8251300a46c1500700393e13a8d0070000",
      .complete(["POST /|" + String(repeating: "a", count: 2000)])),
    // Without a wrapper (RFC 1951): what `deflate` does not mean.
    encoded("deflate", "cb48cdc9c90700", .refused(.badContentCoding)),
    encoded(
      "deflate", "1f8b08000000000002ffcb48cdc9c9070086a6103605000000", .refused(.badContentCoding)),
    encoded("gzip", "789ccb48cdc9c90700062c0215", .refused(.badContentCoding)),
    encoded("gzip", "68656c6c6f", .refused(.badContentCoding)),
    encoded(
      "gzip", "1f8b08000000000002ffcb48cdc9c9070086a61036050000", .refused(.badContentCoding)),
    encoded(
      "gzip", "1f8b08000000000002ffcb48cdc9c9070086a6103705000000", .refused(.badContentCoding)),
    encoded(
      "gzip", "1f8b08000000000002ffcb48cdc9c9070086a610360500000000", .refused(.badContentCoding)),
    encoded("deflate", "789ccb48cdc9c90700062c021500", .refused(.badContentCoding)),
    encoded("deflate", "789ccb48cdc9c90700062c0216", .refused(.badContentCoding)),
    // 100,000 times "a" in 133 bytes.
    encoded(
      "gzip",
      "1f8b08000000000002ffedc13101000000c2a0aceb5fc21a1e4001" + String(repeating: "00", count: 96)
        + "af0687fae21ba0860100", .refused(.inflationRatioTooHigh)),
    encoded("br", "68656c6c6f", .refused(.unsupportedContentCoding)),
    encoded("gzip, gzip", "68656c6c6f", .refused(.unsupportedContentCoding)),
    encoded("gzip\r\nContent-Encoding: gzip", "68656c6c6f", .refused(.unsupportedContentCoding)),
    CorpusCase(
      "a coding without a body", "GET / HTTP/1.1\r\n\(host)Content-Encoding: gzip\r\n\r\n",
      .complete(["GET /|"])),
  ]

  static let pipelines: [CorpusCase] = [
    CorpusCase(
      "three in a row",
      "GET /1 HTTP/1.1\r\n\(host)\r\nPOST /2 HTTP/1.1\r\n\(host)Content-Length: 2\r\n\r\nhi"
        + "GET /3 HTTP/1.1\r\n\(host)\r\n", .complete(["GET /1|", "POST /2|hi", "GET /3|"])),
    CorpusCase(
      "chunked, then GET",
      "POST /1 HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        + "GET /2 HTTP/1.1\r\n\(host)\r\n", .complete(["POST /1|a", "GET /2|"])),
    CorpusCase(
      "smuggled by CL.TE",
      "POST / HTTP/1.1\r\n\(host)Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
      .refused(.contentLengthWithTransferEncoding)),
    CorpusCase(
      "a body that looks like a request",
      "POST /1 HTTP/1.1\r\n\(host)Content-Length: 18\r\n\r\nGET /x HTTP/1.1\r\n\r",
      .complete(["POST /1|GET /x HTTP/1.1\r\n\r"])),
  ]

  private static func length(
    _ value: String, _ body: String, _ verdict: CorpusCase.Verdict
  ) -> CorpusCase {
    CorpusCase(
      "Content-Length: \(value.debugDescription)",
      "POST / HTTP/1.1\r\n\(host)Content-Length: \(value)\r\n\r\n\(body)", verdict)
  }

  /// The coded body in two chunks, so that the chunks' borders are tried too.
  private static func encoded(
    _ coding: String, _ hexadecimal: String, _ verdict: CorpusCase.Verdict
  ) -> CorpusCase {
    var digits = Substring(hexadecimal)
    var body = ""
    while let byte = UInt8(digits.prefix(2), radix: 16) {
      body.unicodeScalars.append(Unicode.Scalar(byte))
      digits = digits.dropFirst(2)
    }
    let first = String(String.UnicodeScalarView(body.unicodeScalars.prefix(4)))
    let second = String(String.UnicodeScalarView(body.unicodeScalars.dropFirst(4)))
    let size = String(second.unicodeScalars.count, radix: 16)
    return CorpusCase(
      "Content-Encoding: \(coding.debugDescription) \(hexadecimal)",
      "POST / HTTP/1.1\r\n\(host)Content-Encoding: \(coding)\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "4\r\n\(first)\r\n\(size)\r\n\(second)\r\n0\r\n\r\n", verdict)
  }

  private static func coding(_ value: String, _ verdict: CorpusCase.Verdict) -> CorpusCase {
    CorpusCase(
      "Transfer-Encoding: \(value.debugDescription)",
      "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: \(value)\r\n\r\n3\r\nabc\r\n0\r\n\r\n", verdict)
  }

  private static func chunked(_ body: String, _ verdict: CorpusCase.Verdict) -> CorpusCase {
    CorpusCase(
      "chunked \(body.prefix(40).debugDescription)",
      "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n\(body)", verdict)
  }
}
