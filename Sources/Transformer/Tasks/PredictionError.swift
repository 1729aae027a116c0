import Foundation
import Tokenization

/// Why a model has no answer for one input.
public enum PredictionError: Error, Equatable, LocalizedError {
  /// The tokenizer makes no tokens of the input, and puts none around it.
  case noTokens
  /// The special tokens around the input are more than the model reads.
  case noRoom(tokens: Int)
  /// What the model computed is not a finite number.
  case notFinite

  /// What is wrong.
  public var errorDescription: String? {
    switch self {
    case .noTokens: "The model's tokenizer makes no tokens of this text."
    case .noRoom(let tokens):
      "The model reads \(tokens) tokens, fewer than it puts around such an input."
    case .notFinite: "What the model computes for this text is not a finite number."
    }
  }

  /// How to mend it.
  public var recoverySuggestion: String? {
    switch self {
    case .noTokens: "Send a text with letters or digits that the model knows."
    case .noRoom: "Send one text instead of a pair, or use a model that reads more tokens."
    case .notFinite:
      "Serve an earlier checkpoint: weights so large come from a training that went wrong."
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
