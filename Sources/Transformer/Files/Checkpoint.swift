import Foundation
import JSON
import Tensor

/// A model's tensors: those of `model.safetensors`, or of the shards that
/// `model.safetensors.index.json` names. The files are mapped, not read: a tensor costs memory when
/// it is copied out.
public struct Checkpoint: Sendable {
  /// The file or index, as messages name it.
  public let path: String
  /// The files.
  public let shards: [SafeTensors]
  private let shardOf: [String: Int]

  private static let largestIndex = 1 << 26
  private static let mostShards = 1024

  /// The tensors of one file.
  public init(_ file: SafeTensors) {
    path = file.path
    shards = [file]
    shardOf = file.entries.mapValues { _ in 0 }
  }

  /// Maps the files in `directory` and checks their headers.
  ///
  /// - Throws: `ModelError.missingFile`, `.unreadable`, `.badTensors` or `.missingTensor`.
  public init(directory: String) throws {
    let single = directory + "/model.safetensors"
    let index = single + ".index.json"
    let manager = FileManager.default
    if manager.fileExists(atPath: single) || !manager.fileExists(atPath: index) {
      if !manager.fileExists(atPath: single),
        manager.fileExists(atPath: directory + "/pytorch_model.bin")
      {
        throw ModelError.missingFile(
          path: single,
          hint: "pytorch_model.bin is a pickle, which can run code and is not read; save the model "
            + "with safetensors (model.save_pretrained(DIR) of a present transformers does).")
      }
      let file = try SafeTensors(path: single)
      (path, shards) = (single, [file])
      shardOf = file.entries.mapValues { _ in 0 }
      return
    }
    let map = try Self.weightMap(index)
    let files = Set(map.values).sorted()
    guard files.count <= Self.mostShards else {
      throw ModelError.badTensors(path: index, problem: "it names \(files.count) files")
    }
    shards = try files.map { try SafeTensors(path: "\(directory)/\($0)") }
    path = index
    let number = Dictionary(uniqueKeysWithValues: files.enumerated().map { ($1, $0) })
    shardOf = map.compactMapValues { number[$0] }
    for (name, shard) in shardOf where shards[shard].entries[name] == nil {
      throw ModelError.missingTensor(path: shards[shard].path, name: name)
    }
    for (shard, file) in shards.enumerated() {
      if let stray = file.entries.keys.filter({ shardOf[$0] != shard }).min() {
        throw ModelError.badTensors(
          path: file.path, problem: "tensor \"\(stray)\" stands here, but not in \(index)")
      }
    }
  }

  private static func weightMap(_ path: String) throws -> [String: String] {
    func bad(_ problem: String) -> ModelError {
      .badConfiguration(path: path, key: "weight_map", problem: problem)
    }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ModelError.unreadable(path: path, reason: "cannot be read")
    }
    let json: JSONValue
    do {
      json = try JSONValue(
        parsing: data, limits: JSONLimits(fileBytes: data.count, depth: 8, bytes: largestIndex))
    } catch {
      throw ModelError.badConfiguration(
        path: path, key: "", problem: "is not JSON: \(error.localizedDescription)")
    }
    guard let object = json["weight_map"]?.objectValue else { throw bad("is missing") }
    var map: [String: String] = [:]
    for (name, file) in object {
      // A name that leads out of the folder could make the program read any file.
      guard let file = file.stringValue, !file.contains("/"), file.hasSuffix(".safetensors") else {
        throw bad("gives tensor \"\(name)\" no safetensors file in this folder")
      }
      map[name] = file
    }
    return map
  }

  /// Names of all tensors.
  public var names: [String] { Array(shardOf.keys) }

  /// Numbers in all tensors together.
  public var parameterCount: Int {
    shards.reduce(0) { $0 + $1.entries.values.reduce(0) { $0 + $1.count } }
  }

  /// Bytes of all tensors together.
  public var byteCount: Int {
    shards.reduce(0) { $0 + $1.entries.values.reduce(0) { $0 + $1.bytes.count } }
  }

  /// Number types that occur, in the order of the alphabet.
  public var types: [String] {
    Set(shards.flatMap { $0.entries.values.map(\.type) }).sorted()
  }

  /// A tensor's place; nil where there is none of that name.
  public subscript(name: String) -> SafeTensors.Entry? {
    shardOf[name].flatMap { shards[$0].entries[name] }
  }

  /// Copies an 8-bit tensor into `target`; see `SafeTensors.readQuantized`.
  public func readQuantized(
    _ name: String, into target: Matrix
  ) throws -> (scales: [Float], smoothing: [Float]?) {
    guard let shard = shardOf[name] else {
      throw ModelError.missingTensor(path: path, name: name)
    }
    return try shards[shard].readQuantized(name, into: target)
  }

  /// Copies a tensor into `target`; see `SafeTensors.read`.
  public func read(_ name: String, into target: Matrix) throws {
    guard let shard = shardOf[name] else {
      throw ModelError.missingTensor(path: path, name: name)
    }
    try shards[shard].read(name, into: target)
  }
}
