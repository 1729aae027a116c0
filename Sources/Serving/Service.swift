import Foundation
import HTTP
import Health
import JSON
import Logging
import Tensor
import Transformer

/// One load of settings, tokens and models: what the workers of one generation serve.
struct Service {
  let settings: ServeSettings
  /// The settings' own, with who may ask.
  let options: ServingOptions
  /// What the token file has that is worth a line of the log.
  let warnings: [String]
  /// Which row counts for which version; goes on from one load to the next.
  private(set) var registry: VersionRegistry
  private let tokenCounters: [String: Int]
  /// Handed from one load to the next, so that tickets outlive a reload of the certificate.
  private let ticketKeys: TicketKeys?
  /// Empty until `load`; for good in an arbiter whose workers load their own (`--no-preload`).
  private(set) var loaded: [LoadedModel] = []
  /// What traffic is compared with; nil where the default model has no good profile.
  private(set) var reference: ReferenceProfile?

  /// Reads the tokens and the certificate.
  /// - Throws: `ServingError`, `HTTPError`.
  init(_ settings: ServeSettings, after previous: Service?, rateLimiter: RateLimiter) throws {
    var tokenCounters = previous?.tokenCounters ?? [:]
    let tokens = try settings.access.tokenFile.map {
      try AccessTokens(path: $0, limit: settings.access.rateLimit, counters: &tokenCounters)
    }
    var options = settings.options
    let now = Int(time(nil))
    let ticketKeys = try options.tls.map { _ in try previous?.ticketKeys ?? TicketKeys(now: now) }
    if let ticketKeys, let certificate = options.tls {
      ticketKeys.advance(to: now)
      options.http.tls = try TLSContext(certificate, tickets: ticketKeys)
    }
    self.ticketKeys = ticketKeys
    options.access.tokens = tokens
    options.access.rateLimiter = rateLimiter
    options.access.corsOrigins = settings.access.corsOrigins
    self.settings = settings
    self.options = options
    self.tokenCounters = tokenCounters
    warnings = tokens?.warnings ?? []
    var registry = previous?.registry ?? VersionRegistry()
    // Here and not at loading, which may happen in a worker: its rows would not be the next generation's.
    for model in settings.models {
      _ = registry.index(
        model: model.name, version: ModelVersionDirectory(model.directory).version,
        role: model.role.name)
    }
    self.registry = registry
  }

  /// Reads and packs the models.
  /// - Throws: `ServingError`, `ModelError` or `TokenizationError`.
  mutating func load() throws {
    loaded = try LoadedModel.load(
      settings.models, defaultName: settings.defaultModel, precision: settings.precision,
      registry: &registry)
    guard let model = defaultModel else { return }
    let hasClasses = model.model.task.definition.hasProbabilities
    model.model.makesSketches = settings.monitoring.isOn && hasClasses
    reference =
      hasClasses
      ? Self.loadReference(directory: model.directory.path, labels: model.model.labels) : nil
  }

  /// Lets the models that answer compute over as many threads as the settings say. In the process that serves, where
  /// nothing forks any more. A shadow, which runs where nobody else would, stays on one.
  func useThreads() {
    guard settings.threads > 1 else { return }
    let pool = ComputePool(threads: settings.threads)
    for model in loaded where model.specification.role != .shadow { model.model.use(pool) }
  }

  /// The model that answers where none is named.
  var defaultModel: LoadedModel? {
    loaded.first { $0.isDefault && $0.specification.role == .primary }
  }

  /// Names and classes of the models besides the default one whose labels are taken.
  var otherClassifiers: [(name: String, labels: [String])] {
    loaded.filter { !$0.isDefault && $0.specification.role == .primary }.compactMap {
      guard $0.model.task.definition.hasProbabilities else { return nil }
      return ($0.specification.name, $0.model.labels)
    }
  }

  /// How many encoders run for what is served, apart from shadows; nil where each worker loads its own.
  var encoderCount: Int? {
    let answering = loaded.filter { $0.specification.role != .shadow }
    return answering.isEmpty ? nil : Set(answering.map(\.model.trunk)).count
  }

  /// Names and versions of all that is served, as `NAME/VERSION`.
  var versionNames: [String] {
    settings.models.map { "\($0.name)/\(ModelVersionDirectory($0.directory).version)" }
  }

  /// The profile beside the model. Without a good one the model is served all the same, and one line says why drift is
  /// not watched.
  private static func loadReference(directory: String, labels: [String]) -> ReferenceProfile? {
    let log = Logger(label: "martlet.health")
    do throws(HealthError) {
      let path = "\(directory)/\(ReferenceProfile.fileName)"
      let profile = try ReferenceProfile.load(path: path)
      if !profile.modelChecksum.isEmpty {
        try profile.check(weights: "\(directory)/model.safetensors", path: path)
      }
      guard ExactString.areEqual(profile.labels, labels) else {
        throw .malformed(path: path, what: "its labels are not the model's")
      }
      return profile
    } catch {
      log.warning("drift is not watched: \(error.localizedDescription)")
      return nil
    }
  }
}
