import Foundation
import Tensor
import Testing
import Transformer

@Suite("Packed weights on disk")
struct WeightCacheTests {
  /// A small encoder of pseudo-random weights, written to a folder of its own.
  private static func model(seed: UInt32, at directory: String) throws {
    let shape = ModelShape(
      modelType: "bert", vocabularySize: 50, hiddenSize: 32, layerCount: 2, headCount: 4,
      feedForwardSize: 64,
      maximumTokens: 16, labels: ["no", "yes"], positionalEncoding: .learned,
      tokenTypeCount: 2)
    let parameters = ModelParameters(shape)
    var state = seed
    for index in 0..<parameters.buffer.count {
      state = state &* 1_664_525 &+ 1_013_904_223
      parameters.buffer[index] = Float(state >> 8) / Float(1 << 24) - 0.5
    }
    try ModelDirectory.write(parameters, to: directory)
  }

  private static func temporary() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
  }

  private static func cache(
    _ directory: String, environment: [String: String] = [:], precision: Precision = .f32
  ) throws -> WeightCache {
    let kernels = try Kernels.best().inferring(in: precision)
    return try #require(
      WeightCache(
        ModelDirectory.describe(directory).shape, Checkpoint(directory: directory),
        directory: directory, kernels: kernels, environment: environment, leastParameters: 0))
  }

  private static func logits(_ weights: PackedWeights) throws -> [Float] {
    try Encoder(weights, kernels: Kernels.best()).logits(TokenBatch([[1, 2, 3], [4, 5]])).values
  }

  private static func direct(_ directory: String) throws -> [Float] {
    try logits(PackedWeights(ModelDirectory.read(directory), kernels: Kernels.best()))
  }

  private static func files(_ directory: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory + "/.martlet")) ?? []
  }

  @Test(
    "What comes from the cache gives the same bits as what is packed, and holds no layer weights")
  func sameBits() throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try Self.model(seed: 1, at: directory)
    let wanted = try Self.direct(directory)
    let first = try Self.cache(directory).weights()
    #expect(Self.files(directory).count == 1)
    let second = try Self.cache(directory).weights()
    let product = ParameterKey(.block(0), .attentionInput, .weight)
    #expect(first.parameters[product] == nil && second.parameters[product] == nil)
    #expect(try Self.logits(first) == wanted)
    #expect(try Self.logits(second) == wanted)
  }

  @Test("An 8-bit model's cache gives the same bits", arguments: [Float(0), 0.5])
  func sameBitsIn8(strength: Float) throws {
    let (source, directory) = (QuantizerTests.model, Self.temporary())
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try Quantizer.write(
      source, to: directory,
      calibration: QuantizationCalibration(
        TextModel.load(directory: source), texts: QuantizerTests.texts, smoothing: strength))
    let wanted = try Self.direct(directory)
    for _ in 0..<2 {
      let weights = try Self.cache(directory).weights()
      #expect(weights.parameters.quantization != nil)
      #expect(try Self.logits(weights) == wanted)
    }
    #expect(Self.files(directory).count == 1)
  }

  @Test("A cache is taken whatever the length of its head")
  func heads() throws {
    let shape = ModelShape(
      modelType: "bert", vocabularySize: 9, hiddenSize: 8, layerCount: 12, headCount: 2,
      feedForwardSize: 8, maximumTokens: 16, labels: ["no", "yes"], positionalEncoding: .learned,
      tokenTypeCount: 2)
    let layers = shape.tensors.filter(\.isQuantizable)
    // The head lists the smoothed weights, so that its length takes every second byte value or so.
    for count in stride(from: 0, through: layers.count, by: 4) {
      let directory = Self.temporary()
      defer { try? FileManager.default.removeItem(atPath: directory) }
      var parameters = ModelParameters(shape)
      for index in 0..<parameters.buffer.count { parameters.buffer[index] = Float(index % 7) - 3 }
      parameters.quantization = .init(
        smoothing: layers.prefix(count).reduce(into: [:]) {
          $0[$1.key] = [Float](repeating: 2, count: $1.columns)
        })
      try ModelDirectory.write(parameters, to: directory)
      _ = try Self.cache(directory).weights()
      let path = directory + "/.martlet/" + (try #require(Self.files(directory).first))
      func inode() throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
      }
      let written = try inode()
      _ = try Self.cache(directory).weights()
      #expect(try inode() == written, "\(count) smoothed weights")
    }
  }

  @Test(
    "A bfloat16 cache gives the same bits, is smaller, and is not taken for one of single precision"
  )
  func sameBitsInBFloat16() throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try Self.model(seed: 5, at: directory)
    let kernels = try Kernels.best().inferring(in: .bf16)
    func logits(_ weights: PackedWeights) throws -> [Float] {
      try Encoder(weights, kernels: kernels).logits(TokenBatch([[1, 2, 3], [4, 5]])).values
    }
    let wanted = try logits(PackedWeights(ModelDirectory.read(directory), kernels: kernels))
    #expect(try wanted != Self.direct(directory))
    for _ in 0..<2 {
      #expect(try logits(Self.cache(directory, precision: .bf16).weights()) == wanted)
    }
    let halves = directory + "/.martlet/" + (try #require(Self.files(directory).first))
    _ = try Self.cache(directory).weights()
    let other = try #require(Self.files(directory).first { !halves.hasSuffix("/" + $0) })
    let whole = directory + "/.martlet/" + other
    func size(_ path: String) throws -> Int {
      try Data(contentsOf: URL(fileURLWithPath: path)).count
    }
    #expect(try size(halves) < size(whole))
    try FileManager.default.removeItem(atPath: whole)
    try FileManager.default.copyItem(atPath: halves, toPath: whole)
    #expect(try Self.logits(Self.cache(directory).weights()) == Self.direct(directory))
  }

  @Test("A cache with any damaged part is passed over and written anew")
  func damage() throws {
    let directory = Self.temporary()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try Self.model(seed: 2, at: directory)
    let wanted = try Self.direct(directory)
    _ = try Self.cache(directory).weights()
    let path = directory + "/.martlet/" + (try #require(Self.files(directory).first))
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    // The magic, the head, the tables, the packed weights; a file cut short, a longer one.
    let places = [3, 12, 20, 60, 65_536 + 40, 131_072 + 4000, whole.count - 1]
    var damaged = places.map { place in
      var copy = whole
      copy[place] ^= 0x10
      return copy
    }
    damaged += [whole.prefix(10), whole.prefix(whole.count - 64), whole + Data(count: 64)]
    for data in damaged {
      try FileManager.default.removeItem(atPath: path)
      try data.write(to: URL(fileURLWithPath: path))
      #expect(try Self.logits(Self.cache(directory).weights()) == wanted)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == whole.count)
    }
  }

  @Test("Other weights of the same size and time are seen, and loaded ones stay what they were")
  func replacement() throws {
    let (directory, other) = (Self.temporary(), Self.temporary())
    defer { for path in [directory, other] { try? FileManager.default.removeItem(atPath: path) } }
    try Self.model(seed: 3, at: directory)
    try Self.model(seed: 4, at: other)
    let old = try Self.cache(directory).weights()
    let before = try Self.logits(old)
    let file = "/model.safetensors"
    let manager = FileManager.default
    let times = try manager.attributesOfItem(atPath: directory + file)
    try manager.removeItem(atPath: directory + file)
    try manager.moveItem(atPath: other + file, toPath: directory + file)
    let date = try #require(times[.modificationDate])
    try manager.setAttributes([.modificationDate: date], ofItemAtPath: directory + file)
    let wanted = try Self.direct(directory)
    #expect(wanted != before)
    #expect(try Self.logits(Self.cache(directory).weights()) == wanted)
    #expect(try Self.logits(old) == before)
  }

  @Test("A copied model keeps its cache: times differ, but the content is the same")
  func copies() throws {
    let (directory, copy) = (Self.temporary(), Self.temporary())
    defer { for path in [directory, copy] { try? FileManager.default.removeItem(atPath: path) } }
    try Self.model(seed: 5, at: directory)
    _ = try Self.cache(directory).weights()
    try FileManager.default.copyItem(atPath: directory, toPath: copy)
    let path = copy + "/.martlet/" + (try #require(Self.files(copy).first))
    func inode() throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    }
    let before = try inode()
    #expect(try Self.logits(Self.cache(copy).weights()) == Self.direct(directory))
    #expect(try inode() == before)
  }

  @Test("Where nothing can be written beside the weights, the user's cache folder takes it")
  func userCache() throws {
    let (directory, caches) = (Self.temporary(), Self.temporary())
    defer { for path in [directory, caches] { try? FileManager.default.removeItem(atPath: path) } }
    try Self.model(seed: 6, at: directory)
    // A file in the folder's place stops root as well.
    try Data().write(to: URL(fileURLWithPath: directory + "/.martlet"))
    let environment = ["XDG_CACHE_HOME": caches]
    let wanted = try Self.direct(directory)
    for _ in 0..<2 {
      let weights = try Self.cache(directory, environment: environment).weights()
      #expect(try Self.logits(weights) == wanted)
    }
    #expect(try FileManager.default.subpathsOfDirectory(atPath: caches + "/martlet").count == 2)
  }
}
