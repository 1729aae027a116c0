/// Which side of a search a text is on.
public enum TextSide: String, Sendable, CaseIterable {
  /// What is searched for.
  case query
  /// What is searched.
  case document
}

/// What is put before texts, as `config_sentence_transformers.json` names it.
public struct Prompts: Sendable, Equatable {
  /// One of them.
  public struct Named: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// What is put before a text.
    public var text: String
  }

  /// In the order of the file.
  public var all: [Named]
  /// The one that is used where nothing else is asked for.
  public var defaultName: String?

  /// None, or these.
  public init(_ all: [Named] = [], defaultName: String? = nil) {
    (self.all, self.defaultName) = (all, defaultName)
  }

  /// Names, in the order of the file.
  public var names: [String] { all.map(\.name) }

  /// The prompt of this name; nil where there is none.
  public subscript(name: String) -> String? {
    all.first { $0.name.utf8.elementsEqual(name.utf8) }?.text
  }

  /// What is put before texts where nothing is asked for.
  public var standard: String { defaultName.flatMap { self[$0] } ?? "" }

  /// What is put before texts of a side: the prompt of its name, and of documents that of "passage" or "corpus" where there is none.
  /// As in sentence-transformers, the default's is not put before texts whose side is known.
  public func text(for side: TextSide) -> String {
    switch side {
    case .query: self["query"] ?? ""
    case .document: self["document"] ?? self["passage"] ?? self["corpus"] ?? ""
    }
  }
}
