import Foundation
import JSON

/// How a text is written: what `generation_config.json` of `transformers` says, and a request may say anew.
package struct DecodingSettings: Sendable, Equatable {
  /// When a beam search is over before the longest text.
  package enum EarlyStopping: Sendable, Equatable {
    /// As soon as there are as many whole texts as beams.
    case first
    /// When no running text seems able to become better than the worst whole one.
    case heuristic
    /// When none can.
    case never
  }

  /// Tokens of the text at most, the end included.
  package var maximumTokens = 256
  /// Tokens before which it does not end.
  package var minimumTokens = 0
  /// Texts that are followed at once; 1 for greedy search and sampling.
  package var beams = 1
  /// Whole texts that are given, at most `beams`.
  package var answers = 1
  /// A text's score is the sum of its logarithms divided by its length to this power.
  package var lengthPenalty: Float = 1
  package var earlyStopping = EarlyStopping.heuristic
  /// No run of so many tokens comes twice; 0 for no such rule.
  package var noRepeatTokens = 0
  /// Divides the scores above 0 of tokens that were written, and multiplies those below (Keskar et al., 2019).
  package var repetitionPenalty: Float = 1
  /// The first token.
  package var firstToken: Int32?
  /// The last token of a text that is cut off.
  package var lastToken: Int32?
  /// What is never written.
  package var badWords: [[Int32]] = []
  /// Tokens that end a text.
  package var ends: Set<Int32> = []
  /// Whether tokens are drawn by their probabilities; otherwise the likeliest is taken.
  package var samples = false
  /// Scores are divided by it before they are drawn by.
  package var temperature: Float = 1
  /// So many of the likeliest are drawn from; 0 for all.
  package var topTokens = 0
  /// The likeliest whose probabilities sum to this are drawn from (Holtzman et al., 2020).
  package var topShare: Float = 1
  /// Those at least this times as likely as the likeliest are drawn from (Nguyen et al., 2024).
  package var leastShare: Float = 0
  /// Begins the random numbers.
  package var seed: UInt64 = 0
  /// A text ends in front of any of these.
  package var stops: [String] = []

  /// Greedy search.
  package init() {}

  /// What the model's files say: `generation_config.json`, or of older models `config.json`.
  ///
  /// - Throws: `ModelError.badConfiguration` naming the key.
  static func read(
    directory: String, config: JSONValue, decoder: DecoderShape
  ) throws -> DecodingSettings {
    let path = directory + "/generation_config.json"
    let hasOwn = FileManager.default.fileExists(atPath: path)
    let own = hasOwn ? try ModelConfigurationFile.json(path: path) : .null
    return try read(own, config: config, decoder: decoder, path: path)
  }

  /// The same of files that are read already.
  package static func read(
    _ own: JSONValue, config: JSONValue, decoder: DecoderShape, path: String
  ) throws -> DecodingSettings {
    // What ends a text stands in both files, and the rest in one.
    let reader = ConfigReader(json: own.isNull ? config : own, path: path)
    let json = reader.json
    func ids(_ key: String) -> [Int32] {
      let value = json[key].flatMap { $0.isNull ? nil : $0 } ?? config[key]
      let all = value?.arrayValue ?? value.map { [$0] } ?? []
      return all.compactMap { $0.intValue.flatMap(Int32.init(exactly:)) }
    }
    var settings = DecodingSettings()
    let longest = max(1, decoder.maximumTokens - 1)
    let given = try reader.optionalSize("max_new_tokens")
    let whole = try reader.optionalSize("max_length").map { max(1, $0 - 1) }
    settings.maximumTokens = min(given ?? whole ?? settings.maximumTokens, longest)
    settings.minimumTokens = max(
      try reader.count("min_new_tokens", 0), try reader.count("min_length", 0) - 1)
    settings.beams = min(try reader.optionalSize("num_beams") ?? 1, mostBeams)
    settings.answers = min(try reader.optionalSize("num_return_sequences") ?? 1, settings.beams)
    settings.lengthPenalty = Float(json["length_penalty"]?.doubleValue ?? 1)
    settings.earlyStopping = earlyStopping(json["early_stopping"]) ?? .heuristic
    settings.noRepeatTokens = try reader.count("no_repeat_ngram_size", 0)
    settings.repetitionPenalty = Float(try reader.positive("repetition_penalty", 1))
    settings.firstToken = ids("forced_bos_token_id").first
    settings.lastToken = ids("forced_eos_token_id").first
    settings.badWords = (json["bad_words_ids"]?.arrayValue ?? []).map { word in
      (word.arrayValue ?? []).compactMap { $0.intValue.flatMap(Int32.init(exactly:)) }
    }.filter { !$0.isEmpty }
    settings.ends = Set(ids("eos_token_id"))
    settings.samples = try reader.flag("do_sample", false)
    settings.temperature = Float(try reader.positive("temperature", 1))
    settings.topTokens = settings.samples ? try reader.count("top_k", 50) : 0
    settings.topShare = Float(try reader.positive("top_p", 1))
    settings.leastShare = Float(json["min_p"]?.doubleValue ?? 0)
    return settings
  }

  package static let mostBeams = 16

  package static func earlyStopping(_ json: JSONValue?) -> EarlyStopping? {
    switch (json?.boolValue, json?.stringValue) {
    case (true?, _), (_, "true"): .first
    case (false?, _), (_, "false"): .heuristic
    case (_, "never"): .never
    default: nil
    }
  }
}
