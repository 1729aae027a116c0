/// Reads the records of a datagram one after the other; a prediction goes into storage that is used again for the next, so that
/// reading takes no memory. `HealthEvent` has the layout.
public struct EventReader: Sendable {
  /// What a record was.
  public enum Kind: Sendable, Equatable {
    /// A prediction, which stands in the storage that was given.
    case prediction
    /// A label.
    case label(LateLabel)
  }

  private let bytes: ArraySlice<UInt8>
  private var place = 0
  private var requestID = 0..<0
  private var text = 0..<0
  /// False once something did not fit the layout; nothing behind it can be trusted.
  public private(set) var isWhole = true

  /// A reader at the datagram's first record.
  public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  /// Whether the latest prediction has a text.
  public var hasText: Bool { !text.isEmpty }

  /// Reads one record. Request id and text of a prediction are left empty until `readStrings` asks for them.
  /// - Returns: nil at the end, and where a record does not fit the layout.
  public mutating func next(into record: inout PredictionRecord) -> Kind? {
    guard isWhole, place < bytes.count else { return nil }
    guard let kind = read(&record) else {
      isWhole = false
      return nil
    }
    return kind
  }

  private mutating func read(_ record: inout PredictionRecord) -> Kind? {
    let left = bytes.count - place
    guard left >= 8 else { return nil }
    let length = Int(Self.load(bytes, place, UInt32.self))
    guard length >= 8, length <= left else { return nil }
    switch bytes[bytes.startIndex + place + 4] {
    case 1: guard readPrediction(&record, length) else { return nil }
    case 2:
      guard length == HealthEvent.labelLength else { return nil }
      defer { place += length }
      return .label(Self.label(bytes, place))
    default: return nil
    }
    place += length
    return .prediction
  }

  /// A value in little-endian order; the caller has looked whether it is within the bytes.
  @inline(__always)
  private static func load<Value: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: ArraySlice<UInt8>, _ place: Int, _ type: Value.Type
  ) -> Value {
    let span = bytes.span
    return Value(
      littleEndian: span.bytes.unsafeLoadUnaligned(fromByteOffset: place, as: Value.self))
  }

  private static func label(_ bytes: ArraySlice<UInt8>, _ place: Int) -> LateLabel {
    func optional(_ value: Int32) -> Int? { value < 0 ? nil : Int(value) }
    return LateLabel(
      time: load(bytes, place + 8, Int64.self), requestHash: load(bytes, place + 16, UInt64.self),
      label: Int(load(bytes, place + 6, UInt16.self)),
      predicted: optional(load(bytes, place + 24, Int32.self)),
      previous: optional(load(bytes, place + 28, Int32.self)),
      model: load(bytes, place + 32, UInt32.self),
      generation: load(bytes, place + 36, UInt64.self))
  }

  private mutating func readPrediction(_ record: inout PredictionRecord, _ length: Int) -> Bool {
    guard length >= HealthEvent.predictionHead else { return false }
    let bytes = bytes
    func value<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Value.Type) -> Value {
      Self.load(bytes, place + offset, Value.self)
    }
    let counts = (
      Int(value(64, UInt16.self)), Int(value(66, UInt16.self)), Int(value(68, UInt16.self))
    )
    let (id, text) = (Int(value(70, UInt16.self)), Int(value(72, UInt32.self)))
    let floats = counts.0 + counts.1 + counts.2
    guard HealthEvent.predictionHead + 4 * floats + id + text == length else { return false }
    record.isTruncated = value(5, UInt8.self) & 1 != 0
    record.predicted = Int(value(6, UInt16.self))
    record.time = value(8, Int64.self)
    record.requestHash = value(16, UInt64.self)
    record.latency = value(24, UInt32.self)
    record.fingerprint.exact = value(28, UInt64.self)
    for index in 0..<TextFingerprint.minimumCount {
      record.fingerprint.minima[index] = value(36 + 4 * index, UInt32.self)
    }
    record.model = value(52, UInt32.self)
    record.generation = value(56, UInt64.self)
    var at = place + HealthEvent.predictionHead
    Self.fill(&record.features, counts.0, bytes, &at)
    Self.fill(&record.probabilities, counts.1, bytes, &at)
    Self.fill(&record.embedding, counts.2, bytes, &at)
    (record.requestID, record.text) = ("", "")
    (requestID, self.text) = (at..<at + id, at + id..<at + id + text)
    return true
  }

  private static func fill(
    _ values: inout [Float], _ count: Int, _ bytes: ArraySlice<UInt8>, _ place: inout Int
  ) {
    values.removeAll(keepingCapacity: true)
    values.reserveCapacity(count)
    let span = bytes.span
    let raw = span.bytes
    for index in 0..<count {
      let bits = raw.unsafeLoadUnaligned(fromByteOffset: place + 4 * index, as: UInt32.self)
      values.append(Float(bitPattern: UInt32(littleEndian: bits)))
    }
    place += 4 * count
  }

  /// Puts in request id and text of the latest prediction.
  public func readStrings(into record: inout PredictionRecord) {
    record.requestID = string(requestID)
    record.text = string(text)
  }

  private func string(_ range: Range<Int>) -> String {
    String(decoding: bytes.dropFirst(range.lowerBound).prefix(range.count), as: UTF8.self)
  }
}
