/// The name of a model on a hub, with a revision where one is asked for: `NAME`, `ORGANISATION/NAME`, each with `@REVISION`.
///
/// The rules are those of `huggingface_hub`, class `validate_repo_id`, so that a name is one here exactly where it is one there.
package struct HubName: Hashable, Sendable, CustomStringConvertible {
  /// `NAME` or `ORGANISATION/NAME`.
  package let id: String
  /// A branch, a tag, a pull request's `refs/pr/N`, or a commit; nil for the branch `main`.
  package let revision: String?

  /// The revision where none is named.
  package static let mainRevision = "main"
  /// Longest name in bytes.
  package static let maximumLength = 96
  private static let maximumRevisionLength = 255

  /// The name as it is typed.
  package var description: String { id + (revision.map { "@" + $0 } ?? "") }
  /// The revision that is meant.
  package var wantedRevision: String { revision ?? Self.mainRevision }

  /// The name that `text` is; nil for what is none, such as a path.
  package init?(_ text: String) {
    let parts = text.utf8.split(
      separator: UInt8(ascii: "@"), maxSplits: 1, omittingEmptySubsequences: false)
    let id = String(decoding: parts[0], as: UTF8.self)
    let revision = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : nil
    guard Self.isName(id), revision.map(Self.isRevision) ?? true else { return nil }
    (self.id, self.revision) = (id, revision)
  }

  /// Whether all of `text` is 40 lower-case hexadecimal digits.
  package static func isCommit(_ text: String) -> Bool { isHexadecimal(text, count: 40) }

  /// Whether all of `text` is so many lower-case hexadecimal digits.
  package static func isHexadecimal(_ text: String, count: Int) -> Bool {
    text.utf8.count == count
      && text.utf8.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }

  private static func isName(_ id: String) -> Bool {
    let parts = id.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), id.utf8.count <= maximumLength else { return false }
    return parts.allSatisfy { part in
      let text = String(decoding: part, as: UTF8.self)
      guard let first = part.first, let last = part.last, part.allSatisfy(isNameByte) else {
        return false
      }
      let dots = [UInt8(ascii: "-"), UInt8(ascii: ".")]
      return !dots.contains(first) && !dots.contains(last) && !text.contains("--")
        && !text.contains("..") && !text.hasSuffix(".git")
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// What git takes for a reference (git-check-ref-format): so none leads out of the cache's folder.
  private static func isRevision(_ text: String) -> Bool {
    let forbidden = Array(" ~^:?*[\\\u{7F}".utf8)
    return text.utf8.count <= maximumRevisionLength
      && text.utf8.allSatisfy { $0 > 0x20 && !forbidden.contains($0) }
      && isRelativePath(text)
  }

  /// Whether `path` stays in the folder that it is relative to, and has no empty part.
  package static func isRelativePath(_ path: String) -> Bool {
    path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
        && !$0.contains(0)
    }
  }
}
