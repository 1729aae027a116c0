import Foundation
import JSON
import Tensor

/// A safetensors file: an 8-byte length, a JSON header of that length, then the tensors' bytes.
///
/// The header is checked against the file before any tensor is read: offsets inside the file, in order
/// of the data without overlap or gap, and of the size that shape and type give.
public struct SafeTensors: Sendable {
  /// One tensor's place.
  public struct Entry: Sendable, Equatable {
    /// Number type as the header names it.
    public let type: String
    /// Dimensions.
    public let shape: [Int]
    /// Bytes of the file.
    public let bytes: Range<Int>
    /// Numbers in the tensor.
    public var count: Int { shape.reduce(1, *) }
  }

  /// File, as messages name it.
  public let path: String
  /// Tensors by name.
  public let entries: [String: Entry]
  /// The header's free text.
  public let metadata: [String: String]
  private let data: Data

  /// Bytes by number type, as the format defines them.
  private static let sizes = [
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "I16": 2, "U16": 2, "F16": 2,
    "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8,
  ]
  private static let largestHeader = 100_000_000

  /// Maps the file at `path` and checks its header.
  ///
  /// - Throws: `ModelError.missingFile`, `.unreadable` or `.badTensors`.
  public init(path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      throw ModelError.missingFile(
        path: path, hint: "A model directory needs its weights in this file.")
    }
    do {
      try self.init(
        path: path, data: Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped))
    } catch let error as ModelError {
      throw error
    } catch {
      throw ModelError.unreadable(path: path, reason: "cannot be read")
    }
  }

  /// Checks the header of `data`, which messages call `path`.
  public init(path: String, data: Data) throws {
    func bad(_ problem: String) -> ModelError { .badTensors(path: path, problem: problem) }
    guard data.count >= 8 else { throw bad("\(data.count) bytes, too short for a header") }
    var length: UInt64 = 0
    for (index, byte) in data.prefix(8).enumerated() { length |= UInt64(byte) << (8 * index) }
    guard !data.starts(with: Array("version https://git-lfs".utf8)) else {
      throw bad("it is the pointer of git-lfs and not what that stands for; run: git lfs pull")
    }
    guard length <= UInt64(data.count - 8) else {
      throw bad("the header should take \(length) bytes, but only \(data.count - 8) follow")
    }
    guard length <= UInt64(Self.largestHeader) else {
      throw bad("the header takes \(length) bytes; at most \(Self.largestHeader) are read")
    }
    let start = data.startIndex
    let header: JSONValue
    do {
      header = try JSONValue(
        parsing: data[start + 8..<start + 8 + Int(length)],
        limits: JSONLimits(fileBytes: data.count))
    } catch {
      throw bad("its header is not JSON (\(error.localizedDescription))")
    }
    guard let object = header.objectValue else { throw bad("its header is \(header.kind)") }
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]
    for (name, value) in zip(object.keys, object.values) {
      if name == "__metadata__" {
        for (key, text) in zip(value.objectValue?.keys ?? [], value.objectValue?.values ?? []) {
          metadata[key] = text.stringValue
        }
        continue
      }
      entries[name] = try Self.entry(
        name, value, dataStart: 8 + Int(length), fileSize: data.count, bad: bad)
    }
    try Self.checkCover(entries, dataStart: 8 + Int(length), fileSize: data.count, bad: bad)
    // Of a tensor with two names safetensors.torch.save_model keeps one, and notes here which the other stands for.
    for (name, kept) in metadata where entries[name] == nil { entries[name] = entries[kept] }
    self.path = path
    self.entries = entries
    self.metadata = metadata
    self.data = data
  }

  private static func entry(
    _ name: String, _ value: JSONValue, dataStart: Int, fileSize: Int, bad: (String) -> ModelError
  ) throws -> Entry {
    guard let type = value["dtype"]?.stringValue, let size = sizes[type] else {
      throw bad("tensor \"\(name)\" has no known dtype")
    }
    guard let dimensions = value["shape"]?.arrayValue, dimensions.count <= 8 else {
      throw bad("tensor \"\(name)\" has no shape")
    }
    var shape: [Int] = []
    var bytes = size
    for dimension in dimensions {
      guard let dimension = dimension.intValue, dimension >= 0 else {
        throw bad("tensor \"\(name)\" has a dimension that is no size")
      }
      let (product, overflow) = bytes.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw bad("tensor \"\(name)\" is larger than memory") }
      bytes = product
      shape.append(dimension)
    }
    guard let offsets = value["data_offsets"]?.arrayValue, offsets.count == 2,
      let from = offsets[0].intValue, let to = offsets[1].intValue, from >= 0, to >= from
    else { throw bad("tensor \"\(name)\" has no sound data_offsets") }
    guard to <= fileSize - dataStart else {
      throw bad(
        "tensor \"\(name)\" ends at byte \(to) of the data, which has \(fileSize - dataStart)")
    }
    guard to - from == bytes else {
      throw bad("tensor \"\(name)\" has \(to - from) bytes where its shape needs \(bytes)")
    }
    return Entry(type: type, shape: shape, bytes: dataStart + from..<dataStart + to)
  }

  private static func checkCover(
    _ entries: [String: Entry], dataStart: Int, fileSize: Int, bad: (String) -> ModelError
  ) throws {
    var end = dataStart
    let inOrder = entries.sorted {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound, $0.key)
        < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound, $1.key)
    }
    for (name, entry) in inOrder {
      if entry.bytes.lowerBound < end {
        throw bad("tensor \"\(name)\" overlaps the one before it")
      }
      if entry.bytes.lowerBound > end {
        throw bad("\(entry.bytes.lowerBound - end) bytes before tensor \"\(name)\" belong to none")
      }
      end = entry.bytes.upperBound
    }
    if end != fileSize { throw bad("\(fileSize - end) bytes at the end belong to no tensor") }
  }

  /// Whether a tensor has the type, shape and bytes of `otherName` in `other`.
  func hasSame(_ name: String, as other: SafeTensors, _ otherName: String) -> Bool {
    guard let own = entries[name], let others = other.entries[otherName], own.type == others.type,
      own.shape == others.shape
    else { return false }
    func bytes(_ file: SafeTensors, _ entry: Entry) -> Data {
      let start = file.data.startIndex
      return file.data[start + entry.bytes.lowerBound..<start + entry.bytes.upperBound]
    }
    return bytes(self, own) == bytes(other, others)
  }

  /// Copies a tensor of shape `rows` × `columns` (or a vector of `columns`) into `target`.
  ///
  /// - Throws: `ModelError.missingTensor`, `.wrongTensor` or `.notFinite`.
  public func read(_ name: String, into target: Matrix) throws {
    guard let entry = entries[name] else {
      throw ModelError.missingTensor(path: path, name: name)
    }
    let wanted = target.rows == 1 ? [target.columns] : [target.rows, target.columns]
    let fits = entry.shape == wanted || Self.fits(entry, target)
    guard let format = FloatFormat(rawValue: entry.type), fits else {
      throw ModelError.wrongTensor(
        path: path, name: name, found: "\(entry.type) \(entry.shape)",
        wanted: "F64, F32, F16 or BF16 \(wanted)")
    }
    precondition(target.isContiguous, "tensors are read into whole rows")
    let finite = target.buffer.read(
      data, at: entry.bytes.lowerBound, count: entry.count, format: format, into: target.offset)
    guard finite else { throw ModelError.notFinite(path: path, name: name) }
  }

  /// Whether a tensor is as many rows, whose columns may have further dimensions.
  private static func fits(_ entry: Entry, _ target: Matrix) -> Bool {
    entry.shape.count > 1 && entry.shape[0] == target.rows && entry.count == target.count
  }

  /// Copies an I8 tensor of shape `rows` × `columns` into `target`, each row multiplied by its scale:
  /// the F32 vector NAME_scale. With NAME_smoothing, column p is then divided by its factor p.
  ///
  /// - Returns: the scales, and the factors if there are any.
  /// - Throws: as `read`.
  public func readQuantized(
    _ name: String, into target: Matrix
  ) throws -> (scales: [Float], smoothing: [Float]?) {
    guard let entry = entries[name], Self.fits(entry, target) else {
      throw ModelError.wrongTensor(
        path: path, name: name, found: "\(entries[name]?.shape ?? [])",
        wanted: "I8 \([target.rows, target.columns])")
    }
    let scales = Matrix(rows: 1, columns: target.rows)
    try read(name + "_scale", into: scales)
    guard scales.row(0).allSatisfy({ $0 >= 0 }) else {
      throw ModelError.badTensors(path: path, problem: "\(name)_scale has a scale below zero")
    }
    var factors: [Float]?
    if entries[name + "_smoothing"] != nil {
      let stored = Matrix(rows: 1, columns: target.columns)
      try read(name + "_smoothing", into: stored)
      factors = stored.row(0)
      guard stored.row(0).allSatisfy({ (1e-6...1e6).contains($0) }) else {
        throw ModelError.badTensors(
          path: path, problem: "\(name)_smoothing has a factor outside 0.000001 to 1000000")
      }
    }
    for row in 0..<target.rows {
      let start = data.startIndex + entry.bytes.lowerBound + row * target.columns
      var values = data[start..<start + target.columns].map {
        Float(Int8(bitPattern: $0)) * scales[0, row]
      }
      if let factors { for p in values.indices { values[p] /= factors[p] } }
      target.buffer.set(values, at: target.offset + row * target.stride)
    }
    return (scales.row(0), factors)
  }

  /// The bytes of a tensor as they stand in the file; nil where there is none of that name.
  func bytes(_ name: String) -> Data? {
    entries[name].map { entry in
      data[
        data.startIndex + entry.bytes.lowerBound..<data.startIndex + entry.bytes.upperBound]
    }
  }

  /// A file with these tensors in this order: of the type that `types` names, else I8 where the bytes are one for each
  /// number, else F32.
  public static func encode(
    _ tensors: [(name: String, shape: [Int], bytes: Data)], types: [String: String] = [:],
    metadata: [String: String] = [:]
  ) -> Data {
    var header = JSONObject()
    var offset = 0
    var free = JSONObject()
    for (key, text) in metadata.sorted(by: { $0.key < $1.key }) { free[key] = .string(text) }
    if !free.isEmpty { header["__metadata__"] = .object(free) }
    for tensor in tensors {
      header[tensor.name] = [
        "dtype": .string(
          types[tensor.name]
            ?? (tensor.bytes.count == tensor.shape.reduce(1, *) ? "I8" : "F32")),
        "shape": .array(tensor.shape.map { JSONValue($0) }),
        "data_offsets": [JSONValue(offset), JSONValue(offset + tensor.bytes.count)],
      ]
      offset += tensor.bytes.count
    }
    var text = JSONValue.object(header).serializedBytes()
    // The data starts on a multiple of eight, as the reference writer has it.
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    var file = Data(capacity: 8 + text.count + offset)
    for shift in 0..<8 { file.append(UInt8(truncatingIfNeeded: UInt64(text.count) >> (8 * shift))) }
    file.append(contentsOf: text)
    for tensor in tensors { file.append(tensor.bytes) }
    return file
  }
}
