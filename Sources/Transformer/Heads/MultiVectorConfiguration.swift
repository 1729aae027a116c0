/// How hidden states become a vector for each token: ColBERT (Khattab and Zaharia, 2020) and its kin, by the names of
/// sentence-transformers' `MultiVectorEncoder`.
public struct MultiVectorConfiguration: Sendable, Equatable {
  /// Tokens that are put behind a short query, and scored.
  public struct Expansion: Sendable, Equatable {
    /// Tokens of the query with them.
    public var length: Int
    /// Whether a longer query is cut to that length.
    public var isFixed: Bool
    /// Whether other tokens see them.
    public var attends: Bool
    /// The token; nil for the mask.
    public var token: String?
  }

  /// What each token's state goes through, in order.
  public var steps: [VectorStep] = []
  /// Tokens that are not scored.
  public var skippedTokens: [String] = []
  /// In which texts.
  public var skippingSides: Set<TextSide> = [.document]
  /// Longest query in tokens; nil for what the model reads.
  public var queryLength: Int?
  /// Longest document in tokens; nil for what the model reads.
  public var documentLength: Int?
  /// What short queries are filled with.
  public var expansion: Expansion?
  /// Whether the tokens that prompts begin with are put there by their ids, as PyLate and Stanford's ColBERT do, which tokenizers
  /// would take apart.
  public var insertsMarkers = false
  /// Whether the first token has no vector, as bge-m3 leaves it out.
  public var dropsFirst = false

  /// Nothing but the states.
  public init() {}
}
