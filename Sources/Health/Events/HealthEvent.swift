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

  /// An empty record.
  public init() {}

  /// The highest probability.
  public var confidence: Double { Double(probabilities.max() ?? 0) }

  /// The record with numbers that can be reckoned with: a model whose weights went wrong gives probabilities that are none.
  var bounded: PredictionRecord {
    func isGood(_ values: [Float]) -> Bool { values.allSatisfy { abs($0) <= 1e9 } }
    if isGood(features) && isGood(probabilities) && isGood(embedding) { return self }
    func bounded(_ values: [Float]) -> [Float] {
      values.map { $0.isNaN ? 0 : min(max($0, -1e9), 1e9) }
    }
    var record = self
    record.features = bounded(features)
    record.probabilities = bounded(probabilities)
    record.embedding = bounded(embedding)
    return record
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

  /// A label.
  public init(
    time: Int64, requestHash: UInt64, label: Int, predicted: Int? = nil, previous: Int? = nil,
    model: UInt32 = 0
  ) {
    (self.time, self.requestHash, self.label) = (time, requestHash, label)
    (self.predicted, self.previous, self.model) = (predicted, previous, model)
  }
}

/// What goes over the datagram socket: records one behind the other, each with a fixed layout in little-endian order.
///
/// A prediction: length u32, kind u8 = 1, flags u8, predicted u16, time i64, request hash u64, latency u32, text hash u64,
/// four minima u32, model tag u32, counts of features, probabilities, embedding u16 each, bytes of id u16 and of text u32,
/// then those. A label: length u32, kind u8 = 2, flags u8, label u16, time i64, request hash u64, predicted i32, previous i32,
/// model tag u32.
public enum HealthEvent: Sendable, Equatable {
  /// A text was predicted.
  case prediction(PredictionRecord)
  /// A true label came.
  case label(LateLabel)

  /// Probabilities sent at most.
  public static let classLimit = 256
  /// Bytes of text sent at most.
  public static let textLimit = 8192
  private static let predictionHead = 68
  private static let labelLength = 36

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
    }
  }

  private static func append(_ record: PredictionRecord, to bytes: inout [UInt8]) {
    let id = record.requestID.utf8.prefix(200)
    let text = record.text.utf8.prefix(textLimit)
    let probabilities = record.probabilities.prefix(classLimit)
    let floats = record.features.count + probabilities.count + record.embedding.count
    LittleEndian.append(UInt32(predictionHead + 4 * floats + id.count + text.count), to: &bytes)
    bytes.append(1)
    bytes.append(record.isTruncated ? 1 : 0)
    LittleEndian.append(UInt16(clamping: record.predicted), to: &bytes)
    LittleEndian.append(record.time, to: &bytes)
    LittleEndian.append(record.requestHash, to: &bytes)
    LittleEndian.append(record.latency, to: &bytes)
    LittleEndian.append(record.fingerprint.exact, to: &bytes)
    for index in 0..<TextFingerprint.minimumCount {
      LittleEndian.append(record.fingerprint.minima[index], to: &bytes)
    }
    LittleEndian.append(record.model, to: &bytes)
    for count in [record.features.count, probabilities.count, record.embedding.count, id.count] {
      LittleEndian.append(UInt16(clamping: count), to: &bytes)
    }
    LittleEndian.append(UInt32(text.count), to: &bytes)
    for value in record.features { LittleEndian.append(value.bitPattern, to: &bytes) }
    for value in probabilities { LittleEndian.append(value.bitPattern, to: &bytes) }
    for value in record.embedding { LittleEndian.append(value.bitPattern, to: &bytes) }
    bytes.append(contentsOf: id)
    bytes.append(contentsOf: text)
  }

  /// Reads all records of a datagram; what does not fit the layout ends it, because nothing behind it can be trusted.
  /// - Returns: the records, and whether the whole datagram was well-formed.
  public static func parse(_ bytes: ArraySlice<UInt8>) -> (events: [HealthEvent], isWhole: Bool) {
    var events: [HealthEvent] = []
    var rest = bytes
    while !rest.isEmpty {
      var reader = LittleEndian(rest)
      guard let length = reader.read(UInt32.self).map(Int.init), length >= 8,
        length <= rest.count, let event = read(&reader, length)
      else { return (events, false) }
      events.append(event)
      rest = rest.dropFirst(length)
    }
    return (events, true)
  }

  private static func read(_ reader: inout LittleEndian, _ length: Int) -> HealthEvent? {
    guard let kind = reader.read(UInt8.self), let flags = reader.read(UInt8.self),
      let number = reader.read(UInt16.self), let time = reader.read(Int64.self),
      let hash = reader.read(UInt64.self)
    else { return nil }
    if kind == 2 {
      guard length == labelLength, let predicted = reader.read(Int32.self),
        let previous = reader.read(Int32.self), let model = reader.read(UInt32.self)
      else { return nil }
      return .label(
        LateLabel(
          time: time, requestHash: hash, label: Int(number),
          predicted: predicted < 0 ? nil : Int(predicted),
          previous: previous < 0 ? nil : Int(previous), model: model))
    }
    guard kind == 1 else { return nil }
    var record = PredictionRecord()
    (record.isTruncated, record.predicted) = (flags & 1 != 0, Int(number))
    (record.time, record.requestHash) = (time, hash)
    return body(&record, &reader, length) ? .prediction(record) : nil
  }

  private static func body(
    _ record: inout PredictionRecord, _ reader: inout LittleEndian, _ length: Int
  ) -> Bool {
    guard let latency = reader.read(UInt32.self), let exact = reader.read(UInt64.self) else {
      return false
    }
    record.latency = latency
    record.fingerprint.exact = exact
    for index in 0..<TextFingerprint.minimumCount {
      guard let minimum = reader.read(UInt32.self) else { return false }
      record.fingerprint.minima[index] = minimum
    }
    guard let model = reader.read(UInt32.self),
      let features = reader.read(UInt16.self).map(Int.init),
      let probabilities = reader.read(UInt16.self).map(Int.init),
      let embedding = reader.read(UInt16.self).map(Int.init),
      let id = reader.read(UInt16.self).map(Int.init),
      let text = reader.read(UInt32.self).map(Int.init),
      predictionHead + 4 * (features + probabilities + embedding) + id + text == length
    else { return false }
    record.model = model
    record.features = reader.floats(features)
    record.probabilities = reader.floats(probabilities)
    record.embedding = reader.floats(embedding)
    record.requestID = reader.text(id)
    record.text = reader.text(text)
    return true
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
