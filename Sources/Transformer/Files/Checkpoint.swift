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
  /// What wrappers put before the names, each with those around it, the innermost first; names are known here without it. A
  /// head may stand in fewer of them than the encoder does.
  private let wrappers: [String]

  private static let largestIndex = 1 << 26
  private static let mostShards = 1024

  /// The tensors of one file.
  public init(_ file: SafeTensors) {
    path = file.path
    shards = [file]
    shardOf = file.entries.mapValues { _ in 0 }
    wrappers = Self.wrappers(shardOf.keys)
  }

  /// Maps the files in `directory` and checks their headers.
  ///
  /// - Throws: `ModelError.missingFile`, `.unreadable`, `.badTensors` or `.missingTensor`.
  public init(directory: String) throws {
    let file = try Checkpoint(files: directory)
    self = file["embeddings"] == nil ? file : try StaticTable.unfolded(file)
  }

  /// The tensors as they stand in the files.
  init(files directory: String) throws {
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
      wrappers = Self.wrappers(shardOf.keys)
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
    wrappers = Self.wrappers(shardOf.keys)
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

  private static let wrapperNames = ["module.", "model.", "_orig_mod."]

  /// What DataParallel, Lightning and torch.compile put before the names, as most of them tell; nothing where a name without it is
  /// there as well.
  private static func wrappers(_ names: some Collection<String>) -> [String] {
    var (wrapper, all): (String, [String]) = ("", [])
    while true {
      let inner = names.filter { $0.hasPrefix(wrapper) }.map { $0.dropFirst(wrapper.count) }
      let word = wrapperNames.first { word in 2 * inner.count { $0.hasPrefix(word) } > names.count }
      guard let word else { return all }
      let known = Set(names)
      let isMistakable = inner.contains {
        $0.hasPrefix(word) && known.contains(String($0.dropFirst(word.count)))
      }
      if isMistakable { return all }
      wrapper += word
      all.insert(wrapper, at: 0)
    }
  }

  /// The name in the files.
  func stored(_ name: String) -> String {
    ([""] + wrappers).lazy.map { $0 + name }.first { shardOf[$0] != nil } ?? name
  }

  /// Names of all tensors, without what a wrapper put before them.
  public var names: [String] {
    shardOf.keys.map { name in
      String(name.dropFirst(wrappers.first { name.hasPrefix($0) }?.count ?? 0))
    }
  }

  /// The error of a tensor that is not there, with the one that its name comes nearest to.
  func missing(_ name: String) -> ModelError {
    func likeness(_ other: String) -> Int {
      let (a, b) = (Array(name.utf8), Array(other.utf8))
      let front = zip(a, b).prefix { $0 == $1 }.count
      return front
        + zip(a.dropFirst(front).reversed(), b.dropFirst(front).reversed()).prefix { $0 == $1 }
        .count
    }
    let nearest = shardOf.keys.max { (likeness($0), $1) < (likeness($1), $0) }
    let isNear = nearest.map { 2 * likeness($0) > name.utf8.count } ?? false
    return .missingTensor(path: path, name: name, nearest: isNear ? nearest : nil)
  }

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
    let name = stored(name)
    return shardOf[name].flatMap { shards[$0].entries[name] }
  }

  /// The bytes of a tensor as they stand in its file; nil where there is none of that name.
  func bytes(_ name: String) -> Data? {
    let name = stored(name)
    return shardOf[name].flatMap { shards[$0].bytes(name) }
  }

  /// Whether a tensor has the type, shape and bytes of `otherName` in `other`.
  func hasSame(_ name: String, as other: Checkpoint, _ otherName: String) -> Bool {
    let (own, others) = (stored(name), other.stored(otherName))
    guard let shard = shardOf[own], let otherShard = other.shardOf[others] else { return false }
    return shards[shard].hasSame(own, as: other.shards[otherShard], others)
  }

  /// Copies an 8-bit tensor into `target`; see `SafeTensors.readQuantized`.
  public func readQuantized(
    _ name: String, into target: Matrix
  ) throws -> (scales: [Float], smoothing: [Float]?) {
    guard let shard = shardOf[stored(name)] else { throw missing(name) }
    return try shards[shard].readQuantized(stored(name), into: target)
  }

  /// Copies a tensor into `target`; see `SafeTensors.read`.
  public func read(_ name: String, into target: Matrix) throws {
    guard let shard = shardOf[stored(name)] else { throw missing(name) }
    try shards[shard].read(stored(name), into: target)
  }
}
