/// Members of a JSON object in the order of the text; names are distinct.
public struct JSONObject: Sendable, Equatable, Sequence {
  /// Names and values in order.
  public private(set) var members: [(name: String, value: JSONValue)] = []
  /// Kept only for objects too large to look through.
  private var index: [String: Int] = [:]
  private static let largestUnindexed = 8

  /// No members.
  public init() {}

  /// Members in order; of equal names the last stays.
  public init(_ members: [(String, JSONValue)]) {
    for (name, value) in members { self[name] = value }
  }

  /// The member `name`; setting nil takes it out.
  public subscript(name: String) -> JSONValue? {
    get { position(name).map { members[$0].value } }
    set {
      switch (position(name), newValue) {
      case (let place?, let value?): members[place].value = value
      case (nil, let value?): append(name, value)
      case (let place?, nil):
        members.remove(at: place)
        reindex()
      case (nil, nil): break
      }
    }
  }

  /// Names in order.
  public var names: [String] { members.map(\.name) }
  /// How many members there are.
  public var count: Int { members.count }
  /// Whether there are none.
  public var isEmpty: Bool { members.isEmpty }

  /// Goes through the members in order.
  public func makeIterator() -> IndexingIterator<[(name: String, value: JSONValue)]> {
    members.makeIterator()
  }

  /// Equal when they have equal members in any order.
  public static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.count == b.count && a.members.allSatisfy { b[$0.name] == $0.value }
  }

  /// Appends unless the name is taken; says whether it was free.
  mutating func insertNew(_ name: String, _ value: JSONValue) -> Bool {
    if position(name) != nil { return false }
    append(name, value)
    return true
  }

  private func position(_ name: String) -> Int? {
    if members.count > Self.largestUnindexed { return index[name] }
    return members.firstIndex { $0.name == name }
  }

  private mutating func append(_ name: String, _ value: JSONValue) {
    members.append((name, value))
    if members.count == Self.largestUnindexed + 1 {
      reindex()
    } else if members.count > Self.largestUnindexed {
      index[name] = members.count - 1
    }
  }

  private mutating func reindex() {
    index = [:]
    if members.count > Self.largestUnindexed {
      for (place, member) in members.enumerated() { index[member.name] = place }
    }
  }
}
