/// Writes pixels as PNG (ISO/IEC 15948): filter "up", runs packed with fixed Huffman codes.
package enum PNGEncoder {
  /// The file of `width` × `height` pixels of red, green and blue bytes.
  static func encode(width: Int, height: Int, rgb: [UInt8]) -> [UInt8] {
    precondition(rgb.count == width * height * 3, "three bytes a pixel")
    let stride = width * 3
    var filtered: [UInt8] = []
    filtered.reserveCapacity(height * (stride + 1))
    for row in 0..<height {
      filtered.append(2)
      for column in 0..<stride {
        let above = row > 0 ? rgb[(row - 1) * stride + column] : 0
        filtered.append(rgb[row * stride + column] &- above)
      }
    }
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    append(
      "IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, 2, 0, 0, 0], to: &file)
    append("IDAT", zlib(filtered), to: &file)
    append("IEND", [], to: &file)
    return file
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func append(_ type: String, _ data: [UInt8], to file: inout [UInt8]) {
    let body = Array(type.utf8) + data
    file += bigEndian(UInt32(data.count)) + body + bigEndian(crc(body))
  }

  /// RFC 1950 around RFC 1951: one block with fixed codes, whose only matches repeat the last byte.
  package static func zlib(_ bytes: [UInt8]) -> [UInt8] {
    var bits = BitWriter(bytes: [0x78, 0x01])
    bits.write(1, 1)
    bits.write(1, 2)
    var index = 0
    while index < bytes.count {
      literal(Int(bytes[index]), &bits)
      var run = 0
      while index + 1 + run < bytes.count, bytes[index + 1 + run] == bytes[index] { run += 1 }
      index += 1
      // Lengths from 3 to 258; 258 has a code of its own, the others here are those without extra
      // bits (3 to 10).
      var left = run
      while left >= 258 {
        literal(285, &bits)
        bits.write(0, 5)
        left -= 258
      }
      while left >= 3 {
        let length = min(left, 10)
        literal(257 + length - 3, &bits)
        bits.write(0, 5)
        left -= length
      }
      index += run - left
    }
    literal(256, &bits)
    return bits.finished + bigEndian(adler(bytes))
  }

  /// RFC 1951, section 3.2.6; Huffman codes go out from their highest bit.
  private static func literal(_ symbol: Int, _ bits: inout BitWriter) {
    switch symbol {
    case 0..<144: bits.writeReversed(0x30 + symbol, 8)
    case 144..<256: bits.writeReversed(0x190 + symbol - 144, 9)
    case 256..<280: bits.writeReversed(symbol - 256, 7)
    default: bits.writeReversed(0xC0 + symbol - 280, 8)
    }
  }

  private static func adler(_ bytes: [UInt8]) -> UInt32 {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return b << 16 | a
  }

  private static let table: [UInt32] = (0..<256).map { start in
    (0..<8).reduce(UInt32(start)) { value, _ in
      value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
    }
  }

  private static func crc(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { table[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) }
  }
}

/// Bits into bytes, lowest first.
private struct BitWriter {
  private var bytes: [UInt8]
  private var pending: UInt32 = 0
  private var count = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func write(_ value: Int, _ width: Int) {
    pending |= UInt32(value) << UInt32(count)
    count += width
    while count >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      count -= 8
    }
  }

  mutating func writeReversed(_ value: Int, _ width: Int) {
    for bit in (0..<width).reversed() { write(value >> bit & 1, 1) }
  }

  var finished: [UInt8] { count > 0 ? bytes + [UInt8(truncatingIfNeeded: pending)] : bytes }
}
