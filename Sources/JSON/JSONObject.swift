/// The members of a JSON object in the order in which they were written.
///
/// Keys are compared byte for byte: two spellings of `é` (composed and decomposed) are two keys, as in every
/// other JSON tool, although Swift's own string comparison would take them for one. Up to eight members are
/// searched in order; beyond that a hash table of member indices is kept. The hash is seeded by the process, so
/// that no input can be built to collide.
public struct JSONObject: Sendable {
  /// The keys, in order.
  public private(set) var keys: [String] = []
  /// The values, in the order of `keys`.
  public private(set) var values: [JSONValue] = []
  /// Open addressing, linear probing; 0 is free, otherwise the member's index + 1. Its size is a power of two
  /// and at least 4/3 of the members. Empty while the members are few.
  private var table: [UInt32] = []

  private static let linearLimit = 8

  /// No members.
  public init() {}

  /// How many members there are.
  public var count: Int { keys.count }
  /// Whether there is no member.
  public var isEmpty: Bool { keys.isEmpty }

  /// The value of `key`. Setting `nil` removes the member, which moves those behind it and is linear in their
  /// number.
  public subscript(key: String) -> JSONValue? {
    get { index(of: key).map { values[$0] } }
    set {
      if let newValue {
        if let index = index(of: key) { values[index] = newValue } else { append(key, newValue) }
      } else if let index = index(of: key) {
        keys.remove(at: index)
        values.remove(at: index)
        rebuildTable()
      }
    }
  }

  /// Adds a member behind the others and returns true, or returns false when the key is already there.
  mutating func insert(_ key: String, _ value: JSONValue) -> Bool {
    guard index(of: key) == nil else { return false }
    append(key, value)
    return true
  }

  /// The position of `key` among the members.
  public func index(of key: String) -> Int? {
    if table.isEmpty {
      return keys.firstIndex { ExactString($0) == ExactString(key) }
    }
    let mask = table.count - 1
    var slot = JSONObject.hash(key) & mask
    while table[slot] != 0 {
      let index = Int(table[slot]) - 1
      if ExactString(keys[index]) == ExactString(key) { return index }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private mutating func append(_ key: String, _ value: JSONValue) {
    keys.append(key)
    values.append(value)
    if table.isEmpty ? keys.count > JSONObject.linearLimit : keys.count * 4 > table.count * 3 {
      rebuildTable()
    } else if !table.isEmpty {
      place(keys.count - 1)
    }
  }

  private mutating func rebuildTable() {
    guard keys.count > JSONObject.linearLimit else {
      table = []
      return
    }
    var size = 32
    while size < keys.count * 2 { size *= 2 }
    table = [UInt32](repeating: 0, count: size)
    for index in keys.indices { place(index) }
  }

  private mutating func place(_ index: Int) {
    let mask = table.count - 1
    var slot = JSONObject.hash(keys[index]) & mask
    while table[slot] != 0 { slot = (slot + 1) & mask }
    table[slot] = UInt32(index + 1)
  }

  private static func hash(_ key: String) -> Int {
    var hasher = Hasher()
    ExactString(key).hash(into: &hasher)
    return hasher.finalize()
  }
}

extension JSONObject: Equatable {
  /// Equal when both have the same members, in any order.
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    guard left.count == right.count else { return false }
    for (key, value) in left where right[key] != value { return false }
    return true
  }
}

extension JSONObject: Sequence {
  /// The members in order.
  public func makeIterator() -> Zip2Sequence<[String], [JSONValue]>.Iterator {
    zip(keys, values).makeIterator()
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// The members of the literal in order; of a key that stands twice the last value counts.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    for (key, value) in elements { self[key] = value }
  }
}
