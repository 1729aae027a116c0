/// Reads little-endian values front to back; nil or nothing past the end.
struct LittleEndian {
  private let bytes: ArraySlice<UInt8>
  private var place: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    place = bytes.startIndex
  }

  /// Whether everything was read.
  var isAtEnd: Bool { place == bytes.endIndex }

  mutating func read<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
    let size = MemoryLayout<Value>.size
    guard bytes.endIndex - place >= size else { return nil }
    var value: Value = 0
    for offset in 0..<size {
      value |= Value(truncatingIfNeeded: bytes[place + offset]) << Value(8 * offset)
    }
    place += size
    return value
  }

  mutating func floats(_ count: Int) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(count)
    for _ in 0..<count {
      guard let bits = read(UInt32.self) else { return [] }
      values.append(Float(bitPattern: bits))
    }
    return values
  }

  mutating func text(_ count: Int) -> String {
    guard count > 0, bytes.endIndex - place >= count else { return "" }
    defer { place += count }
    return String(decoding: bytes[place..<place + count], as: UTF8.self)
  }

  /// Appends a value.
  static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
    for place in 0..<MemoryLayout<Value>.size {
      bytes.append(UInt8(truncatingIfNeeded: value >> Value(8 * place)))
    }
  }
}
