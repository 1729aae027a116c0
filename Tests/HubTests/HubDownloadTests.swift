import Files
import Foundation
import Hub
import HubCache
import SmallHub
import TestDaemon
import Testing

/// Downloads from a hub of our own into a cache of one test, and each way in which they fail.
struct HubDownloadTests {
  private static let large = [UInt8]((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
  private static let files: [String: [UInt8]] = [
    "config.json": Array(#"{"model_type": "bert"}"#.utf8), "tokenizer.json": Array("{}".utf8),
    "modules.json": Array(
      #"[{"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"}]"#.utf8),
    "1_Pooling/config.json": Array(#"{"pooling_mode": "mean"}"#.utf8),
    "model.safetensors": large, "pytorch_model.bin": Array("pickle".utf8),
    "README.md": Array("# A model".utf8), "onnx/model.onnx": Array("onnx".utf8),
    "onnx/config.json": Array("{}".utf8),
  ]
  private static let needed: Set = [
    "config.json", "tokenizer.json", "modules.json", "1_Pooling/config.json", "model.safetensors",
  ]

  private let hub: SmallHub
  private let folder = TemporaryFolder()
  private let name: HubName

  init() throws {
    hub = try SmallHub()
    name = try #require(HubName("org/small"))
    hub.add("org/small", files: Self.files)
  }

  private func settings(_ environment: [String: String] = [:]) -> HubSettings {
    let own = ["HOME": folder.path, "HF_HOME": folder.path, "HF_ENDPOINT": hub.endpoint]
    return HubSettings(environment: own.merging(environment) { $1 })
  }

  private var cache: HubCache { HubCache(path: folder.path + "/hub") }

  @discardableResult
  private func pull(
    _ name: HubName? = nil, _ part: HubDownload.Part = .model, _ environment: [String: String] = [:]
  ) async throws -> HubDownload.Outcome {
    try await HubDownload(
      name ?? self.name, part, settings: settings(environment), check: { _ in }, report: { _ in }
    ).run()
  }

  /// What a pull that must fail says.
  private func failure(
    _ name: HubName? = nil, _ part: HubDownload.Part = .model, _ environment: [String: String] = [:]
  ) async -> String {
    do {
      try await pull(name, part, environment)
      return "nothing was wrong"
    } catch { return error.localizedDescription }
  }

  private func content(_ file: String) -> [UInt8]? {
    cache.snapshot(name).flatMap { FileManager.default.contents(atPath: "\($0.path)/\(file)") }
      .map(Array.init)
  }

  private func gets(_ part: String) -> [SmallHub.Request] {
    hub.requests.filter { $0.method == "GET" && $0.target.contains(part) }
  }

  private var blobs: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: cache.folder(name) + "/blobs")) ?? [])
      .sorted()
  }

  // MARK: - What is there afterwards

  @Test func whatServingNeedsIsInPythonsLayout() async throws {
    let outcome = try await pull()
    let snapshot = try #require(cache.snapshot(name))
    #expect(snapshot.path == outcome.path && snapshot.state == .whole)
    #expect(snapshot.files == Self.needed)
    for file in Self.needed { #expect(content(file) == Self.files[file]) }
    let model = folder.path + "/hub/models--org--small"
    #expect(try String(contentsOfFile: model + "/refs/main", encoding: .utf8) == outcome.commit)
    let manager = FileManager.default
    for (file, up) in [("model.safetensors", "../../"), ("1_Pooling/config.json", "../../../")] {
      let link = try manager.destinationOfSymbolicLink(atPath: "\(snapshot.path)/\(file)")
      #expect(link.hasPrefix(up + "blobs/") && blobs.contains { link.hasSuffix("/" + $0) })
    }
    #expect(blobs.allSatisfy { !$0.hasSuffix(".incomplete") })
    #expect(manager.fileExists(atPath: "\(model)/.no_exist/\(outcome.commit)/adapter_config.json"))
    #expect(!manager.fileExists(atPath: "\(model)/.no_exist/\(outcome.commit)/config.json"))
  }

  @Test func whatIsThereIsNotDownloadedAgain() async throws {
    try await pull()
    hub.forgetRequests()
    let outcome = try await pull()
    #expect(outcome.files == 0 && gets("/resolve/").isEmpty)
  }

  @Test func aNewCommitBringsWhatChangedAlone() async throws {
    let first = try await pull()
    var files = Self.files
    files["config.json"] = Array(#"{"model_type": "roberta"}"#.utf8)
    hub.add("org/small", files: files)
    hub.forgetRequests()
    let second = try await pull()
    #expect(first.commit != second.commit && second.files == 1)
    #expect(gets("/resolve/").map(\.target).allSatisfy { $0.hasSuffix("/config.json") })
    #expect(content("config.json") == files["config.json"])
  }

  @Test func branchesPullRequestsAndCommitsAreRevisions() async throws {
    let commit = hub.add(
      "org/small", "refs/pr/1", files: Self.files.merging(["vocab.txt": [97]]) { $1 })
    for revision in ["refs/pr/1", commit] {
      let outcome = try await pull(HubName("org/small@\(revision)"))
      #expect(outcome.commit == commit)
    }
    #expect(cache.commit(try #require(HubName("org/small@refs/pr/1"))) == commit)
    #expect(hub.requests.contains { $0.target.hasSuffix("/revision/refs%2Fpr%2F1") })
  }

  @Test func shardsAreThoseOfTheIndex() async throws {
    let index =
      #"{"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}"#
    var files: [String: [UInt8]] = [
      "config.json": Array("{}".utf8), "tokenizer.json": Array("{}".utf8),
      "model.safetensors.index.json": Array(index.utf8),
      "model-1-of-2.safetensors": [1], "model-2-of-2.safetensors": [2],
      "consolidated.safetensors": [3],
    ]
    hub.add("org/small", files: files)
    try await pull()
    #expect(
      content("model-2-of-2.safetensors") == [2] && content("consolidated.safetensors") == nil)
    files["model-2-of-2.safetensors"] = nil
    hub.add("org/small", files: files)
    #expect(await failure().contains("model-2-of-2.safetensors"))
  }

  @Test func aHubThatListsFilesApartIsAskedForThem() async throws {
    hub.setFault { request, _ in request.target.contains("/revision/") ? .withoutFiles : nil }
    try await pull()
    #expect(cache.snapshot(name)?.files == Self.needed)
  }

  @Test func patternsChooseFiles() async throws {
    try await pull(nil, .files(["*.md", "onnx/*"]))
    #expect(cache.snapshot(name)?.files == ["README.md", "onnx/model.onnx", "onnx/config.json"])
    #expect(cache.snapshot(name)?.state == .partial)
    #expect(await failure(nil, .files(["*.xyz"])).contains("*.xyz"))
  }

  @Test func namesThatLeadOutOfTheFolderAreLeft() async throws {
    var files = Self.files
    files["../../../../escaped.json"] = Array("{}".utf8)
    hub.add("org/small", files: files)
    try await pull()
    try await pull(nil, .files(["*"]))
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    #expect(!names.contains { $0.contains("escaped") })
  }

  @Test func picklesAloneAreRefusedBeforeAnythingIsWritten() async {
    var files = Self.files
    files["model.safetensors"] = nil
    hub.add("org/small", files: files)
    let text = await failure()
    #expect(text.contains("pytorch_model.bin") && text.contains("save_pretrained"))
    #expect(!FileManager.default.fileExists(atPath: cache.folder(name)))
  }

  @Test func pythonsHalfDownloadsAreNotTakenForWhole() async throws {
    try await pull()
    let snapshot = try #require(cache.snapshot(name))
    let manager = FileManager.default
    try manager.removeItem(atPath: snapshot.path + "/modules.json")
    #expect(snapshot.state == .loadable)
    try manager.removeItem(atPath: snapshot.path + "/model.safetensors")
    #expect(snapshot.state == .partial)
  }

  // MARK: - Tokens

  @Test func theTokenReachesTheHubAlone() async throws {
    try await pull(nil, .model, ["HF_TOKEN": "hf_secret"])
    let (storage, own) = (hub.requests.filter(\.isStorage), hub.requests.filter { !$0.isStorage })
    #expect(!storage.isEmpty && storage.allSatisfy { $0.fields["authorization"] == nil })
    #expect(own.allSatisfy { $0.fields["authorization"] == "Bearer hf_secret" })
  }

  @Test func theTokenMayBeInAFile() async throws {
    try "hf_file\n".write(toFile: folder.path + "/token", atomically: true, encoding: .utf8)
    try await pull()
    #expect(hub.requests.first?.fields["authorization"] == "Bearer hf_file")
  }

  // MARK: - What goes wrong on the way

  @Test func aCutConnectionGoesOnWhereItWas() async throws {
    hub.setFault { request, before in
      request.isStorage && before < 3 ? .cut(after: 70_000) : nil
    }
    try await pull()
    #expect(content("model.safetensors") == Self.large)
    let ranges = hub.requests.filter(\.isStorage).compactMap { $0.fields["range"] }
    #expect(ranges == ["bytes=70000-", "bytes=140000-", "bytes=210000-"])
  }

  @Test func aLaterRunGoesOnWhereOneBroke() async throws {
    hub.setFault { request, before in
      request.isStorage ? before == 0 ? .cut(after: 100_000) : .status(404) : nil
    }
    #expect(await failure().contains("model.safetensors"))
    #expect(cache.commit(name) == nil && blobs.contains { $0.hasSuffix(".incomplete") })
    hub.setFault { _, _ in nil }
    hub.forgetRequests()
    try await pull()
    #expect(content("model.safetensors") == Self.large)
    #expect(hub.requests.filter(\.isStorage).map { $0.fields["range"] } == ["bytes=100000-"])
    #expect(blobs.allSatisfy { !$0.hasSuffix(".incomplete") })
  }

  @Test func aServerWithoutPartsIsReadWhole() async throws {
    hub.setFault { request, before in
      request.isStorage ? before == 0 ? .cut(after: 70_000) : .whole : nil
    }
    try await pull()
    #expect(content("model.safetensors") == Self.large)
  }

  @Test(arguments: ["model.safetensors", "config.json"])
  func changedBytesAreNotKept(file: String) async {
    hub.setFault { request, _ in
      let isLarge = file == "model.safetensors"
      return request.method == "GET" && request.isStorage == isLarge
        && (isLarge || request.target.hasSuffix(file)) ? .changed : nil
    }
    let text = await failure()
    #expect(text.contains(file) && text.contains("SHA-"))
    #expect(cache.commit(name) == nil && !blobs.contains { $0.hasSuffix(".incomplete") })
  }

  @Test func overloadAndErrorsOfTheServerPass() async throws {
    hub.setFault { request, before in
      switch (request.isStorage, before) {
      case (true, 0): .status(429, ["Retry-After": "1"])
      case (true, 1): .status(503)
      case (false, 0) where request.target.contains("/revision/"): .status(502)
      default: nil
      }
    }
    let start = ContinuousClock.now
    try await pull()
    #expect(content("model.safetensors") == Self.large)
    #expect(ContinuousClock.now - start >= .seconds(1))
  }

  @Test func aLongPauseIsSaidAtOnce() async {
    hub.setFault { _, _ in .status(429, ["Retry-After": "3600"]) }
    #expect(await failure().contains("3600 seconds"))
  }

  @Test(arguments: [
    (401, "GatedRepo", "", "Ask for it at"), (403, "GatedRepo", "hf_x", "account of your token"),
    (403, "", "hf_x", "Ask for it at"), (401, "", "", "HF_TOKEN"),
    (401, "", "hf_x", "does not accept the token"), (404, "RepoNotFound", "", "no such model"),
    (404, "RevisionNotFound", "", "no revision main"), (404, "", "", "no such model"),
    (500, "", "", "answers 500"),
  ])
  func refusalsSayWhatToDo(status: Int, code: String, token: String, words: String) async {
    hub.setFault { _, _ in .status(status, code.isEmpty ? [:] : ["X-Error-Code": code]) }
    let text = await failure(nil, .model, token.isEmpty ? [:] : ["HF_TOKEN": token])
    #expect(text.contains(words) && text.contains(hub.endpoint))
    #expect(!text.contains("\n") && !FileManager.default.fileExists(atPath: cache.folder(name)))
  }

  @Test func aMissingRevisionIsToldFromAMissingModelAndAMissingFile() async {
    #expect(await failure(HubName("org/small@v9")).contains("no revision v9"))
    #expect(await failure(HubName("org/none")).contains("no such model"))
    hub.setFault { request, _ in request.target.hasSuffix("/tokenizer.json") ? .status(404) : nil }
    #expect(await failure().contains("tokenizer.json at main"))
    hub.setFault { request, _ in request.target.contains("/revision/") ? .status(404) : nil }
    #expect(await failure().contains("no revision main"))
  }

  @Test func aFullDiskIsSeenBefore() async {
    hub.setFault { request, _ in
      request.method == "HEAD" && request.target.hasSuffix(".safetensors")
        ? .fields(with: ["X-Linked-Size": "900000000000000000"]) : nil
    }
    #expect(await failure().contains("are free"))
    #expect(cache.commit(name) == nil)
  }

  @Test func whatIsNoHubIsSaid() async throws {
    hub.setFault { request, _ in
      request.method == "HEAD" ? .fields(without: ["ETag", "X-Linked-Etag"]) : nil
    }
    #expect(await failure().contains("HF_ENDPOINT"))
    #expect(
      await failure(nil, .model, ["HF_ENDPOINT": "http://127.0.0.1:1"]).contains(
        "127.0.0.1:1 cannot be reached"))
    #expect(await failure(nil, .model, ["HF_ENDPOINT": "nonsense"]).contains("HF_ENDPOINT"))
  }

  @Test func proxiesOfTheEnvironmentAreAsked() throws {
    let outcome = try BuiltMartlet.run(
      ["pull", "org/small", "--no-weights"],
      environment: [
        "HF_HOME": folder.path, "HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": hub.endpoint,
        "http_proxy": "", "no_proxy": "", "NO_PROXY": "",
      ])
    #expect(outcome.code == 0, "\(outcome.text)")
    #expect(!hub.requests.isEmpty && hub.requests.allSatisfy(\.isProxied))
  }

  @Test func twoAtOnceDownloadOnce() async throws {
    async let one = pull()
    async let two = pull()
    let outcomes = try await [one, two]
    #expect(outcomes[0].path == outcomes[1].path)
    #expect(hub.requests.count { $0.isStorage && $0.method == "GET" } == 1)
  }

  @Test func aLockOfPythonsIsWaitedFor() async throws {
    let digest = try #require(
      try await {
        let outcome = try await pull()
        return try? FileManager.default.destinationOfSymbolicLink(
          atPath: outcome.path + "/model.safetensors")
      }()?.split(separator: "/").last)
    try FileManager.default.removeItem(atPath: "\(cache.folder(name))/blobs/\(digest)")
    let lock = open("\(cache.locks(name))/\(digest).lock", O_RDWR | O_CREAT, 0o644)
    try #require(lock >= 0 && flock(lock, LOCK_EX) == 0)
    let waiting = HubDownload(
      name, .model, settings: settings(), check: { _ in },
      report: { if case .locked = $0 { close(lock) } })
    _ = try await waiting.run()
    #expect(content("model.safetensors") == Self.large)
  }

  // MARK: - Deleting

  @Test func aRevisionGoesWithWhatItAloneHas() async throws {
    let old = try await pull()
    var files = Self.files
    files["config.json"] = Array("{}".utf8)
    hub.add("org/small", files: files)
    try await pull()
    #expect(cache.models().map { "\($0.name)" } == ["org/small", "org/small@\(old.commit)"])
    let freed = try cache.remove(try #require(HubName("org/small@\(old.commit)")))
    #expect(freed >= Self.files["config.json"]?.count ?? 0 && freed < 1000)
    #expect(cache.snapshot(name)?.state == .whole && content("model.safetensors") == Self.large)
    #expect(try cache.remove(name) > Self.large.count)
    #expect(cache.models().isEmpty && !FileManager.default.fileExists(atPath: cache.folder(name)))
    #expect(throws: HubError.self) { try cache.remove(name) }
  }
}

/// A folder of one test, which goes with it.
private final class TemporaryFolder: Sendable {
  let path = NSTemporaryDirectory() + "martlet-hub-\(UUID().uuidString)"

  init() {
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
