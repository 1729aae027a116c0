import Glibc

/// A file whose floats are mapped or read straight into buffers: the weight cache's bytes.
///
/// Invariant: the descriptor is open for the object's life. A reader keeps the file that it opened,
/// also when another takes its name; writers therefore make a new file and rename it, and never
/// shorten one in place.
public final class FloatFile {
  /// Bytes of the file when it was opened.
  public let byteCount: Int
  /// Who owns it.
  public let owner: UInt32
  /// Whether others than the owner's group may write it.
  public let isWorldWritable: Bool
  private let descriptor: Int32

  /// Where mappings may start: a multiple of any page size in use.
  public static let alignment = 65536
  private static let chunk = 1 << 20

  /// Opens the regular file at `path`; nil where there is none.
  public init?(path: String, followsLinks: Bool = false) {
    let opened = open(path, O_RDONLY | O_CLOEXEC | (followsLinks ? 0 : O_NOFOLLOW))
    guard opened >= 0 else { return nil }
    var status = stat()
    guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(opened)
      return nil
    }
    (descriptor, byteCount, owner) = (opened, Int(status.st_size), status.st_uid)
    isWorldWritable = status.st_mode & S_IWOTH != 0
  }

  deinit { close(descriptor) }

  /// The bytes of `range`; nil where the file is shorter or cannot be read.
  public func bytes(_ range: Range<Int>) -> [UInt8]? {
    guard range.lowerBound >= 0, range.upperBound <= byteCount else { return nil }
    var bytes = [UInt8](repeating: 0, count: range.count)
    let isWhole = bytes.withUnsafeMutableBytes { fill($0, from: range.lowerBound) }
    return isWhole ? bytes : nil
  }

  /// `count` floats from byte `offset` on, as pages of the file: nobody's memory until they are read,
  /// and one copy for all processes. Writes stay in this process.
  public func map(at offset: Int, count: Int) -> FloatBuffer? {
    guard offset % Self.alignment == 0, count > 0, offset + count * 4 <= byteCount else {
      return nil
    }
    let pages = mmap(
      nil, count * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, off_t(offset)
    )
    guard let pages, pages != MAP_FAILED else { return nil }
    return FloatBuffer(mapped: pages, count: count)
  }

  /// Reads `buffer.count` floats from byte `offset` on and adds them to `hash`.
  public func read(into buffer: FloatBuffer, at offset: Int, hash: inout ContentHash) -> Bool {
    guard offset >= 0, offset + buffer.count * 4 <= byteCount else { return false }
    var start = 0
    while start < buffer.count * 4 {
      let size = min(Self.chunk, buffer.count * 4 - start)
      let part = UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(buffer.base) + start, count: size)
      guard fill(part, from: offset + start) else { return false }
      hash.add(UnsafeRawBufferPointer(part))
      start += size
    }
    return true
  }

  /// Adds the bytes of `range` to `hash`, without keeping them.
  public func add(_ range: Range<Int>, to hash: inout ContentHash) -> Bool {
    guard range.lowerBound >= 0, range.upperBound <= byteCount else { return false }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 64)
    defer { room.deallocate() }
    var start = range.lowerBound
    while start < range.upperBound {
      let part = UnsafeMutableRawBufferPointer(
        rebasing: room[0..<min(Self.chunk, range.upperBound - start)])
      guard fill(part, from: start) else { return false }
      hash.add(UnsafeRawBufferPointer(part))
      start += part.count
    }
    return true
  }

  private func fill(_ part: UnsafeMutableRawBufferPointer, from offset: Int) -> Bool {
    var done = 0
    while done < part.count, let start = part.baseAddress {
      let count = pread(descriptor, start + done, part.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  /// Writes `head` and then each of `buffers` from the next multiple of `alignment` on to a file that is not there yet.
  /// False where that cannot be done.
  public static func write(_ head: [UInt8], _ buffers: [FloatBuffer], to path: String) -> Bool {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard file >= 0 else { return false }
    var end = 0
    var isWhole = head.withUnsafeBytes { put($0, file, at: &end) }
    for buffer in buffers where isWhole {
      end = (end + alignment - 1) / alignment * alignment
      isWhole = put(
        UnsafeRawBufferPointer(start: buffer.base, count: buffer.count * 4), file, at: &end)
    }
    isWhole = isWhole && ftruncate(file, off_t((end + 3) / 4 * 4)) == 0
    return close(file) == 0 && isWhole
  }

  private static func put(_ bytes: UnsafeRawBufferPointer, _ file: Int32, at end: inout Int) -> Bool
  {
    var done = 0
    while done < bytes.count, let start = bytes.baseAddress {
      let count = pwrite(file, start + done, bytes.count - done, off_t(end + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    end += bytes.count
    return true
  }
}

/// A fast 64-bit hash of bytes against accidents, not against attackers: four lanes, each
/// h ← rotate(h ⊕ word, 29) · odd constant, mixed at the end.
///
/// The value depends on the bytes and on where the runs given to `add` end, so both sides use the
/// same runs.
public struct ContentHash: Sendable {
  private var lanes = SIMD4<UInt64>(
    0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63)
  private static let factor: UInt64 = 0xD6E8_FEB8_6659_FD93

  /// The hash of nothing.
  public init() {}

  private static func step(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    let mixed = lane ^ word
    return (mixed << 29 | mixed >> 35) &* factor
  }

  /// Goes on with `bytes`.
  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var (a, b, c, d) = (lanes[0], lanes[1], lanes[2], lanes[3])
    var start = 0
    while start + 32 <= bytes.count {
      a = Self.step(a, bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
      b = Self.step(b, bytes.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self))
      c = Self.step(c, bytes.loadUnaligned(fromByteOffset: start + 16, as: UInt64.self))
      d = Self.step(d, bytes.loadUnaligned(fromByteOffset: start + 24, as: UInt64.self))
      start += 32
    }
    while start < bytes.count {
      a = Self.step(a, UInt64(bytes[start]) | 0x100)
      start += 1
    }
    lanes = SIMD4(a, b, c, d ^ UInt64(bytes.count))
  }

  /// Goes on with `bytes`.
  public mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

  /// Goes on with the floats of `buffer`, in the runs in which `FloatFile` reads them.
  public mutating func add(_ buffer: FloatBuffer) {
    let all = UnsafeRawBufferPointer(start: buffer.base, count: buffer.count * 4)
    var start = 0
    while start < all.count {
      let end = min(start + (1 << 20), all.count)
      add(UnsafeRawBufferPointer(rebasing: all[start..<end]))
      start = end
    }
  }

  /// Sixteen hexadecimal digits.
  public var text: String {
    var value: UInt64 = 0
    for lane in 0..<4 {
      value = Self.step(value ^ lanes[lane], lanes[lane] >> 32)
      value ^= value >> 31
    }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
