import HTTP
import JSON
import Transformer

/// The models of a worker by name, and which of a name's versions answers a request.
public struct ModelCatalog: Sendable {
  /// What is served under one name.
  public struct Deployment: Sendable {
    /// Answers, but for what the canary takes.
    public let primary: ServedVersion
    /// Answers a share of the requests.
    public let canary: (version: ServedVersion, share: Double)?
    /// Is asked as well, and answers nobody.
    public let shadow: ServedVersion?

    var versions: [ServedVersion] { [primary, canary?.version, shadow].compactMap { $0 } }
  }

  /// The deployments in the order of the command line, the default first.
  public let deployments: [Deployment]
  private let byName: [String: Int]

  /// A catalog of versions in which each name has one primary. The default model is the first that says so.
  /// - Throws: `ServingError.badModel` for a canary or shadow without its primary, or that answers otherwise than it.
  public init(_ versions: [ServedVersion]) throws(ServingError) {
    for (index, version) in versions.enumerated() {
      let trunk = version.predictor.trunk
      if let other = versions[..<index].first(where: { $0.predictor.trunk == trunk }) {
        version.joinTrunk(of: other)
      }
    }
    var deployments: [Deployment] = []
    for primary in versions where primary.role == .primary {
      let name = primary.description.name
      if deployments.contains(where: { $0.primary.description.name == name }) {
        throw .badModel(
          text: name, reason: "two models have this name", mend: "Give each a name: NAME=DIR.")
      }
      let others = versions.filter { $0.description.name == name && $0.role != .primary }
      for other in others { try Self.check(other, against: primary) }
      let canaries = others.compactMap { version -> (ServedVersion, Double)? in
        if case .canary(let share) = version.role { (version, share) } else { nil }
      }
      let shadows = others.filter { $0.role == .shadow }
      if canaries.count > 1 || shadows.count > 1 {
        throw .badModel(
          text: name, reason: "it has more than one canary or shadow",
          mend: "Give a name one --canary and one --shadow at most.")
      }
      deployments.append(
        Deployment(primary: primary, canary: canaries.first, shadow: shadows.first))
    }
    for version in versions {
      let name = version.description.name
      if !deployments.contains(where: { $0.primary.description.name == name }) {
        throw .badModel(
          text: name, reason: "no model of this name is served",
          mend: "Name a model that is served, in --canary and --shadow.")
      }
    }
    if let index = deployments.firstIndex(where: { $0.primary.isDefault }) {
      deployments.insert(deployments.remove(at: index), at: 0)
    }
    self.deployments = deployments
    let names = deployments.enumerated().map { ($1.primary.description.name, $0) }
    let aliases = deployments.enumerated().flatMap { index, deployment in
      deployment.primary.aliases.map { ($0, index) }
    }
    // A name goes before an alias.
    byName = Dictionary(names + aliases, uniquingKeysWith: { first, _ in first })
  }

  /// Clients see one contract under one name, whichever version answers.
  private static func check(
    _ other: ServedVersion, against primary: ServedVersion
  ) throws(ServingError) {
    let (a, b) = (primary.description, other.description)
    if a.task != b.task || !ExactString.areEqual(a.labels, b.labels)
      || a.embeddingDimension != b.embeddingDimension
    {
      throw .badModel(
        text: "\(a.name)", reason: "its \(other.role.name) has another task, or other labels",
        mend: "Serve a model with another contract under a name of its own: NAME2=DIR.")
    }
  }

  /// Every version, each model's primary first.
  public var versions: [ServedVersion] { deployments.flatMap(\.versions) }

  /// The model that answers where none is named; nil in an empty catalog.
  public var defaultDeployment: Deployment? { deployments.first }

  /// Every name that a request may ask for, aliases behind the names.
  var names: [String] {
    let own = deployments.map(\.primary.description.name)
    return own + byName.keys.filter { !own.contains($0) }.sorted()
  }

  /// The deployment of a name or an alias.
  public subscript(name: String) -> Deployment? { byName[name].map { deployments[$0] } }

  /// The first deployment whose model has this task.
  func first(_ task: ModelTask) -> Deployment? {
    deployments.first { $0.primary.description.task == task }
  }
}

extension ModelCatalog.Deployment {
  /// The version that answers this request.
  ///
  /// The canary's share is taken by a hash of `X-Sticky-Key`, so that one user always meets one version, and without that
  /// field by a hash of the request id.
  func version(for request: Request) -> ServedVersion {
    guard let canary else { return primary }
    let hash: UInt64
    if let key = request.fieldBytes("x-sticky-key") {
      hash = Self.hash(key)
    } else {
      hash = Self.hash(request.id.utf8)
    }
    return Double(hash >> 11) * 0x1p-53 < canary.share ? canary.version : primary
  }

  /// The version of this name.
  func version(named name: String) -> ServedVersion? {
    versions.first { $0.description.version == name }
  }

  /// FNV-1a and MurmurHash3's finaliser, so that the high bits depend on every byte.
  private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = (hash ^ hash >> 33) &* 0xff51_afd7_ed55_8ccd
    hash = (hash ^ hash >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return hash ^ hash >> 33
  }
}
