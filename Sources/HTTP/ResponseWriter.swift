/// Turns answers into bytes (RFC 9112 section 4 and 6, RFC 9110 section 6.4.1 and 8.6).
public struct ResponseWriter {
  private var date = 0
  private var dateLines: [UInt8] = []
  private static let okLine = Array("HTTP/1.1 200 OK\r\n".utf8)

  /// What the request says about how its answer is written.
  public struct Framing: Sendable {
    /// Whether the method was HEAD, so that there is no body.
    public var isHead: Bool
    /// The request's minor version; HTTP/1.0 is told of keep-alive.
    public var minorVersion: Int
    /// Whether the connection carries another request.
    public var keepsAlive: Bool

    /// How to write one answer.
    public init(isHead: Bool, minorVersion: Int, keepsAlive: Bool) {
      self.isHead = isHead
      self.minorVersion = minorVersion
      self.keepsAlive = keepsAlive
    }
  }

  /// A writer whose date is not set yet.
  public init() {
    setDate(0)
  }

  /// Sets the time of `Date`; cheap when the second has not changed.
  public mutating func setDate(_ seconds: Int) {
    if seconds == date && !dateLines.isEmpty { return }
    date = seconds
    dateLines = Array("Date: \(HTTPDate.string(seconds))\r\nServer: martlet\r\n".utf8)
  }

  /// Appends the answer's bytes.
  public func write(
    _ response: Response, framing: Framing, requestID: String, to output: inout [UInt8]
  ) {
    write(response, framing: framing, identity: .taken(Array(requestID.utf8)[...]), to: &output)
  }

  /// The same, for an id that is not text yet.
  func write(
    _ response: Response, framing: Framing, identity: RequestID, to output: inout [UInt8]
  ) {
    if response.status == .ok {
      output.append(contentsOf: Self.okLine)
    } else {
      output.append("HTTP/1.1 ")
      output.append(decimal: response.status.code)
      output.append(" ")
      output.append(response.status.reason)
      output.append("\r\n")
    }
    output.append(contentsOf: dateLines)
    output.append("X-Request-Id: ")
    identity.write(to: &output)
    if !framing.keepsAlive {
      output.append("\r\nConnection: close\r\n")
    } else if framing.minorVersion == 0 {
      output.append("\r\nConnection: keep-alive\r\n")
    } else {
      output.append("\r\n")
    }
    for field in response.fields {
      output.append(field.name)
      output.append(": ")
      output.append(fieldValue: field.value)
      output.append("\r\n")
    }
    if response.status.allowsContent {
      if let contentType = response.contentType {
        output.append("Content-Type: ")
        output.append(fieldValue: contentType)
        output.append("\r\n")
      }
      output.append("Content-Length: ")
      output.append(decimal: response.body.count)
      output.append("\r\n")
    }
    output.append("\r\n")
    if response.status.allowsContent && !framing.isHead {
      output.append(contentsOf: response.body)
    }
  }
}

extension [UInt8] {
  @inline(__always)
  mutating func append(_ text: StaticString) {
    append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func append(_ text: String) {
    var text = text
    text.withUTF8 { append(contentsOf: $0) }
  }

  /// A value must not begin a field of its own: control characters become spaces.
  mutating func append(fieldValue text: String) {
    let start = count
    append(text)
    for index in start..<count where !self[index].isFieldValue { self[index] = 0x20 }
  }

  mutating func append(decimal value: Int) {
    if value >= 10 { append(decimal: value / 10) }
    append(UInt8(truncatingIfNeeded: 0x30 + value % 10))
  }
}
