import Foundation
import FuzzDriver
import Settings

/// One option of each kind, as a help dump describes them.
private let options: [CommandOption] = {
  func argument(_ kind: String, _ name: String, isRepeating: Bool = false) -> String {
    """
    {"shouldDisplay":true,"isOptional":true,"parsingStrategy":"default","kind":"\(kind)",
     "isRepeating":\(isRepeating),"names":[{"kind":"long","name":"\(name)"}]}
    """
  }
  let arguments = [
    argument("option", "model"), argument("option", "bind", isRepeating: true),
    argument("flag", "preload"),
  ]
  let dump = """
    {"serializationVersion":0,
     "command":{"commandName":"serve","arguments":[\(arguments.joined(separator: ","))]}}
    """
  guard let options = try? CommandDescription(help: dump).options else {
    fatalError("the options of the fuzz target cannot be read")
  }
  return options
}()

private func read(_ bytes: [UInt8]) -> Result<SettingsFile, SettingsError> {
  do throws(SettingsError) {
    return .success(try SettingsFile(bytes: bytes, path: "fuzz", options: options))
  } catch {
    return .failure(error)
  }
}

exit(
  fuzz { bytes in
    let lines = bytes.count { $0 == 10 } + 1
    let outcome = bounded(by: 128, of: bytes.count) { read(bytes) }
    switch outcome {
    case .success(let file):
      let places = file.entries.map(\.line)
      precondition(places.allSatisfy { (1...lines).contains($0) } && places == places.sorted())
      precondition(Set(file.entries.map(\.key)).count == places.count, "no key twice")
    case .failure(.syntax(_, let line, _)), .failure(.unknownKey(_, let line, _, _)),
      .failure(.wrongType(_, let line, _, _)):
      precondition((1...lines).contains(line), "the line is one of the file's")
    case .failure(.unreadable), .failure(.badSwitch): preconditionFailure("no bytes are that")
    }
    // CRLF ends a line as LF does: the same settings or the same refusal, in the same line.
    if !bytes.contains(13) {
      precondition(read(bytes.flatMap { $0 == 10 ? [13, 10] : [$0] }) == outcome)
    }
  })
