import CZlib

/// Undoes the content codings `gzip` and `deflate` (RFC 9110 section 8.4.1) a few bytes at a time.
///
/// It holds zlib's window and no more, and stops as soon as what comes out passes a limit, in size
/// or against what went in, so a small body cannot become a large one. The verdict does not depend
/// on how the bytes are cut.
final class Inflater {
  enum Coding: Equatable {
    case gzip, deflate
  }

  /// Where the stream stands.
  private enum State {
    case reading
    /// The stream has ended; a gzip body may go on with another member (RFC 1952 section 2.2).
    case ended
  }

  private var stream = z_stream()
  private let coding: Coding
  private let limits: HTTPLimits
  private var state = State.reading
  private var hasMore = false
  /// Bytes that whole members have taken and given.
  private var inputBefore = 0
  private var outputBefore = 0

  /// Output is made this many bytes at a time, and the ratio is looked at after each.
  private static let step = 16384

  /// Nil if memory is short.
  init?(_ coding: Coding, limits: HTTPLimits) {
    self.coding = coding
    self.limits = limits
    if czlib_inflate_create(&stream, coding == .gzip ? 1 : 0) != Z_OK { return nil }
  }

  deinit { inflateEnd(&stream) }

  /// Whether the body may end here.
  var isComplete: Bool { state == .ended }

  /// Appends what the bytes become.
  /// - Returns: why not, if they are malformed or pass a limit.
  func inflate(_ bytes: UnsafeBufferPointer<UInt8>, into body: inout [UInt8]) -> Refusal? {
    // zlib does not write to its input; its type says so only where Z_CONST is defined.
    stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
    stream.avail_in = UInt32(bytes.count)
    // A full step may leave output in zlib though all input has been taken.
    while stream.avail_in > 0 || hasMore {
      if state == .ended {
        if coding == .deflate { return .badContentCoding }
        inputBefore += Int(stream.total_in)
        outputBefore += Int(stream.total_out)
        inflateReset(&stream)
        state = .reading
      }
      if let refusal = fillStep(&body) { return refusal }
    }
    return nil
  }

  /// One call of zlib: at most to the end of the present step of output.
  private func fillStep(_ body: inout [UInt8]) -> Refusal? {
    let start = body.count
    let small = 4 * Int(stream.avail_in) + 512
    let room = min(Self.step - start % Self.step, limits.requestBody + 1 - start, small)
    var code = Z_OK
    body.append(contentsOf: repeatElement(0, count: room))
    body.withUnsafeMutableBufferPointer { buffer in
      stream.next_out = buffer.baseAddress?.advanced(by: start)
      stream.avail_out = UInt32(room)
      code = CZlib.inflate(&stream, Z_NO_FLUSH)
    }
    body.removeLast(Int(stream.avail_out))
    if code == Z_STREAM_END { state = .ended }
    hasMore = stream.avail_out == 0 && state == .reading
    if code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR { return .badContentCoding }
    if body.count > limits.requestBody {
      body.removeLast(body.count - limits.requestBody)
      return .bodyTooLarge
    }
    if body.count % Self.step == 0 && body.count > start { return checkRatio(body.count) }
    return nil
  }

  private func checkRatio(_ output: Int) -> Refusal? {
    let input = inputBefore + Int(stream.total_in)
    if output > limits.inflationAllowance && output > input * limits.inflationRatio {
      return .inflationRatioTooHigh
    }
    return nil
  }
}
