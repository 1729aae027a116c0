import JSON
import Tokenization

/// A text for a text: translation, summarisation, anything to anything.
struct GenerationTask: TaskDefinition {
  let name = "text2text-generation"
  let classSuffixes = ["ForConditionalGeneration", "MTModel"]
  let hasLabels = false
  let writesTexts = true

  func parameters(_ model: ModelSignature) -> [TaskParameter] {
    [
      TaskParameter(
        name: "max_new_tokens", kind: .integer(1...16384),
        summary: "Tokens that are written at most."),
      TaskParameter(
        name: "min_new_tokens", kind: .integer(0...16384),
        summary: "Tokens before which the text does not end."),
      TaskParameter(
        name: "num_beams", kind: .integer(1...DecodingSettings.mostBeams),
        summary: "Texts that are followed at once; 1 is greedy search."),
      TaskParameter(
        name: "num_return_sequences", kind: .integer(1...DecodingSettings.mostBeams),
        summary: "Texts that are given, the best first."),
      TaskParameter(
        name: "length_penalty", kind: .number(-10...10),
        summary: "Above 0, a beam search favours long texts; below, short ones."),
      TaskParameter(
        name: "early_stopping", kind: .choice(["true", "false", "never"]),
        summary: "When a beam search is over, as transformers has it."),
      TaskParameter(
        name: "no_repeat_ngram_size", kind: .integer(0...64),
        summary: "No run of so many tokens comes twice."),
      TaskParameter(
        name: "repetition_penalty", kind: .number(0.01...100),
        summary: "Above 1, tokens that were written become less likely."),
      TaskParameter(
        name: "do_sample", kind: .boolean,
        summary: "Draws tokens by their probabilities instead of taking the likeliest."),
      TaskParameter(
        name: "temperature", kind: .number(0.01...100),
        summary: "Below 1, likely tokens are drawn more often."),
      TaskParameter(
        name: "top_k", kind: .integer(0...1_000_000),
        summary: "So many of the likeliest tokens are drawn from; 0 for all."),
      TaskParameter(
        name: "top_p", kind: .number(0.000001...1),
        summary: "The likeliest tokens with this probability together are drawn from."),
      TaskParameter(
        name: "min_p", kind: .number(0...1),
        summary: "Tokens at least this times as likely as the likeliest are drawn from."),
      TaskParameter(
        name: "seed", kind: .integer(0...Int.max),
        summary: "Begins the random numbers; the same one gives the same text."),
      TaskParameter(
        name: "stop", kind: .texts(1...8), summary: "The text ends in front of any of these."),
      TaskParameter(
        name: "src_lang", kind: .text(64),
        summary: "The source's language, as the tokenizer calls it, such as eng_Latn."),
      TaskParameter(
        name: "tgt_lang", kind: .text(64),
        summary: "The language to write, as the tokenizer calls it, such as deu_Latn."),
      TaskParameter(
        name: "details", kind: .boolean,
        summary: "Gives each text with its score, its length and why it ended."),
    ]
  }

  func check(_ parameters: TaskParameters, _ model: ModelSignature) throws(InputProblem) {
    if parameters.bool("do_sample") == true, (parameters.integer("num_beams") ?? 1) > 1 {
      throw InputProblem(
        "'do_sample' and 'num_beams' do not go together.", mend: "Send one of them.",
        pointer: "/num_beams")
    }
    if let least = parameters.integer("min_new_tokens"),
      let most = parameters.integer("max_new_tokens"), least > most
    {
      throw InputProblem(
        "'min_new_tokens' is above 'max_new_tokens'.", mend: "Send a smaller one.",
        pointer: "/min_new_tokens")
    }
  }

  func encode(_ input: TextInput, by model: TextModel) throws(PredictionError) -> EncodedInput {
    let tokenizer = model.tokenizer
    for name in ["src_lang", "tgt_lang"] {
      if let language = input.parameters.text(name), tokenizer.id(for: language) == nil {
        throw .unknownLanguage(language)
      }
    }
    guard let language = input.parameters.text("src_lang"), let id = tokenizer.id(for: language)
    else { return try model.encodeWhole(input) }
    // The tokenizer puts its own language in front (NLLB) or behind the text's end (mBART).
    var encoding = try model.encodeWhole(input).encoding
    if tokenizer.specialTokens.classification != nil, !encoding.ids.isEmpty {
      encoding.ids[0] = id
    } else if let last = encoding.ids.last,
      !(model.configuration.decoding?.ends.contains(last) ?? true)
    {
      encoding.ids[encoding.ids.count - 1] = id
    }
    return try EncodedInput(input, encoding)
  }

  func head(_ source: HeadSource) throws -> any TaskHead { GeneratorHead() }

  func value(
    _ outputs: [SequenceOutput], of input: EncodedInput, by model: TextModel
  ) -> Prediction.Value {
    .texts([], isDetailed: false)
  }

  func answers(
    _ inputs: [EncodedInput], by model: TextModel
  ) -> [Result<Prediction, PredictionError>]? {
    let tokenizer = model.tokenizer
    let generator = TextGenerator(model.encoder) { tokenizer.decode($0) }
    let requests = inputs.map { Self.requests($0, model) }
    var results = generator.run(requests.flatMap(\.self))[...]
    return zip(inputs, requests).map { input, requests in
      let own = results.prefix(requests.count)
      results = results.dropFirst(requests.count)
      do throws(PredictionError) {
        var texts: [GeneratedText] = []
        for result in own { texts += try result.get() }
        let stops = requests.first?.settings.stops ?? []
        let value = Prediction.Value.texts(
          texts.map { Self.written($0, stops, tokenizer) },
          isDetailed: input.input.parameters.bool("details") ?? false)
        return .success(
          Prediction(
            value: value, tokenCount: input.tokenCount,
            unknownTokenCount: input.encoding.unknownCount,
            isTruncated: input.encoding.isTruncated))
      } catch { return .failure(error) }
    }
  }

  /// A search is one request; of samples, each is one.
  private static func requests(
    _ input: EncodedInput, _ model: TextModel
  ) -> [TextGenerator.Request] {
    var settings = model.configuration.decoding ?? DecodingSettings()
    settings.take(input.input.parameters, model)
    guard settings.samples else {
      return [TextGenerator.Request(source: input.encoding.ids, settings: settings)]
    }
    return (0..<settings.answers).map { number in
      var own = settings
      (own.answers, own.seed) = (1, settings.seed &+ UInt64(number))
      return TextGenerator.Request(source: input.encoding.ids, settings: own)
    }
  }

  private static func written(
    _ text: GeneratedText, _ stops: [String], _ tokenizer: Tokenizer
  ) -> WrittenText {
    var words = tokenizer.decode(text.tokens)
    let bytes = Array(words.utf8)
    let ends = stops.compactMap { bytes.firstRange(of: Array($0.utf8))?.lowerBound }
    if text.end == .stopText, let first = ends.min() {
      words = String(decoding: bytes[..<first], as: UTF8.self)
    }
    return WrittenText(
      text: words, score: text.score, tokenCount: text.tokens.count, end: text.end)
  }

  func schema(_ model: ModelSignature) -> JSONValue {
    let detailed = Schema.object(
      [
        "text": Schema.string, "score": Schema.number, "tokens": ["type": "integer"],
        "end": Schema.values(["stop", "length", "stop_text"]),
      ], required: ["text", "score", "tokens", "end"], isClosed: true)
    return Schema.any(
      Schema.string, Schema.list(Schema.string), detailed, Schema.list(detailed))
  }

  func outputs(_ model: ModelSignature) -> [TensorOutput] {
    [
      TensorOutput(name: "text", datatype: "BYTES", width: nil) {
        if case .texts(let texts, _) = $0.value {
          .strings([texts.first?.text ?? ""])
        } else {
          .strings([])
        }
      }
    ]
  }
}

extension ModelTask {
  /// A text for a text.
  public static let generation = ModelTask(GenerationTask())
}

/// A text that a model has written.
public struct WrittenText: Sendable, Equatable {
  /// The text.
  public var text: String
  /// The sum of its tokens' logarithms, in a beam search divided by the length to the power of the length penalty.
  public var score: Float
  /// Tokens, what ended it included.
  public var tokenCount: Int
  /// Why it is over.
  public var end: GeneratedText.End
}

/// Nothing is read of the encoder's states but what the decoder's blocks read.
private struct GeneratorHead: TaskHead {
  let kept = RowSelection.all

  func outputs(
    _ encoder: Encoder, _ sequences: [Int], _ encodings: [Encoding]
  ) -> [SequenceOutput] {
    []
  }
}

extension DecodingSettings {
  /// What a request says anew.
  fileprivate mutating func take(_ parameters: TaskParameters, _ model: TextModel) {
    let longest = max(1, (model.configuration.shape.decoder?.maximumTokens ?? 2) - 1)
    if let count = parameters.integer("max_new_tokens") { maximumTokens = min(count, longest) }
    if let count = parameters.integer("min_new_tokens") { minimumTokens = count }
    minimumTokens = min(minimumTokens, maximumTokens)
    if let drawn = parameters.bool("do_sample") { samples = drawn }
    if let count = parameters.integer("num_beams") { (beams, samples) = (count, false) }
    if samples { beams = 1 }
    if let count = parameters.integer("num_return_sequences") {
      answers = count
      if !samples { beams = max(beams, count) }
    } else {
      answers = samples ? answers : min(answers, beams)
    }
    if let penalty = parameters.number("length_penalty") { lengthPenalty = Float(penalty) }
    if let word = parameters.text("early_stopping") {
      earlyStopping = Self.earlyStopping(.string(word)) ?? earlyStopping
    }
    if let size = parameters.integer("no_repeat_ngram_size") { noRepeatTokens = size }
    if let penalty = parameters.number("repetition_penalty") { repetitionPenalty = Float(penalty) }
    if let heat = parameters.number("temperature") { temperature = Float(heat) }
    if let count = parameters.integer("top_k") { topTokens = count }
    if let share = parameters.number("top_p") { topShare = Float(share) }
    if let share = parameters.number("min_p") { leastShare = Float(share) }
    if let given = parameters.integer("seed") { seed = UInt64(given) }
    if let texts = parameters.texts("stop") { stops = texts }
    if let language = parameters.text("tgt_lang") {
      firstToken = model.tokenizer.id(for: language) ?? firstToken
    }
  }
}
