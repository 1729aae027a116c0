import Foundation
import Testing

/// A short run of what `make differential` runs longer.
@Suite struct DifferentialTests {
  @Test(arguments: [1, 2])
  func parserAgreesWithH11AndWithTheGrammarButForWhatIsExplained(_ seed: Int) throws {
    let build = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent()
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let candidates = [
      build.appendingPathComponent("http-verdict").path,
      root.appendingPathComponent(".build/release/http-verdict").path,
    ]
    let binary = try #require(
      candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
    let result = try run([
      "/usr/bin/python3", root.appendingPathComponent("Tests/Reference/http_differential.py").path,
      binary,
      "--rounds", "1500", "--seed", "\(seed)",
    ])
    #expect(result.status == 0, "\(result.output)")
  }
}
