import Foundation

/// How a file stores floating-point numbers, little-endian.
public enum FloatFormat: String, Sendable, CaseIterable {
  /// IEEE 754 binary64.
  case float64 = "F64"
  /// IEEE 754 binary32.
  case float32 = "F32"
  /// IEEE 754 binary16.
  case float16 = "F16"
  /// The upper half of binary32.
  case bfloat16 = "BF16"

  /// Bytes of one number.
  public var byteCount: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .float16, .bfloat16: 2
    }
  }
}

extension FloatBuffer {
  /// Reads `count` numbers of `format` from `data` at `byte` into this buffer at `offset`; says
  /// whether all of them are finite.
  public func read(
    _ data: Data, at byte: Int, count: Int, format: FloatFormat, into offset: Int
  ) -> Bool {
    precondition(count >= 0 && offset >= 0 && offset + count <= self.count, "outside the buffer")
    precondition(byte >= 0 && byte + count * format.byteCount <= data.count, "outside the data")
    return data.withUnsafeBytes { raw in
      var allFinite = true
      for index in 0..<count {
        let place = byte + index * format.byteCount
        let value: Float
        switch format {
        case .float64:
          value = Float(
            Double(
              bitPattern: UInt64(
                littleEndian: raw.loadUnaligned(fromByteOffset: place, as: UInt64.self))))
        case .float32:
          value = Float(
            bitPattern: UInt32(
              littleEndian: raw.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
        case .float16:
          value = Self.half(
            UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: place, as: UInt16.self)))
        case .bfloat16:
          let high = UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: place, as: UInt16.self))
          value = Float(bitPattern: UInt32(high) << 16)
        }
        allFinite = allFinite && value.isFinite
        base[offset + index] = value
      }
      return allFinite
    }
  }

  /// The numbers of `range` as little-endian binary32.
  public func bytes(_ range: Range<Int>) -> Data {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the buffer")
    #if _endian(little)
      return Data(bytes: base + range.lowerBound, count: range.count * 4)
    #else
      var data = Data(capacity: range.count * 4)
      for index in range {
        withUnsafeBytes(of: base[index].bitPattern.littleEndian) { data.append(contentsOf: $0) }
      }
      return data
    #endif
  }

  /// binary16 widened by hand, since not every target has the type.
  private static func half(_ bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1F
    let fraction = UInt32(bits & 0x3FF)
    switch exponent {
    case 0:
      let magnitude = Float(fraction) * 0x1p-24
      return sign == 0 ? magnitude : -magnitude
    case 0x1F: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}
