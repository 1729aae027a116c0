import Foundation
import JSON
import Tensor
import Tokenization
import Transformer

/// What is to be known of a model before it is served, without packing its weights.
public struct ModelInspection: Sendable {
  /// What its files say.
  public let configuration: ModelConfiguration
  /// Numbers in its tensors.
  public let parameters: Int
  /// Number types of its tensors.
  public let types: [String]
  /// Files that hold them.
  public let shardCount: Int
  /// `WordPiece`, `BPE` or `Unigram`.
  public let tokenizerKind: String
  /// The instruction set whose kernels will run.
  public let instructionSet: InstructionSet
  /// What the layers are computed in where nothing else is asked for.
  public let precision: Precision
  /// What computes the layers: the instruction set, or the part of it that multiplies numbers of that precision.
  public let layerKernels: String
  /// Operations a second that one core was measured to do in that precision.
  public let peak: Double

  /// Share of the peak that the expected times assume. Between 8-bit layers most of the work is in other numbers.
  public var assumedShare: Double { precision == .int8 ? 0.6 : 0.8 }

  /// Reads the headers of `directory`'s files and measures the CPU for a moment.
  ///
  /// - Throws: `ModelError` or `TensorError`.
  public init(directory: String) throws {
    configuration = try ModelDirectory.describe(directory)
    let checkpoint = try Checkpoint(directory: configuration.encoderDirectory)
    (parameters, types) = (checkpoint.parameterCount, checkpoint.types)
    shardCount = checkpoint.shards.count
    tokenizerKind = Self.tokenizerKind(configuration.encoderDirectory)
    let kernels = try Kernels.best()
    instructionSet = InstructionSet(rawValue: kernels.name) ?? .portable
    precision = try checkpoint.precision(.auto, path: directory, kernels: kernels)
    switch precision {
    case .int8: (layerKernels, peak) = (kernels.integerName, kernels.measuredPeak(of: .int8))
    case .bf16: (layerKernels, peak) = (kernels.bfloatName, kernels.measuredPeak(of: .bf16))
    case .f32, .auto: (layerKernels, peak) = (kernels.name, kernels.measuredPeak())
    }
  }

  private static func tokenizerKind(_ directory: String) -> String {
    do {
      return try Tokenizer.load(directory: directory).modelName
    } catch TokenizationError.noTokenizer {
      return "missing"
    } catch {
      return "not supported (\(error.localizedDescription))"
    }
  }

  /// Floating-point operations of the encoder for one text: 2 for each weight and token, and 4·n·d
  /// for each token and layer in attention.
  public func operations(tokens: Int) -> Double {
    let (products, attention) = configuration.shape.multiplyAdds(tokens: tokens)
    return 2 * (products + attention)
  }

  /// Milliseconds on one core at `assumedShare` of the peak.
  public func expectedMilliseconds(tokens: Int) -> Double {
    operations(tokens: tokens) / (peak * assumedShare) * 1000
  }

  private var lengths: [Int] {
    let all = [32, 128, 512].filter { $0 <= configuration.maximumTokens }
    return all.isEmpty ? [configuration.maximumTokens] : all
  }

  /// Bytes of the weights as they are held: the layers in their precision, all else in single precision.
  public var weightBytes: Int {
    let layers = configuration.shape.tensors.filter(\.isQuantizable)
      .reduce(0) { $0 + $1.rows * $1.columns }
    let saved =
      switch precision {
      case .int8: 3
      case .bf16: 2
      case .f32, .auto: 0
      }
    return parameters * 4 - min(layers, parameters) * saved
  }

  /// What requests may say beside their texts.
  private var taken: [String] {
    let signature = ModelSignature(
      labels: configuration.labels, dimension: configuration.embeddingDimension)
    return configuration.task.definition.parameters(signature).map(\.name)
  }

  private var prompts: JSONValue {
    var object = JSONObject()
    for prompt in configuration.prompts.all { object[prompt.name] = .string(prompt.text) }
    return .object(object)
  }

  /// All of it as one JSON object.
  public var json: JSONValue {
    let c = configuration
    return [
      "model": .string(c.directory), "architecture": .string(c.architecture),
      "family": .string(c.shape.modelType), "task": .string(c.task.rawValue),
      "task_parameters": .array(taken.map { .string($0) }),
      "labels": .array(c.labels.map { .string($0) }), "layers": JSONValue(c.shape.layerCount),
      "width": JSONValue(c.shape.hiddenSize), "heads": JSONValue(c.shape.headCount),
      "feed_forward": JSONValue(c.shape.feedForwardSize),
      "vocabulary": JSONValue(c.shape.vocabularySize),
      "maximum_tokens": JSONValue(c.maximumTokens),
      "embedding_dimension": JSONValue(c.embeddingDimension),
      "pooling": .array((c.embedding?.poolings ?? []).map { .string($0.rawValue) }),
      "normalised": JSONValue(c.embedding?.steps.contains(.normalize) ?? false),
      "parameters": JSONValue(parameters), "types": .array(types.map { .string($0) }),
      "files": JSONValue(shardCount), "weight_bytes": JSONValue(weightBytes),
      "tokenizer": .string(tokenizerKind), "kernels": .string(instructionSet.rawValue),
      "precision": .string(precision.rawValue), "layer_kernels": .string(layerKernels),
      "peak_gflops": JSONValue(peak / 1e9),
      "expected_ms": .array(
        lengths.map {
          ["tokens": JSONValue($0), "ms": JSONValue(expectedMilliseconds(tokens: $0))]
        }),
      "prompts": prompts, "default_prompt_name": .string(c.prompts.defaultName ?? ""),
      "notes": .array(c.notes.map { .string($0) }),
    ]
  }

  /// All of it for a terminal.
  public var text: String {
    let c = configuration
    var rows = [
      ("architecture", "\(c.architecture) (\(c.shape.modelType))"),
      ("task", c.task.rawValue + (c.scoreActivation == .sigmoid ? ", sigmoid" : "")),
    ]
    if !taken.isEmpty { rows.append(("takes", taken.joined(separator: ", "))) }
    if !c.labels.isEmpty {
      let more = c.labels.count > 12 ? ", … (\(c.labels.count))" : ""
      rows.append(("labels", c.labels.prefix(12).joined(separator: ", ") + more))
    }
    if let embedding = c.embedding {
      let kinds = embedding.poolings.map(\.rawValue).joined(separator: "+")
      let normal = embedding.steps.contains(.normalize) ? ", normalised" : ""
      rows.append(("embedding", "\(c.embeddingDimension) numbers, \(kinds) pooling\(normal)"))
    }
    if !c.prompts.all.isEmpty {
      let names = c.prompts.all.map { prompt in
        "\(prompt.name) \"\(prompt.text.prefix(60))\""
          + (prompt.name == c.prompts.defaultName ? " (default)" : "")
      }
      rows.append(("prompts", names.joined(separator: ", ")))
    }
    let e = c.shape
    rows += [
      (
        "shape",
        "\(e.layerCount) layers, width \(e.hiddenSize), \(e.headCount) heads, feed-forward "
          + "\(e.feedForwardSize), \(e.vocabularySize) tokens, \(e.positionsName) "
          + "positions"
      ),
      ("longest input", "\(c.maximumTokens) tokens"), ("tokenizer", tokenizerKind),
      (
        "parameters",
        "\(parameters), \(types.joined(separator: "+")) in \(shardCount) "
          + (shardCount == 1 ? "file" : "files")
      ),
      (
        "memory",
        String(format: "%.1f MB of weights", Double(weightBytes) / 1e6)
      ),
      (
        "precision",
        precision.rawValue
          + (precision == .bf16
            ? ", which this CPU multiplies; --precision f32 for single precision" : "")
      ),
      (
        "kernels",
        String(format: "%@, %.0f GFLOP/s a core measured now", layerKernels, peak / 1e9)
      ),
    ]
    let times = lengths.map {
      String(format: "%.2f ms at %d tokens", expectedMilliseconds(tokens: $0), $0)
    }
    rows.append(
      (
        "expected",
        times.joined(separator: ", ")
          + String(format: ", one core at %.0f %% of that", assumedShare * 100)
      ))
    rows += c.notes.map { ("note", $0) }
    return rows.map { name, value in
      name + String(repeating: " ", count: max(1, 15 - name.count)) + value
    }.joined(separator: "\n")
  }
}
