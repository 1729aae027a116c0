import CZlib
import Synchronization

/// Compresses answers with gzip (RFC 1952), from any queue.
///
/// A stream of zlib's takes a quarter of a megabyte, so the few that have been needed at once are
/// kept and used again.
final class GzipCompressor: Sendable {
  /// One stream; touched by whoever took it from the pool.
  private final class Stream: @unchecked Sendable {
    var stream = z_stream()

    init?(level: Int32) {
      if czlib_gzip_create(&stream, level) != Z_OK { return nil }
    }

    deinit { deflateEnd(&stream) }
  }

  private let minimumSize: Int
  private let level: Int32
  private let free = Mutex<[Stream]>([])

  /// - Parameters:
  ///   - minimumSize: bytes of a body below which it is sent as it is.
  ///   - level: zlib's, 1 for speed to 9 for size.
  init(minimumSize: Int, level: Int) {
    self.minimumSize = minimumSize
    self.level = Int32(level)
  }

  /// Whether what is sent depends on `Accept-Encoding`.
  func mayCompress(_ response: Response) -> Bool {
    response.body.count >= minimumSize && response.status.allowsContent
      && response.contentType.map(Self.isText) ?? false
      && !response.fields.contains { $0.name.lowercased() == "content-encoding" }
  }

  /// The answer with `Vary`, and compressed if the client takes it and it becomes smaller.
  func encode(_ response: Response, acceptsGzip: Bool) -> Response {
    if response.isEncoded || !mayCompress(response) { return response }
    var encoded = response
    encoded.isEncoded = true
    encoded.fields.append(("Vary", "Accept-Encoding"))
    guard acceptsGzip, let body = compress(response.body), body.count < response.body.count else {
      return encoded
    }
    encoded.fields.append(("Content-Encoding", "gzip"))
    encoded.body = body
    // What a strong validator names are other bytes now (RFC 9110 section 8.8.1).
    for index in encoded.fields.indices
    where encoded.fields[index].name.lowercased() == "etag"
      && !encoded.fields[index].value.hasPrefix("W/")
    {
      encoded.fields[index].value = "W/" + encoded.fields[index].value
    }
    return encoded
  }

  private func compress(_ body: [UInt8]) -> [UInt8]? {
    guard let entry = free.withLock({ $0.popLast() }) ?? Stream(level: level) else { return nil }
    defer {
      free.withLock { if $0.count < 4 { $0.append(entry) } }
    }
    guard deflateReset(&entry.stream) == Z_OK else { return nil }
    let bound = Int(deflateBound(&entry.stream, UInt(body.count)))
    var isDone = false
    let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      body.withUnsafeBufferPointer { input in
        entry.stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        entry.stream.avail_in = UInt32(input.count)
        entry.stream.next_out = buffer.baseAddress
        entry.stream.avail_out = UInt32(buffer.count)
        isDone = deflate(&entry.stream, Z_FINISH) == Z_STREAM_END
        count = buffer.count - Int(entry.stream.avail_out)
      }
    }
    return isDone ? output : nil
  }

  /// Whether a media type is text, in the wide sense: pictures and archives are compressed already.
  private static func isText(_ type: String) -> Bool {
    let name = type.prefix { $0 != ";" }.lowercased()
    return name.hasPrefix("text/") || name.hasSuffix("json") || name.hasSuffix("+xml")
      || name == "application/xml" || name == "application/javascript"
      || name == "application/yaml"
  }
}
