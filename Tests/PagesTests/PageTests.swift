import Foundation
import Pages
import Testing

private let pages: [(name: String, page: Page)] = [
  ("index", .index), ("docs", .documentation), ("monitor", .monitor), ("report", .report),
]

@Suite("Pages")
struct PageTests {
  private static let names = pages.map(\.name)

  private func document(_ name: String, nonce: String? = nil) throws -> String {
    let page = try #require(pages.first { $0.name == name }).page
    return page.document(nonce: nonce, ["title": "t", "body": "<p>b</p>", "given": "null"])
  }

  @Test("A page is well-formed HTML with nothing left to fill in", arguments: names)
  func markup(name: String) throws {
    let text = try document(name, nonce: "n")
    let markup = try Markup(text)
    #expect(markup.elements.contains { $0.name == "title" })
    #expect(markup.elements.filter { $0.name == "h1" }.count == 1)
    #expect(markup.duplicateIdentifiers == [])
    #expect(!markup.outside.contains("{{"))
  }

  @Test("A page loads and names nothing from elsewhere", arguments: names)
  func elsewhere(name: String) throws {
    let text = try document(name)
    for element in try Markup(text).elements {
      #expect(element.attributes["src"] == nil)
      let target = element.attributes["href"] ?? "#"
      #expect(target.hasPrefix("#") || target.hasPrefix("/") && !target.hasPrefix("//"))
    }
    let rest = text.replacing("http://www.w3.org/2000/svg", with: "")
    for word in ["://", "url(", "@import", "import(", "eval(", "innerHTML"] {
      #expect(!rest.contains(word), "\(word)")
    }
  }

  @Test("Style and script carry the nonce, and cannot end before their end", arguments: names)
  func nonces(name: String) throws {
    let elements = try Markup(document(name, nonce: "abc")).elements
    let code = elements.filter {
      $0.name == "style" || $0.name == "script" && $0.attributes["type"] == nil
    }
    #expect(code.count == (["report", "index"].contains(name) ? 1 : 2))
    #expect(code.allSatisfy { $0.attributes["nonce"] == "abc" && !$0.text.contains("</") })
    #expect(try Markup(document(name)).elements.allSatisfy { $0.attributes["nonce"] == nil })
  }

  @Test("A script finds every element that it asks for by name", arguments: ["docs", "monitor"])
  func identifiers(name: String) throws {
    let elements = try Markup(document(name)).elements
    let script = try #require(elements.last { $0.name == "script" }).text
    let asked = script.matches(
      of: /(?:\bat|figures|\btable|getElementById)\((?:'|")([\w-]+)(?:'|")/
    ).map { String($0.1) }
    #expect(asked.count > 1)
    #expect(Set(asked).subtracting(elements.compactMap { $0.attributes["id"] }) == [])
  }

  @Test("Values are put in once: what looks like a place inside of one stays as it is")
  func values() throws {
    let text = Page.report.document(["title": "{{body}}", "body": "<script src=\"a.js\"></script>"])
    #expect(text.contains("<h1>{{body}}</h1>"))
    #expect(text.components(separatedBy: "<script src=\"a.js\">").count == 2)
  }

  @Test("A text in embedded JSON cannot be markup, and is the same text when it is read")
  func embedding() throws {
    let texts = ["</script><script>x()", "<!--", "<\u{301}/script>", "a < b", ""]
    let json = String(decoding: try JSONEncoder().encode(texts), as: UTF8.self)
    let safe = Page.embeddable(json: json)
    #expect(!safe.utf8.contains(UInt8(ascii: "<")))
    #expect(try JSONDecoder().decode([String].self, from: Data(safe.utf8)) == texts)
    let elements = try Markup(Page.monitor.document(["given": safe])).elements
    #expect(elements.filter { $0.name == "script" }.map(\.text).first == safe)
  }
}

/// A reader of HTML that takes only what has no error: every element is closed, every attribute quoted.
private struct Markup {
  struct Element {
    let name: String
    let attributes: [String: String]
    /// Of script, style and title alone.
    var text = ""
  }

  struct Fault: Error {
    let near: String
  }

  private(set) var elements: [Element] = []
  /// What stands outside of scripts and styles.
  private(set) var outside = ""
  private static let void: Set = ["meta", "input", "br", "hr", "img", "link"]

  var duplicateIdentifiers: [String] {
    let counts = Dictionary(grouping: elements.compactMap { $0.attributes["id"] }) { $0 }
    return counts.filter { $0.value.count > 1 }.keys.sorted()
  }

  init(_ document: String) throws {
    guard document.hasPrefix("<!doctype html>\n") else { throw Fault(near: "doctype") }
    var rest = document.dropFirst("<!doctype html>\n".count)
    var open: [String] = []
    while let start = rest.firstIndex(of: "<") {
      outside += rest[..<start]
      rest = rest[start...]
      if let close = rest.prefixMatch(of: /<\/([a-z0-9]+)>/) {
        guard open.popLast() == String(close.1) else { throw Fault(near: String(rest.prefix(40))) }
        rest = rest[close.range.upperBound...]
        continue
      }
      guard let tag = rest.prefixMatch(of: /<([a-z0-9]+)((?: [a-z-]+(?:="[^"<>]*")?)*)>/) else {
        throw Fault(near: String(rest.prefix(40)))
      }
      let name = String(tag.1)
      let attributes = tag.2.matches(of: /\ ([a-z-]+)(?:="([^"]*)")?/).map {
        (String($0.1), String($0.2 ?? ""))
      }
      var element = Element(
        name: name, attributes: try Self.unique(attributes, near: String(tag.0)))
      rest = rest[tag.range.upperBound...]
      if ["script", "style"].contains(name) {
        guard let end = rest.firstRange(of: "</\(name)>") else { throw Fault(near: name) }
        element.text = String(rest[..<end.lowerBound])
        rest = rest[end.upperBound...]
      } else if !Self.void.contains(name) {
        open.append(name)
      }
      elements.append(element)
    }
    outside += rest
    guard open.isEmpty else { throw Fault(near: "end: \(open)") }
  }

  private static func unique(
    _ attributes: [(String, String)], near: String
  ) throws -> [String: String] {
    guard Set(attributes.map(\.0)).count == attributes.count else { throw Fault(near: near) }
    return Dictionary(attributes) { first, _ in first }
  }
}
