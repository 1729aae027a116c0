extension JSONNumber {
  /// Powers of ten that a double holds exactly.
  private static let exactPowers: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
    1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  /// Reads a number by the grammar of RFC 8259 section 6, moving `offset` behind it.
  static func parse(_ input: Span<UInt8>, at offset: inout Int) throws(JSONError) -> JSONNumber {
    let start = offset
    let negative = input[offset] == UInt8(ascii: "-")
    if negative { offset += 1 }
    // The digits so far as an integer; `exact` while they fit.
    var digits: UInt64 = 0
    var exact = true
    let integerStart = offset
    try scanDigits(input, at: &offset, into: &digits, &exact)
    if offset - integerStart > 1, input[integerStart] == UInt8(ascii: "0") {
      throw JSONError(.invalidNumber, at: start)
    }
    var exponent = 0
    var isInteger = true
    if offset < input.count, input[offset] == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      let fractionStart = offset
      try scanDigits(input, at: &offset, into: &digits, &exact)
      exponent = fractionStart - offset
    }
    if offset < input.count, input[offset] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      offset += 1
      exponent += try scanExponent(input, at: &offset)
    }
    if isInteger, exact, digits <= UInt64(Int64.max), !(negative && digits == 0) {
      return .integer(negative ? -Int(digits) : Int(digits))
    }
    if isInteger, exact, negative, digits == UInt64(Int64.max) + 1 { return .integer(.min) }
    // Both operands are exact, so the one rounding of the operation is the right one (Clinger, "How to read
    // floating point numbers accurately", 1990).
    if exact, digits <= 1 << 53, abs(exponent) <= 22 {
      let magnitude =
        exponent < 0
        ? Double(digits) / exactPowers[-exponent] : Double(digits) * exactPowers[exponent]
      return .double(negative ? -magnitude : magnitude)
    }
    let text = input.extracting(start..<offset).withUnsafeBufferPointer {
      String(decoding: $0, as: UTF8.self)
    }
    guard let value = Double(text) else { throw JSONError(.invalidNumber, at: start) }
    guard value.isFinite else { throw JSONError(.numberOverflow, at: start) }
    return .double(value)
  }

  private static func scanDigits(
    _ input: Span<UInt8>, at offset: inout Int, into digits: inout UInt64, _ exact: inout Bool
  ) throws(JSONError) {
    let start = offset
    while offset < input.count, input[offset] &- 0x30 < 10 {
      let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(input[offset] - 0x30))
      if overflow || carry { exact = false } else { digits = sum }
      offset += 1
    }
    guard offset > start else {
      throw JSONError(offset < input.count ? .invalidNumber : .unexpectedEnd, at: offset)
    }
  }

  /// The exponent's value, held within ±10⁶: beyond that every double is zero or too large.
  private static func scanExponent(
    _ input: Span<UInt8>, at offset: inout Int
  ) throws(JSONError) -> Int {
    var negative = false
    if offset < input.count,
      input[offset] == UInt8(ascii: "+") || input[offset] == UInt8(ascii: "-")
    {
      negative = input[offset] == UInt8(ascii: "-")
      offset += 1
    }
    let start = offset
    var value = 0
    while offset < input.count, input[offset] &- 0x30 < 10 {
      value = min(value * 10 + Int(input[offset] - 0x30), 1_000_000)
      offset += 1
    }
    guard offset > start else {
      throw JSONError(offset < input.count ? .invalidNumber : .unexpectedEnd, at: offset)
    }
    return negative ? -value : value
  }
}
