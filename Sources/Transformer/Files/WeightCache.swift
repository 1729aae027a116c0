import Files
import Foundation
import HubCache
import JSON
import Synchronization
import Tensor

/// Packed weights of a model on disk, so that the next start neither converts nor packs them.
///
/// The file stands in `.martlet` beside the weights or, where that cannot be written or is a hub's cache, in
/// `$XDG_CACHE_HOME/martlet` (`~/.cache/martlet`). It is bound to one set of kernels, to the shape, and
/// to the weight files: their size, times and inode, or else their content. It appears whole by
/// rename; one that is damaged or does not fit is skipped. Tables are mapped; packed weights are
/// read into large pages, which their streaming needs.
public struct WeightCache {
  private static let isOn = Mutex(true)
  private static let magic: [UInt8] = Array("MARTLETW".utf8)
  private static let version = 2
  private static let longestHead = 1 << 20
  /// Below this, packing takes no longer than reading.
  private static let leastParameters = 1 << 22

  private let checkpoint: Checkpoint
  private let shape: ModelShape
  private let kernels: Kernels
  private let paths: [String]

  /// For the rest of the process, caches are neither read nor written.
  public static func disable() { isOn.withLock { $0 = false } }

  /// The cache of the encoder in `directory`; nil for small models, and where caches are switched off.
  ///
  /// - Parameter environment: says where the user's caches are.
  public init?(
    _ shape: ModelShape, _ checkpoint: Checkpoint, directory: String,
    kernels: Kernels, environment: [String: String] = ProcessInfo.processInfo.environment,
    leastParameters: Int? = nil
  ) {
    guard Self.isOn.withLock({ $0 }),
      checkpoint.parameterCount >= leastParameters ?? Self.leastParameters
    else { return nil }
    (self.shape, self.checkpoint, self.kernels) = (shape, checkpoint, kernels)
    let name = Self.name(checkpoint, kernels)
    let absolute = URL(fileURLWithPath: directory).standardizedFileURL.path
    // What others keep files in is no place for ours.
    let isShared = HubCache.name(ofSnapshot: absolute) != nil
    var paths = isShared ? [] : ["\(absolute)/.martlet/\(name)"]
    let home = environment["HOME"].map { $0 + "/.cache" }
    if let caches = environment["XDG_CACHE_HOME"] ?? home, caches.hasPrefix("/") {
      var hash = ContentHash()
      hash.add(Array(absolute.utf8))
      paths.append("\(caches)/martlet/\(hash.text)/\(name)")
    }
    self.paths = paths
  }

  /// 8-bit weights are the same whatever attention is computed in.
  private static func name(_ checkpoint: Checkpoint, _ kernels: Kernels) -> String {
    let isBFloat16 = kernels.usesBFloat16 && !checkpoint.isQuantized
    return "packed-\(kernels.name)-\(isBFloat16 ? "bf16" : kernels.integerName).weights"
  }

  /// The weights, from a cache that fits; otherwise read, packed, and written for the next time.
  ///
  /// - Throws: what `ModelDirectory.read` throws.
  public func weights() throws -> PackedWeights {
    for path in paths {
      if let weights = load(path) { return weights }
    }
    let parameters = try ModelDirectory.read(shape, checkpoint)
    let packed = PackedWeights(releasing: parameters, kernels: kernels)
    for path in paths where store(packed, at: path) {
      // The mapped tables take less memory than those just read.
      return load(path) ?? packed
    }
    return packed
  }

  // MARK: The file

  /// What the packed form depends on beside the weights.
  private func layout(_ resolved: ModelShape) -> String {
    var hash = ContentHash()
    hash.add(Array("\(resolved)".utf8))
    return "\(Self.version) \(kernels.packedLayout) "
      + "\(kernels.usesBFloat16 && !checkpoint.isQuantized ? "bf16 " : "")\(hash.text)"
  }

  private func load(_ path: String) -> PackedWeights? {
    guard let file = FloatFile(path: path) else { return nil }
    do {
      return try read(file)
    } catch {
      Console.say("martlet: ignoring the weight cache \(path): \(error.reason)")
      return nil
    }
  }

  private struct Unfit: Error {
    let reason: String
  }

  private func read(_ file: FloatFile) throws(Unfit) -> PackedWeights {
    guard !file.isWorldWritable, trustedOwners.contains(file.owner) else {
      throw Unfit(reason: "others than the model's owner can write it")
    }
    guard let start = file.bytes(0..<32), Array(start[0..<8]) == Self.magic else {
      throw Unfit(reason: "it does not begin as one")
    }
    let stated = start[8..<16].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard stated <= UInt64(Self.longestHead) else { throw Unfit(reason: "its head is damaged") }
    let length = Int(stated)
    guard let head = file.bytes(32..<32 + length) else { throw Unfit(reason: "it is cut short") }
    var hash = ContentHash()
    hash.add(head)
    guard Array(hash.text.utf8) == Array(start[16..<32]), let json = try? JSONValue(parsing: head)
    else { throw Unfit(reason: "its head is damaged") }
    var resolved = shape
    if let name = json["positions"]?.stringValue,
      let positions = EmbeddingShape.PositionTable(rawValue: name)
    {
      resolved.embeddings.positions = positions
    }
    guard json["layout"]?.stringValue == layout(resolved) else {
      throw Unfit(reason: "it is for another shape or build; it will be written anew")
    }
    guard let sources = json["sources"]?.arrayValue, fits(sources) else {
      throw Unfit(reason: "the weights have changed; it will be written anew")
    }
    let tensors = resolved.tensors
    let smoothed = Set(
      (json["smoothed"]?.arrayValue ?? []).compactMap { place in
        place.intValue.flatMap { tensors.indices.contains($0) ? tensors[$0].key : nil }
      })
    return try contents(file, json, resolved, smoothed, head: 32 + length)
  }

  private func contents(
    _ file: FloatFile, _ json: JSONValue, _ resolved: ModelShape,
    _ smoothed: Set<ParameterKey>, head: Int
  ) throws(Unfit) -> PackedWeights {
    let isQuantized = json["quantized"]?.boolValue ?? false
    let tables = ModelParameters.floatCount(resolved, .withoutBlockProducts)
    let packed = PackedWeights.floats(
      resolved.products, isQuantized: isQuantized, smoothed: smoothed,
      kernels: kernels)
    let first = Self.aligned(head)
    let second = Self.aligned(first + tables * 4)
    guard file.byteCount == second + packed * 4,
      let mapped = file.map(at: first, count: tables)
    else { throw Unfit(reason: "its size is wrong") }
    var hash = ContentHash()
    let buffer = FloatBuffer(count: packed)
    guard file.add(first..<first + tables * 4, to: &hash),
      file.read(into: buffer, at: second, hash: &hash)
    else { throw Unfit(reason: "it cannot be read") }
    guard json["hash"]?.stringValue == hash.text else {
      throw Unfit(reason: "its contents are damaged")
    }
    var parameters = ModelParameters(resolved, .withoutBlockProducts, buffer: mapped)
    parameters.quantization = isQuantized ? .init() : nil
    return PackedWeights(parameters, buffer: buffer, smoothed: smoothed, kernels: kernels)
  }

  private func store(_ weights: PackedWeights, at path: String) -> Bool {
    let parameters = weights.parameters
    let tables = parameters.withoutBlockProducts()
    guard let sources = sources(withContent: true) else { return false }
    var hash = ContentHash()
    hash.add(tables.buffer)
    hash.add(weights.buffer)
    let smoothing = parameters.quantization?.smoothing ?? [:]
    let smoothed = parameters.shape.tensors.enumerated().filter { smoothing[$1.key] != nil }
    let json: JSONValue = [
      "layout": .string(layout(parameters.shape)),
      "positions": .string(parameters.shape.embeddings.positions.rawValue),
      "quantized": .bool(parameters.quantization != nil),
      "smoothed": .array(smoothed.map { JSONValue($0.offset) }), "sources": .array(sources),
      "hash": .string(hash.text),
    ]
    let head = json.serializedBytes()
    guard head.count <= Self.longestHead else { return false }
    var headHash = ContentHash()
    headHash.add(head)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: head.count >> (8 * $0)) }
    let folder = (path as NSString).deletingLastPathComponent
    try? Folder.make(folder)
    return OutputFile.replace(path) { name in
      FloatFile.write(
        Self.magic + length + Array(headHash.text.utf8) + head, [tables.buffer, weights.buffer],
        to: name)
    }
  }

  private static func aligned(_ offset: Int) -> Int {
    (offset + FloatFile.alignment - 1) / FloatFile.alignment * FloatFile.alignment
  }

  // MARK: The weight files

  private var trustedOwners: [UInt32] {
    [0, geteuid()] + checkpoint.shards.compactMap { Self.status($0.path)?.st_uid }
  }

  private static func status(_ path: String) -> stat? {
    var status = stat()
    return stat(path, &status) == 0 ? status : nil
  }

  /// Size, times and inode of each weight file, and its content's hash where that is asked for.
  private func sources(withContent: Bool) -> [JSONValue]? {
    var result: [JSONValue] = []
    for shard in checkpoint.shards {
      guard let status = Self.status(shard.path) else { return nil }
      func nanoseconds(_ time: timespec) -> JSONValue {
        JSONValue(time.tv_sec &* 1_000_000_000 &+ time.tv_nsec)
      }
      var entry: JSONObject = [
        "name": .string((shard.path as NSString).lastPathComponent),
        "bytes": JSONValue(Int(status.st_size)), "modified": nanoseconds(status.st_mtim),
        "changed": nanoseconds(status.st_ctim), "inode": JSONValue(Int(clamping: status.st_ino)),
      ]
      if withContent {
        guard let content = Self.content(shard.path) else { return nil }
        entry["content"] = .string(content)
      }
      result.append(.object(entry))
    }
    return result
  }

  private static func content(_ path: String) -> String? {
    var hash = ContentHash()
    guard let file = FloatFile(path: path, followsLinks: true),
      file.add(0..<file.byteCount, to: &hash)
    else {
      return nil
    }
    return hash.text
  }

  /// Whether the weight files are those of `stored`: untouched, or else of the same content.
  private func fits(_ stored: [JSONValue]) -> Bool {
    guard let present = sources(withContent: false), present.count == stored.count else {
      return false
    }
    return zip(zip(present, stored), checkpoint.shards).allSatisfy { pair, shard in
      let (now, then) = pair
      guard now["name"] == then["name"], now["bytes"] == then["bytes"] else { return false }
      let keys = ["modified", "changed", "inode"]
      return keys.allSatisfy { now[$0] == then[$0] }
        || then["content"]?.stringValue == Self.content(shard.path)
    }
  }
}
