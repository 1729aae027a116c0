/// Reads little-endian values front to back; nil or nothing past the end.
package struct LittleEndian {
  private let bytes: ArraySlice<UInt8>
  private var place: Int

  /// At the front of `bytes`.
  package init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  /// Whether everything was read.
  package var isAtEnd: Bool { place == bytes.endIndex }

  /// The next value; nil where it does not fit.
  package mutating func read<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
    let size = MemoryLayout<Value>.size
    guard bytes.endIndex - place >= size else { return nil }
    var value: Value = 0
    for offset in 0..<size {
      value |= Value(truncatingIfNeeded: bytes[place + offset]) << Value(8 * offset)
    }
    place += size
    return value
  }

  /// Appends a value.
  package static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
    for place in 0..<MemoryLayout<Value>.size {
      bytes.append(UInt8(truncatingIfNeeded: value >> Value(8 * place)))
    }
  }
}

/// Writes little-endian values front to back into bytes that are there.
struct LittleEndianWriter {
  /// Where the next value goes.
  var place: Int

  @inline(__always)
  mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(
    _ value: Value, _ bytes: inout MutableRawSpan
  ) {
    bytes.storeBytes(of: value.littleEndian, toByteOffset: place, as: Value.self)
    place += MemoryLayout<Value>.size
  }
}
