import Foundation
import Settings
import Testing

/// The options of a small command, as the JSON of a help dump has them.
private let options: [CommandOption] = {
  func argument(_ rest: String) -> String {
    #"{"shouldDisplay":true,"isOptional":true,"parsingStrategy":"default",\#(rest)}"#
  }
  func names(_ long: [String], _ short: String? = nil) -> String {
    let all =
      long.map { #"{"kind":"long","name":"\#($0)"}"# }
      + (short.map { [#"{"kind":"short","name":"\#($0)"}"#] } ?? [])
    return #""names":[\#(all.joined(separator: ","))]"#
  }
  let arguments = [
    argument(#""kind":"positional","isRepeating":false,"valueName":"model""#),
    argument(
      #""kind":"option","isRepeating":false,"defaultValue":"1",\#(names(["workers"], "w"))"#),
    argument(#""kind":"option","isRepeating":true,"defaultValue":"a:1",\#(names(["bind"], "b"))"#),
    argument(#""kind":"option","isRepeating":false,\#(names(["limit-request-field_size"]))"#),
    argument(
      #""kind":"flag","isRepeating":false,"defaultValue":"--preload",\#(names(["preload"]))"#),
    argument(#""kind":"flag","isRepeating":false,\#(names(["no-preload"]))"#),
    argument(#""kind":"flag","isRepeating":false,\#(names(["reuse-port"]))"#),
    argument(#""kind":"option","isRepeating":false,\#(names(["config"], "c"))"#),
    argument(#""kind":"flag","isRepeating":false,\#(names(["help"], "h"))"#),
  ]
  let dump =
    #"{"serializationVersion":0,"command":{"commandName":"serve","arguments":[\#(arguments.joined(separator: ","))]}}"#
  return (try? CommandDescription(help: dump).options) ?? []
}()

private func file(_ text: String) throws(SettingsError) -> SettingsFile {
  try SettingsFile(bytes: Array(text.utf8), path: "m.toml", options: options)
}

@Suite struct SettingsFileTests {
  @Test func keysAreTheLongNamesWithUnderscoresOrDashes() throws {
    let read = try file(
      """
      # A comment.
      model = "my model"
      workers = 4
      "bind" = ["a:1", "b:2"]
      limit-request-field_size = 99
      preload = false
      """)
    #expect(
      read.entries.map(\.key) == [
        "model", "workers", "bind", "limit_request_field_size", "preload",
      ])
    #expect(
      read.entries.map(\.values) == [["my model"], ["4"], ["a:1", "b:2"], ["99"], ["false"]])
    #expect(read.entries.map(\.line) == [2, 3, 4, 5, 6])
  }

  @Test(
    arguments: [
      ("\nwrokers = 4", 2, "wrokers", "workers"), ("binds = []", 1, "binds", "bind"),
      ("x = 1\ny = 2", 1, "x", nil), ("x.y = 1", 1, "x", nil),
      ("config = 'other.toml'", 1, "config", nil),
    ] as [(String, Int, String, String?)])
  func whatThereIsNotIsRefusedWithItsLineAndTheNearestName(
    _ text: String, _ line: Int, _ key: String, _ nearest: String?
  ) {
    #expect(
      throws: SettingsError.unknownKey(path: "m.toml", line: line, key: key, nearest: nearest)
    ) {
      try file(text)
    }
  }

  @Test(arguments: [
    "workers = true", "workers = [1, 2]", "bind = [['a']]", "preload = 1",
    "preload = 'yes'",
  ])
  func valuesOfAnotherKindAreRefused(_ text: String) {
    #expect(throws: SettingsError.self) { try file(text) }
    do { _ = try file(text) } catch {
      guard case .wrongType(_, 1, _, _) = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test(arguments: [
    "workers = \n", "workers = 1\nworkers = 2", "= 1", "workers 4", "[serve]\nworkers = 1",
    "workers = 1\n  [.x]", "[[x]]",
    "workers = 2026-11-25", "workers = 2026-11-25Tx", "workers = {a = 1}", "a = \"\u{1}\"",
  ])
  func whatIsNoTOMLIsRefusedWithItsLine(_ text: String) {
    do {
      _ = try file(text)
      Issue.record("not refused")
    } catch {
      guard case .syntax("m.toml", let line, _) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(line >= 1 && line <= 2)
    }
  }

  @Test(arguments: ["\n", "\r\n"])
  func linesEndInEitherWayAndErrorsNameTheirs(_ end: String) throws {
    let text = ["# c", "model = 'm' # m", "", "bind = [ # all", "  'a:1',", "]", "workers = 2"]
    let read = try file(text.joined(separator: end))
    #expect(read.entries.map(\.line) == [2, 4, 7])
    #expect(read.entries.map(\.values) == [["m"], ["a:1"], ["2"]])
    for bad in ["[.x]", "workers = 3", "preload = ", "x"] {
      do {
        _ = try file((text + [bad, "model = 'n'"]).joined(separator: end))
        Issue.record("not refused: \(bad)")
      } catch {
        guard case .syntax(_, 8, _) = error else {
          Issue.record("\(error)")
          continue
        }
      }
    }
  }

  // The numbers and strings of https://toml.io/en/v1.0.0 that a setting can hold.
  @Test(
    arguments: [
      ("+99", "99"), ("-17", "-17"), ("1_000", "1000"), ("0xDEAD_beef", "3735928559"),
      ("0o755", "493"), ("0b11010110", "214"), ("3.1415", "3.1415"), ("-2E-2", "-0.02"),
      ("5e+3", "5000.0"), (#""tab\tquote\" \u00E9 \U0001F600""#, "tab\tquote\" é 😀"),
      (#"'C:\no # escape'"#, #"C:\no # escape"#), ("\"\"", ""),
    ])
  func valuesAreThoseOfTOML(_ written: String, _ value: String) throws {
    #expect(try file("model = \(written) # c").entries.map(\.values) == [[value]])
  }

  @Test(
    arguments: [
      "01", "1__0", "_1", "1_", "0x", "+0x1", "1.", ".5", "1.e3", "1e", "9223372036854775808",
      "nan", "\"a", "'a", #""\q""#, #""\u12""#, #""\uD800""#, #""\u0000""#, "'''a'''", "[1 2]",
      "[1", "'a' 'b'", "a", "1\r", "\"\u{7}\"", "1 # \u{0}", "truee", "{}",
      String(repeating: "[", count: 99_999),
    ])
  func whatIsNoValueIsRefused(_ written: String) {
    do {
      _ = try file("model = \(written)")
      Issue.record("not refused")
    } catch {
      guard case .syntax(_, 1, _) = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test func bytesThatAreNotUTF8AreRefusedWithTheirLine() {
    let bytes = Array("workers = 1\r\nmodel = 'caf".utf8) + [0xE9] + Array("'\r\n".utf8)
    #expect(
      throws: SettingsError.syntax(path: "m.toml", line: 2, reason: "a string is not UTF-8")
    ) { try SettingsFile(bytes: bytes, path: "m.toml", options: options) }
  }

  @Test func noChangeOfBytesEndsInAnythingButSettingsOrARefusal() {
    let seed = Array(
      "model = 'm'\nworkers = 4\nbind = [\"a:1\", \"b\"]\npreload = true # c\n[x.y]\n".utf8)
    var state: UInt64 = 20_261_125
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var read = 0
    for _ in 0..<20_000 {
      var bytes = seed
      for _ in 0...next(4) {
        switch next(3) {
        case 0: bytes[next(bytes.count)] = UInt8(next(256))
        case 1: bytes.remove(at: next(bytes.count))
        default: bytes.insert(UInt8(next(128)), at: next(bytes.count))
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      if let file = try? file(text) {
        read += 1
        #expect(file.entries.allSatisfy { $0.line >= 1 })
      }
    }
    #expect(read < 20_000)
  }

  @Test func aFileThatIsNotThereOrTooLargeIsNamed() throws {
    let path = NSTemporaryDirectory() + "settings-\(UUID().uuidString).toml"
    #expect(throws: SettingsError.self) { try SettingsFile(path: path, options: options) }
    defer { unlink(path) }
    try Data(repeating: UInt8(ascii: "#"), count: 1 << 20).write(to: URL(fileURLWithPath: path))
    #expect(try SettingsFile(path: path, options: options).entries.isEmpty)
    try Data(repeating: UInt8(ascii: "#"), count: 1 << 20 + 1).write(to: URL(fileURLWithPath: path))
    #expect(throws: SettingsError.self) { try SettingsFile(path: path, options: options) }
  }
}

@Suite struct SettingsLayersTests {
  private func layers(
    _ arguments: [String], _ environment: [String: String] = [:], file: String? = nil
  ) throws -> SettingsLayers {
    let path = NSTemporaryDirectory() + "settings-\(UUID().uuidString).toml"
    defer { unlink(path) }
    if let file { try file.write(toFile: path, atomically: true, encoding: .utf8) }
    return try SettingsLayers(
      arguments: arguments, environment: environment, options: options,
      defaultFile: file == nil ? nil : path)
  }

  private func value(_ layers: SettingsLayers, _ name: String) -> [String] {
    layers.values.first { $0.option.name == name }?.values ?? []
  }

  @Test func theCommandLineBeatsTheEnvironmentWhichBeatsTheFileWhichBeatsTheDefault() throws {
    let file = "workers = 2\n"
    let environment = ["MARTLET_WORKERS": "3"]
    #expect(value(try layers([]), "workers") == ["1"])
    #expect(value(try layers([], file: file), "workers") == ["2"])
    #expect(value(try layers([], environment, file: file), "workers") == ["3"])
    for words in [["-w", "4"], ["--workers", "4"], ["--workers=4"]] {
      let all = try layers(words, environment, file: file)
      #expect(value(all, "workers") == ["4"])
      #expect(all.arguments == words)
    }
  }

  @Test func listsAreReplacedAsAWhole() throws {
    let file = "bind = [\"f:1\", \"f:2\"]\nmodel = \"m\"\n"
    #expect(try layers([], file: file).arguments == ["m", "--bind=f:1", "--bind=f:2"])
    #expect(try layers(["-b", "x:1"], file: file).arguments == ["-b", "x:1", "m"])
    #expect(
      try layers([], ["MARTLET_BIND": "e:1,e:2"], file: file).arguments == [
        "m", "--bind=e:1", "--bind=e:2",
      ])
    #expect(try layers(["other"], file: file).arguments == ["other", "--bind=f:1", "--bind=f:2"])
  }

  @Test func switchesGoBothWays() throws {
    #expect(try layers([], file: "preload = false").arguments == ["--no-preload"])
    #expect(try layers([], ["MARTLET_PRELOAD": "no"]).arguments == ["--no-preload"])
    #expect(try layers(["--preload"], ["MARTLET_PRELOAD": "no"]).arguments == ["--preload"])
    #expect(try layers(["--no-preload"], file: "preload = true").arguments == ["--no-preload"])
    #expect(try layers([], ["MARTLET_REUSE_PORT": "1"]).arguments == ["--reuse-port"])
    #expect(try layers([], ["MARTLET_REUSE_PORT": "off"]).arguments == [])
    #expect(throws: SettingsError.badSwitch(variable: "MARTLET_PRELOAD", value: "maybe")) {
      try layers([], ["MARTLET_PRELOAD": "maybe"])
    }
  }

  @Test func aNamedFileIsReadInsteadAndHasToBeThere() throws {
    let named = NSTemporaryDirectory() + "settings-\(UUID().uuidString).toml"
    defer { unlink(named) }
    try "workers = 9".write(toFile: named, atomically: true, encoding: .utf8)
    #expect(value(try layers(["-c", named], file: "workers = 2"), "workers") == ["9"])
    #expect(
      value(try layers([], ["MARTLET_CONFIG": named], file: "workers = 2"), "workers") == ["9"])
    #expect(throws: SettingsError.self) { try layers(["--config=/no/such.toml"]) }
  }

  @Test func whatIsWrittenOutSetsTheSameAgain() throws {
    let first = try layers(
      ["m\"o\\del\u{7}", "-b", "x:1", "-b", "y:2"], ["MARTLET_WORKERS": "3"],
      file: "preload = false")
    #expect(first.text.contains("workers = 3  # environment, MARTLET_WORKERS"))
    let second = try layers([], file: first.text)
    #expect(first.values.map(\.values) == second.values.map(\.values))
  }

  @Test func whoSetARefusedValueIsFound() throws {
    let all = try layers([], ["MARTLET_WORKERS": "x"], file: "limit_request_field_size = 0")
    let refused = all.culprit(
      in: "The value 'x' is invalid for '-w <workers>, --workers <workers>'")
    #expect(refused?.source == .environment(variable: "MARTLET_WORKERS"))
    let field = all.culprit(in: "--limit-request-field_size 0: use a number from 1")
    #expect(field?.option.name == "limit-request-field_size")
    #expect(all.culprit(in: "--bind is wrong") == nil)
  }
}
