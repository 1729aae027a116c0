import Foundation

/// One prediction as a worker tells the health process of it: numbers, no text unless the operator asked for it.
public struct PredictionRecord: Sendable, Equatable {
  /// When, in microseconds since 1970.
  public var time: Int64 = 0
  /// `FeedbackKey.of` the request.
  public var requestHash: UInt64 = 0
  /// The request id, for people.
  public var requestID = ""
  /// Microseconds from the request's first byte to its prediction.
  public var latency: UInt32 = 0
  /// Whether the text's end was left off to fit the model.
  public var isTruncated = false
  /// The predicted class.
  public var predicted = 0
  /// One value for each `Feature`.
  public var features: [Float] = []
  /// One for each class, at most `HealthEvent.classLimit`.
  public var probabilities: [Float] = []
  /// The embedding, projected to a few dimensions; empty where the model gives none.
  public var embedding: [Float] = []
  /// What tells a repeated text, and one that is nearly the same.
  public var fingerprint = TextFingerprint()
  /// The text, with `--keep-text` alone.
  public var text = ""
  /// `FeedbackKey.tag` of the model that answered; 0 for the default one, whose drift is watched.
  public var model: UInt32 = 0
  /// `HealthState.generation` of the weights that answered; 0 where it is not told, which stands for those that serve now.
  public var generation: UInt64 = 0

  /// An empty record.
  public init() {}

  /// The highest probability.
  public var confidence: Double { Double(probabilities.max() ?? 0) }

  /// Puts in what was measured of the text.
  /// - Parameter embedding: projected to a few dimensions; empty where the model gives none.
  public mutating func measure(
    _ features: FeatureValues, embedding: [Float], isTruncated: Bool
  ) {
    self.features = features.values.map { Float($0) }
    (self.embedding, self.isTruncated) = (embedding, isTruncated)
    fingerprint = features.fingerprint
  }

  /// The record with numbers that can be reckoned with: a model whose weights went wrong gives probabilities that are none.
  var bounded: PredictionRecord {
    func bounded(_ values: [Float]) -> [Float] {
      values.map { $0.isNaN ? 0 : min(max($0, -1e9), 1e9) }
    }
    var record = self
    record.features = bounded(features)
    record.probabilities = bounded(probabilities)
    record.embedding = bounded(embedding)
    return record
  }

  /// Whether its numbers can be reckoned with.
  var isBounded: Bool {
    func isGood(_ values: [Float]) -> Bool { values.allSatisfy { abs($0) <= 1e9 } }
    return isGood(features) && isGood(probabilities) && isGood(embedding)
  }
}

/// A true label for a prediction.
public struct LateLabel: Sendable, Equatable {
  /// When it came, in microseconds since 1970.
  public var time: Int64
  /// `FeedbackKey.of` the request.
  public var requestHash: UInt64
  /// The class that was right.
  public var label: Int
  /// What the model had said, where the worker knew; nil where the store must say.
  public var predicted: Int?
  /// The label that was told before this one.
  public var previous: Int?
  /// `FeedbackKey.tag` of the model that answered.
  public var model: UInt32 = 0
  /// `HealthState.generation` of the weights that answered; 0 where it is not told.
  public var generation: UInt64 = 0

  /// A label.
  public init(
    time: Int64, requestHash: UInt64, label: Int, predicted: Int? = nil, previous: Int? = nil,
    model: UInt32 = 0, generation: UInt64 = 0
  ) {
    (self.time, self.requestHash, self.label) = (time, requestHash, label)
    (self.predicted, self.previous, self.model) = (predicted, previous, model)
    self.generation = generation
  }
}

/// What goes over the datagram socket: records one behind the other, each with a fixed layout in little-endian order.
///
/// A prediction: length u32, kind u8 = 1, flags u8, predicted u16, time i64, request hash u64, latency u32, text hash u64,
/// four minima u32, model tag u32, generation u64, counts of features, probabilities, embedding u16 each, bytes of id u16 and of text u32,
/// then those. A label: length u32, kind u8 = 2, flags u8, label u16, time i64, request hash u64, predicted i32, previous i32,
/// model tag u32, generation u64.
public enum HealthEvent: Sendable, Equatable {
  /// A text was predicted.
  case prediction(PredictionRecord)
  /// A true label came.
  case label(LateLabel)

  /// Probabilities sent at most.
  public static let classLimit = 256
  /// Bytes of text sent at most.
  public static let textLimit = 8192
  static let predictionHead = 76
  static let labelLength = 44

  /// Appends the record's bytes.
  public func append(to bytes: inout [UInt8]) {
    switch self {
    case .prediction(let record): Self.append(record, to: &bytes)
    case .label(let label):
      LittleEndian.append(UInt32(Self.labelLength), to: &bytes)
      bytes.append(2)
      bytes.append(0)
      LittleEndian.append(UInt16(clamping: label.label), to: &bytes)
      LittleEndian.append(label.time, to: &bytes)
      LittleEndian.append(label.requestHash, to: &bytes)
      LittleEndian.append(Int32(clamping: label.predicted ?? -1), to: &bytes)
      LittleEndian.append(Int32(clamping: label.previous ?? -1), to: &bytes)
      LittleEndian.append(label.model, to: &bytes)
      LittleEndian.append(label.generation, to: &bytes)
    }
  }

  private static func append(_ record: PredictionRecord, to bytes: inout [UInt8]) {
    let id = record.requestID.utf8.prefix(200)
    let text = record.text.utf8.prefix(textLimit)
    let counts = (
      record.features.count, min(record.probabilities.count, classLimit), record.embedding.count
    )
    let floats = counts.0 + counts.1 + counts.2
    let (idCount, textCount) = (id.count, text.count)
    let start = bytes.count
    let head = predictionHead + 4 * floats
    bytes.append(contentsOf: repeatElement(0, count: head))
    var span = bytes.mutableSpan
    var writer = LittleEndianWriter(place: start)
    var raw = span.mutableBytes
    writer.write(UInt32(head + idCount + textCount), &raw)
    writer.write(UInt8(1), &raw)
    writer.write(UInt8(record.isTruncated ? 1 : 0), &raw)
    writer.write(UInt16(clamping: record.predicted), &raw)
    writer.write(record.time, &raw)
    writer.write(record.requestHash, &raw)
    writer.write(record.latency, &raw)
    writer.write(record.fingerprint.exact, &raw)
    for index in 0..<TextFingerprint.minimumCount {
      writer.write(record.fingerprint.minima[index], &raw)
    }
    writer.write(record.model, &raw)
    writer.write(record.generation, &raw)
    writer.write(UInt16(clamping: counts.0), &raw)
    writer.write(UInt16(clamping: counts.1), &raw)
    writer.write(UInt16(clamping: counts.2), &raw)
    writer.write(UInt16(clamping: idCount), &raw)
    writer.write(UInt32(textCount), &raw)
    for value in record.features { writer.write(value.bitPattern, &raw) }
    for index in 0..<counts.1 { writer.write(record.probabilities[index].bitPattern, &raw) }
    for value in record.embedding { writer.write(value.bitPattern, &raw) }
    bytes.append(contentsOf: id)
    bytes.append(contentsOf: text)
  }

  /// Reads all records of a datagram; what does not fit the layout ends it, because nothing behind it can be trusted.
  /// - Returns: the records, and whether the whole datagram was well-formed.
  public static func parse(_ bytes: ArraySlice<UInt8>) -> (events: [HealthEvent], isWhole: Bool) {
    var events: [HealthEvent] = []
    var reader = EventReader(bytes)
    var record = PredictionRecord()
    while let kind = reader.next(into: &record) {
      switch kind {
      case .label(let label): events.append(.label(label))
      case .prediction:
        reader.readStrings(into: &record)
        events.append(.prediction(record))
        record = PredictionRecord()
      }
    }
    return (events, reader.isWhole)
  }
}

/// The 64-bit name of a request id.
public enum RequestHash {
  /// FNV-1a followed by the finaliser of MurmurHash3, so that low and high bits are independent.
  public static func of(_ text: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return mixed(hash)
  }

  /// MurmurHash3's finaliser (Appleby 2011).
  @inline(__always)
  static func mixed(_ value: UInt64) -> UInt64 {
    var hash = (value ^ (value >> 33)) &* 0xff51_afd7_ed55_8ccd
    hash = (hash ^ (hash >> 33)) &* 0xc4ce_b9fe_1a85_ec53
    return hash ^ (hash >> 33)
  }
}
