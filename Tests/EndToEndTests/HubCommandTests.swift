import Foundation
import JSON
import LoopbackClient
import SmallHub
import TestDaemon
import Testing

/// Commands that are given a name, against a hub of our own and a cache of one test.
@Suite(.enabled(if: BuiltMartlet.isThere, "needs the built martlet and Models/sms-spam"))
struct HubCommandTests {
  private let hub: SmallHub
  private let folder = NSTemporaryDirectory() + "martlet-hub-\(UUID().uuidString)"

  init() throws {
    hub = try SmallHub()
    try hub.add("org/spam", directory: BuiltMartlet.model)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private var environment: [String: String] {
    [
      "HF_HOME": folder, "HF_ENDPOINT": hub.endpoint, "HF_HUB_OFFLINE": "", "HF_TOKEN": "",
      "HF_HUB_CACHE": "",
    ]
  }

  private func run(
    _ arguments: String..., with extra: [String: String] = [:]
  ) throws -> (code: Int32, text: String) {
    try BuiltMartlet.run(arguments, environment: environment.merging(extra) { $1 })
  }

  private func clean() { try? FileManager.default.removeItem(atPath: folder) }

  @Test func aNameIsAsGoodAsADirectory() throws {
    defer { clean() }
    let text = "WIN a FREE prize now"
    let own = try run("predict", BuiltMartlet.model, "--text", text)
    let first = try run("predict", "org/spam", "--text", text)
    #expect(
      first.code == 0 && first.text.hasSuffix(own.text) && first.text.contains("pulled org/spam"))
    hub.forgetRequests()
    let second = try run("predict", "org/spam@main", "--text", text)
    #expect(second.code == 0 && second.text == own.text && hub.requests.isEmpty)
    for command in [
      ["inspect"], ["tokenize", "--text", text], ["embed", "--text", text, "--pooling", "mean"],
    ] {
      let arguments = [command[0], "org/spam"] + command.dropFirst()
      #expect(try BuiltMartlet.run(arguments, environment: environment).code == 0)
    }
    #expect(hub.requests.isEmpty)
  }

  @Test func tokenizingNeedsNoWeights() throws {
    defer { clean() }
    #expect(try run("tokenize", "org/spam", "--text", "free").code == 0)
    #expect(!hub.requests.contains { $0.target.hasSuffix(".safetensors") })
  }

  @Test func aDirectoryOfThatNameWins() throws {
    defer { clean() }
    let process = Process()
    process.executableURL = BuiltMartlet.binary
    process.arguments = ["predict", "org/spam", "--text", "free"]
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let place = folder + "/work/org"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: BuiltMartlet.model, toPath: place + "/spam")
    process.currentDirectoryURL = URL(fileURLWithPath: folder + "/work")
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0 && hub.requests.isEmpty)
  }

  @Test(arguments: [
    ("../x", "no such model directory"), ("a/b/c", "no such model directory"),
    ("org/none", "no such model"), ("org/spam@v2", "no revision v2"),
  ])
  func whatIsNoModelIsSaidInOneLine(name: String, words: String) throws {
    defer { clean() }
    let outcome = try run("predict", name, "--text", "a")
    #expect(
      outcome.code != 0 && outcome.text.contains(words)
        && outcome.text.contains(name.split(separator: "@")[0]))
    #expect(outcome.text.split(separator: "\n").count == 1)
  }

  @Test func withoutANetworkTheCacheIsEnough() throws {
    defer { clean() }
    let offline = ["HF_HUB_OFFLINE": "1"]
    let missing = try run("predict", "org/spam", "--text", "a", with: offline)
    #expect(missing.code != 0 && missing.text.contains("HF_HUB_OFFLINE"))
    let nobody = try run(
      "predict", "org/spam", "--text", "a", with: ["HF_ENDPOINT": "http://127.0.0.1:1"])
    #expect(nobody.code != 0 && nobody.text.contains("no such directory here, not in the cache"))
    #expect(try run("pull", "org/spam").code == 0)
    #expect(try run("predict", "org/spam", "--text", "a", with: offline).code == 0)
    #expect(hub.requests.contains { $0.method == "HEAD" })
  }

  @Test func whatPythonLeftOutIsBroughtWithoutANewerCommit() throws {
    defer { clean() }
    let text = ["predict", "org/spam", "--text", "a"]
    #expect(try run("pull", "org/spam").code == 0)
    // Python asks for each file by itself, and remembers what it did not find.
    try FileManager.default.removeItem(atPath: folder + "/hub/models--org--spam/.no_exist")
    let dead = environment.merging(["HF_ENDPOINT": "http://127.0.0.1:1"]) { $1 }
    let alone = try BuiltMartlet.run(text, environment: dead)
    #expect(alone.code == 0 && alone.text.contains("cannot be reached"))
    #expect(alone.text.contains("Going on with what the cache has of org/spam"))
    let commit = try #require(
      try FileManager.default.contentsOfDirectory(
        atPath: folder + "/hub/models--org--spam/snapshots"
      ).first)
    #expect(try hub.add("org/spam", "old", directory: BuiltMartlet.model) == commit)
    hub.add("org/spam", files: ["config.json": [1]])
    let whole = try BuiltMartlet.run(text, environment: environment)
    #expect(whole.code == 0 && whole.text.split(separator: "\n").count == 1)
    hub.forgetRequests()
    #expect(try BuiltMartlet.run(text, environment: environment).text == whole.text)
    #expect(hub.requests.isEmpty)
  }

  @Test func modelsAreListedAndDeleted() throws {
    defer { clean() }
    #expect(try run("models").text.contains("no models"))
    #expect(try run("pull", "org/spam").code == 0)
    hub.add(
      "org/odd",
      files: ["config.json": Array(#"{"model_type": "unheard"}"#.utf8), "model.safetensors": [1]])
    let odd = try run("pull", "org/odd")
    #expect(odd.code != 0 && odd.text.contains("unheard") && odd.text.contains("not downloaded"))
    let list = try run("models", "--json")
    let models = try #require(try JSONValue(parsing: Array(list.text.utf8))["models"]?.arrayValue)
    let spam = try #require(models.first { $0["name"]?.stringValue == "org/spam" })
    #expect(
      spam["task"]?.stringValue == "text-classification" && spam["can_be_served"]?.boolValue == true
    )
    #expect((spam["bytes"]?.intValue ?? 0) > 100_000)
    let other = try #require(models.first { $0["name"]?.stringValue?.hasPrefix("org/odd") == true })
    #expect(other["problem"]?.stringValue?.contains("unheard") == true)
    #expect(try run("models").text.contains("org/spam"))
    #expect(try run("models", "rm", "org/spam").code == 0)
    let gone = try run("models", "rm", "org/spam")
    #expect(gone.code != 0 && gone.text.contains("not in the cache"))
  }

  @Test func installingPullsFirst() throws {
    defer { clean() }
    let process = Process()
    process.executableURL = BuiltMartlet.root.appendingPathComponent("deploy/install.sh")
    let root = folder + "/root"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    process.arguments = [
      "--root", root, "--binary", BuiltMartlet.binary.path, "--model", "org/spam",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let served = root + "/var/lib/martlet/model"
    #expect(
      FileManager.default.contentsEqual(
        atPath: served + "/model.safetensors", andPath: BuiltMartlet.model + "/model.safetensors"))
    #expect(!FileManager.default.fileExists(atPath: folder + "/hub"))
    // The daemon finds an adapter's base there, and asks nobody.
    let unit = try String(
      contentsOfFile: root + "/etc/systemd/system/martlet.service", encoding: .utf8)
    #expect(unit.contains("HF_HUB_OFFLINE=1"))
    #expect(FileManager.default.fileExists(atPath: root + "/var/lib/martlet/huggingface/hub"))
  }

  @Test func anAdapterBringsItsBase() throws {
    defer { clean() }
    let train = [
      "train", folder + "/rows.tsv", "--from", "org/spam", "--lora", "2", "--lora-save", "adapter",
      "-o", folder + "/adapter", "--epochs", "1", "--threads", "1", "--batch", "8",
    ]
    let rows = (0..<40).map { "\($0 % 2 == 0 ? "ham" : "spam")\tw\($0 % 2) x\($0 % 5)\n" }.joined()
    try rows.write(toFile: folder + "/rows.tsv", atomically: true, encoding: .utf8)
    let trained = try BuiltMartlet.run(train, environment: environment)
    #expect(trained.code == 0, "\(trained.text)")
    let config = try JSONValue(
      parsing: Array(
        Data(contentsOf: URL(fileURLWithPath: folder + "/adapter/adapter_config.json"))))
    #expect(config["base_model_name_or_path"]?.stringValue == "org/spam")
    try hub.add("org/adapter", directory: folder + "/adapter")
    let other = ["HF_HOME": folder + "/other"]
    let answer = try run("predict", "org/adapter", "--text", "free", with: other)
    let lines = answer.text.split(separator: "\n")
    #expect(answer.code == 0 && lines.count == 3, "\(answer.text)")
    #expect(try run("predict", folder + "/adapter", "--text", "free").text == lines[2] + "\n")
    #expect(
      try run("predict", "org/adapter", "--text", "a", with: other).text.split(separator: "\n")
        .count == 1)
  }

  @Test func aPoolServesANameUnderThatNameAndAliases() throws {
    defer { clean() }
    let daemon = try ServeProcess(
      ["-w", "2", "--alias", "org/spam=spam:latest"], models: ["org/spam"], environment: environment
    )
    // The arbiter would refuse to fork if the download had left a thread.
    #expect(daemon.workers.count == 2)
    func ask(_ path: String) throws -> LoopbackClient.Answer {
      let client = LoopbackClient(port: daemon.port)
      let body = #"{"input":"Call now to claim your prize"}"#
      client.send(
        "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
      return try #require(client.readAnswer())
    }
    for name in ["org%2Fspam", "org/spam", "spam:latest", "spam%3Alatest"] {
      let answer = try ask("/models/\(name)/predict")
      #expect(
        answer.status == 200 && answer.fields["x-model-version"]?.hasPrefix("org/spam/") == true)
    }
    func get(_ path: String) throws -> LoopbackClient.Answer {
      let client = LoopbackClient(port: daemon.port)
      client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      return try #require(client.readAnswer())
    }
    let list = try JSONValue(parsing: Array(get("/v1/models").body.utf8))["data"]?.arrayValue ?? []
    #expect(list.compactMap { $0["id"]?.stringValue } == ["org/spam", "spam:latest"])
    #expect(list.last?["alias_of"]?.stringValue == "org/spam")
    let version = try #require(list.first?["version"]?.stringValue)
    for name in ["org/spam", "org%2Fspam", "spam:latest"] {
      #expect(try get("/v1/models/\(name)").status == 200)
      #expect(try get("/v2/models/\(name)/versions/\(version)/ready").status == 200)
    }
    let unknown = try ask("/models/other/predict")
    #expect(unknown.status == 404 && unknown.body.contains("org/spam, spam:latest"))
    // What is pulled while it serves is served after a reload.
    var files: [String: [UInt8]] = [:]
    for name in [
      "config.json", "tokenizer.json", "model.safetensors", "vocab.txt", "tokenizer_config.json",
    ] {
      files[name] = FileManager.default.contents(atPath: "\(BuiltMartlet.model)/\(name)").map(
        Array.init)
    }
    let commit = hub.add("org/spam", files: files)
    #expect(try run("pull", "org/spam").code == 0)
    #expect(daemon.reload())
    #expect(BuiltMartlet.wait { daemon.workers.count == 2 })
    #expect(try ask("/predict").fields["x-model-version"] == "org/spam/\(commit.prefix(12))")
  }
}
