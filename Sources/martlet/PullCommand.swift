import ArgumentParser
import CSystem
import Files
import Foundation
import Hub
import HubCache
import Synchronization
import Transformer

struct Pull: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring a model from a hub into the cache that Python uses, or bring it up to date.",
    discussion: """
      Downloads what serving needs: settings, tokenizer, and weights as safetensors; pickles never. What is there is not downloaded \
      again, what broke off goes on, and each file is compared with what the hub says of it. Prints the folder of the files. \
      Commands that take a model do the same by themselves where its name is not in the cache yet.

      The environment says where to and where from, as for huggingface_hub: HF_HOME or HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN or \
      HF_TOKEN_PATH, HF_HUB_OFFLINE, https_proxy.

      Examples:
        martlet pull BAAI/bge-small-en-v1.5
        martlet pull BAAI/bge-small-en-v1.5@v1.5
        martlet pull org/model@refs/pr/3
        martlet pull org/model --include 'onnx/*' --include README.md
        HF_HOME=/srv/models martlet pull org/model
      """)

  @Argument(
    help: ArgumentHelp(
      "NAME or ORGANISATION/NAME, and @REVISION: a branch, a tag, refs/pr/N or a commit.",
      valueName: "name[@revision]"))
  var names: [String]
  @Option(help: "Only files that fit this pattern, such as '*.json'; may be repeated.")
  var include: [String] = []
  @Flag(help: "Leave out the weights: enough for martlet tokenize.") var noWeights = false
  @Flag(help: .hidden) var forCommand = false
  @Flag(help: .hidden) var orCopy = false

  func validate() throws {
    if noWeights && !include.isEmpty {
      throw ValidationError("--no-weights and --include exclude each other")
    }
  }

  func run() throws {
    // Whoever asked for the model may be ended; nobody would wait for it then.
    if forCommand { _ = martlet_set_parent_death_signal(SIGTERM) }
    let settings = HubSettings()
    let names = try names.map { text in
      guard let name = HubName(text) else { throw HubError.badName(text) }
      return name
    }
    for name in names {
      if settings.isOffline { throw HubError.offline(name: "\(name)", cache: settings.cache) }
      do {
        let outcome = try bring(name, settings)
        try Console.print(outcome.path)
      } catch let error as HubError where orCopy {
        Console.say("\(error.localizedDescription) Going on with what the cache has of \(name.id).")
      } catch HubError.unreachable(let endpoint, let reason) where forCommand {
        throw HubError.notReached(name: "\(name)", endpoint: endpoint, reason: reason)
      }
    }
  }

  private var part: HubDownload.Part {
    include.isEmpty ? (noWeights ? .settings : .model) : .files(include)
  }

  /// Brings a model and, for an adapter, its base.
  private func bring(_ name: HubName, _ settings: HubSettings) throws -> HubDownload.Outcome {
    let outcome = try download(name, settings)
    if case .model = part, let base = try AdapterConfiguration.missingBase(of: outcome.path) {
      _ = try download(base, settings)
    }
    return outcome
  }

  private func download(_ name: HubName, _ settings: HubSettings) throws -> HubDownload.Outcome {
    let display = PullDisplay("\(name)")
    let download = HubDownload(name, part, settings: settings, check: Self.check) {
      display.show($0)
    }
    let result = Self.wait { try await download.run() }
    display.finish()
    let outcome = try result.get()
    if outcome.files > 0 || !forCommand {
      let what =
        outcome.files == 0
        ? "up to date" : "\(outcome.files) files, \(HubError.size(outcome.bytes))"
      Console.say("pulled \(name): \(what), commit \(outcome.commit.prefix(12))")
    }
    return outcome
  }

  /// Before the weights come: whether they would be of use.
  private static func check(_ directory: String) throws {
    do {
      _ = try ModelDirectory.describe(directory)
    } catch let error as ModelError {
      if case .unsupported = error { throw NotSupported(reason: error.localizedDescription) }
    } catch {}
  }

  private struct NotSupported: LocalizedError {
    let reason: String
    var errorDescription: String? {
      reason + " Its weights are not downloaded; --include '*' takes everything without asking."
    }
  }

  /// What `body` gives, in a thread that may block.
  private static func wait<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) -> Result<Value, any Error> {
    let (done, result) = (DispatchSemaphore(value: 0), ResultBox<Value>())
    Task {
      do {
        let value = try await body()
        result.value.withLock { $0 = .success(value) }
      } catch {
        result.value.withLock { $0 = .failure(error) }
      }
      done.signal()
    }
    done.wait()
    return result.value.withLock { $0 }
  }

  private final class ResultBox<Value: Sendable>: Sendable {
    let value = Mutex<Result<Value, any Error>>(.failure(CancellationError()))
  }
}
