import Foundation
import Tokenization

/// Why a model has no answer for one input.
public enum PredictionError: Error, Equatable, LocalizedError {
  /// The tokenizer makes no tokens of the input, and puts none around it.
  case noTokens
  /// The special tokens around the input are more than the model reads.
  case noRoom(tokens: Int)
  /// The model names masked words, and the text, as far as it is read, has no mask of this name.
  case noMask(String)
  /// None of the words that are meant is one, or begins with one, of the vocabulary.
  case noTargets
  /// What the model computed is not a finite number.
  case notFinite
  /// The text is longer than the model reads, and that is to be refused.
  case tooLong(maximum: Int)
  /// What stands before a text that is read in windows leaves no room for them.
  case questionTooLong(tokens: Int, of: Int)
  /// Windows that share so many tokens would not advance; `name` is the parameter.
  case overlapTooLong(String, overlap: Int, room: Int)
  /// Labels are asked of a pair of texts.
  case pairWithLabels
  /// The tokenizer has no token for a language.
  case unknownLanguage(String)

  /// What is wrong.
  public var errorDescription: String? {
    switch self {
    case .noTokens: "The model's tokenizer makes no tokens of this text."
    case .noRoom(let tokens):
      "The model reads \(tokens) tokens, fewer than it puts around such an input."
    case .noMask(let mask): "The text, as far as the model reads it, has no \(mask)."
    case .noTargets: "None of the targets is a word of the model's vocabulary, or begins with one."
    case .notFinite: "What the model computes for this text is not a finite number."
    case .tooLong(let maximum):
      "The text has more than the \(maximum) tokens that the model reads."
    case .questionTooLong(let tokens, let length):
      "The first text has \(tokens) tokens, which leaves no room for the second in windows of \(length)."
    case .overlapTooLong(let name, let overlap, let room):
      "'\(name)' is \(overlap), but a window has room for \(room) tokens of the text, so the next would not advance."
    case .pairWithLabels: "Candidate labels are asked of one text, and this is a pair."
    case .unknownLanguage(let name):
      "The model's tokenizer knows no language '\(name.prefix(64))'."
    }
  }

  /// How to mend it.
  public var recoverySuggestion: String? {
    switch self {
    case .noTokens: "Send a text with letters or digits that the model knows."
    case .noRoom: "Send one text instead of a pair, or use a model that reads more tokens."
    case .noMask(let mask): "Put \(mask) where a word is wanted: 'Paris is the \(mask) of France.'"
    case .noTargets: "Send other targets, or leave them out."
    case .notFinite:
      "Serve an earlier checkpoint: weights so large come from a training that went wrong."
    case .tooLong: "Send it in parts, or \"long_text\": \"windows\"."
    case .questionTooLong: "Send a shorter question."
    case .overlapTooLong(let name, _, let room): "Send \(name) below \(room)."
    case .pairWithLabels: "Send the text as a string; the labels make the second texts."
    case .unknownLanguage:
      "Send the language as the tokenizer calls it, such as deu_Latn or de_DE."
    }
  }
}

/// An input of a list that has no answer, and why.
public struct RejectedInput: Error, Equatable, LocalizedError {
  /// Its place in the list, from 0.
  public let index: Int
  /// Why.
  public let reason: PredictionError

  /// The input at `index` was rejected.
  public init(index: Int, reason: PredictionError) { (self.index, self.reason) = (index, reason) }

  /// What, where and how to mend it.
  public var errorDescription: String? {
    "text \(index + 1): \(reason.errorDescription ?? "") \(reason.recoverySuggestion ?? "")"
  }
}
