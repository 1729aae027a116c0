/// A page whose markup, style and script are files beside this one, embedded at build.
///
/// A page is sent as one document: its style and its script stand where the markup names their files, so that it needs nothing
/// from elsewhere. `{{name}}` in the markup is filled in by the caller.
package struct Page: Sendable {
  /// `/`: the `models`, a `command` to ask one, and the `dialects` that are spoken.
  package static let index = Page(
    PackageResources.index_html, style: PackageResources.docs_css, script: [])
  /// `/docs`: a form for each task, drawn from `/`, and one for each path, drawn from `/openapi.json`.
  package static let documentation = Page(
    PackageResources.docs_html, style: PackageResources.docs_css,
    script: PackageResources.try_js + PackageResources.docs_js)
  /// `/monitor`: draws the JSON `given`, or where that is `null` asks for `/monitor.json` again and again.
  package static let monitor = Page(
    PackageResources.monitor_html, style: PackageResources.monitor_css,
    script: PackageResources.monitor_js)
  /// A report in a file: `title` and `body`, without a script.
  package static let report = Page(
    PackageResources.report_html, style: PackageResources.report_css, script: [])

  private enum Part {
    case text(String)
    case style, script
    case value(String)
  }

  private let parts: [Part]
  private let style: String
  private let script: String

  private init(_ markup: [UInt8], style: [UInt8], script: [UInt8]) {
    let markup = String(decoding: markup, as: UTF8.self)
    self.style = String(decoding: style, as: UTF8.self)
    self.script = String(decoding: script, as: UTF8.self)
    var parts: [Part] = []
    var end = markup.startIndex
    let places = markup.matches(
      of: /\{\{(\w+)\}\}|<link rel="stylesheet" href="[\w.]+">|<script src="[\w.]+"><\/script>/)
    for place in places {
      parts.append(.text(String(markup[end..<place.range.lowerBound])))
      if let name = place.1 {
        parts.append(.value(String(name)))
      } else {
        parts.append(place.0.hasPrefix("<link") ? .style : .script)
      }
      end = place.range.upperBound
    }
    self.parts = parts + [.text(String(markup[end...]))]
  }

  /// The whole page.
  ///
  /// - Parameters:
  ///   - nonce: what a Content Security Policy knows style and script by; nil for a page in a file.
  ///   - values: markup to put in by name.
  package func document(nonce: String? = nil, _ values: [String: String] = [:]) -> String {
    let attribute = nonce.map { " nonce=\"\($0)\"" } ?? ""
    return parts.map { part in
      switch part {
      case .text(let text): text
      case .style: "<style\(attribute)>\n\(style)</style>"
      case .script: "<script\(attribute)>\n\(script)</script>"
      case .value(let name): values[name] ?? ""
      }
    }.joined()
  }

  /// JSON as it can stand in a script element: `</script>` or `<!--` in a text must not be markup, and `<` stands in texts alone.
  package static func embeddable(json: String) -> String {
    let pieces = json.utf8.split(separator: UInt8(ascii: "<"), omittingEmptySubsequences: false)
    return String(decoding: Array(pieces.joined(separator: #"\u003c"#.utf8)), as: UTF8.self)
  }
}
