import HTTP
import JSON
import Transformer

/// The routes of the public listener.
struct PublicAPI: Sendable {
  let catalog: ModelCatalog
  let compute: ComputeQueue
  let options: ServingOptions
  let hooks: ServingHooks

  /// Every endpoint, in the order of the description.
  var endpoints: [Endpoint] {
    // `/v1/models/{model}` would match `NAME:predict` too: what is more exact goes first.
    let served =
      PredictAPI(api: self).endpoints + FeedbackAPI(api: self).endpoints
      + TensorFlowServingAPI(api: self).endpoints
      + ModelsAPI(catalog: catalog).endpoints + OpenInferenceAPI(api: self).endpoints
      + OpenAIAPI(api: self).endpoints + TextEmbeddingsAPI(api: self).endpoints
      + TokenizeAPI(api: self).endpoints
      + RerankAPI(api: self).endpoints + CohereAPI(api: self).endpoints
      + VLLMAPI(api: self).endpoints + InferenceAPI(api: self).endpoints
      + HealthAPI(hooks: hooks).endpoints + IndexAPI(api: self).endpoints
    return served + DescriptionAPI(described: served, options: options).endpoints
  }

  /// The router, and the paths that it knows whole.
  func router() throws -> (router: Router, paths: Set<String>) {
    var router = Router()
    let access = AccessControl(options: options.access)
    let names = modelNames
    let endpoints = endpoints
    for endpoint in endpoints { try router.add(endpoint, models: names, access: access) }
    for path in ["/metrics", "/monitor", "/debug"] {
      router.explain(
        path, detail: "This path is served by the admin listener alone, not by the public one.",
        mend: "Ask the admin address (--admin-bind), on the machine itself.")
    }
    explainMissing(&router)
    return (router, Set(endpoints.filter(\.holes.isEmpty).map(\.template)))
  }

  /// Protocols that no model here can speak say so, instead of a bare 404.
  private func explainMissing(_ router: inout Router) {
    let wanted: [(paths: [String], kind: ModelKind)] = [
      (["/v1/embeddings", "/embed", "/similarity", "/v1/embed", "/v2/embed"], .embedder),
      (["/rerank", "/v1/rerank", "/v2/rerank", "/score", "/v1/score"], .scorer),
      (["/classify"], .classifier),
    ]
    for (paths, kind) in wanted where names(kind).isEmpty {
      let problem = missing(kind)
      for path in paths { router.explain(path, detail: problem.detail, mend: problem.mend) }
    }
  }

  var modelNames: [String] { catalog.names }

  /// Every version's name, of all models.
  var versionNames: [String] {
    var seen = Set<String>()
    return catalog.versions.map(\.description.version).filter { seen.insert($0).inserted }
  }

  // MARK: - What endpoints share

  /// The version that a call names: its path's, or the one whose turn it is.
  func version(
    _ call: Call
  ) throws(Problem) -> (version: ServedVersion, deployment: ModelCatalog.Deployment) {
    let deployment = try deployment(call.model)
    guard let name = call.version else {
      return (deployment.version(for: call.request), deployment)
    }
    guard let version = deployment.version(named: name) else {
      let known = deployment.versions.map(\.description.version).joined(separator: ", ")
      throw Problem(
        status: .notFound, detail: "The model has no such version.", mend: "Use one of: \(known).")
    }
    return (version, deployment)
  }

  /// The deployment of a name; the default one for nil.
  func deployment(
    _ name: String?, pointer: String? = nil
  ) throws(Problem) -> ModelCatalog.Deployment {
    if let deployment = name == nil ? catalog.defaultDeployment : name.flatMap({ catalog[$0] }) {
      return deployment
    }
    throw Problem(
      status: .notFound, detail: "No model of this name is served.",
      mend: "Use one of: \(modelNames.joined(separator: ", ")).", pointer: pointer)
  }

  /// Sends texts to be predicted for; `answer` makes the answer on the compute queue.
  ///
  /// - Parameter pointer: where the request has each text.
  /// - Returns: nil: the answer comes later.
  func predict(
    _ call: Call, _ version: ServedVersion, shadow: ServedVersion?, inputs: [TextInput],
    isList: Bool, pointer: @escaping @Sendable (Int) -> String,
    answer: @escaping @Sendable ([Prediction]) throws(Problem) -> Response
  ) throws(Problem) -> Response? {
    try predict(
      call, [ComputeJob.Asked(version, shadow: shadow)], inputs: inputs, isList: isList,
      pointer: pointer
    ) { predictions throws(Problem) in try answer(predictions.first ?? []) }
  }

  /// Sends texts to several versions, a job for each trunk; `answer` makes one answer of what each version says.
  ///
  /// - Returns: nil: the answer comes later.
  func predict(
    _ call: Call, _ asked: [ComputeJob.Asked], inputs: [TextInput], isList: Bool,
    pointer: @escaping @Sendable (Int) -> String,
    answer: @escaping @Sendable ([[Prediction]]) throws(Problem) -> Response
  ) throws(Problem) -> Response? {
    var groups: [(trunk: ServedTrunk, places: [Int])] = []
    for (place, asked) in asked.enumerated() {
      let trunk = asked.version.trunk
      if let known = groups.firstIndex(where: { $0.trunk === trunk }) {
        groups[known].places.append(place)
      } else {
        groups.append((trunk, [place]))
      }
    }
    try checkWork(texts: inputs.count, trunks: groups.count)
    for asked in asked { try checkTokens(inputs, asked.version.description, at: pointer(0)) }
    let deadline = try call.request.arrival + timeout(call.request)
    let versions = asked.map(\.version.fullName).joined(separator: ", ")
    let joined = groups.count > 1 ? JoinedAnswer(count: asked.count) : nil
    let jobs = groups.map { trunk, places in
      ComputeJob(
        call: call, asked: places.map { asked[$0] }, trunk: trunk, joined: joined, inputs: inputs,
        isList: isList, deadline: deadline,
        tokenEstimate: places.map { asked[$0].version.description.tokenEstimate(inputs) }.max()
          ?? 0,
        pointer: pointer
      ) { predictions throws(Problem) in
        var all = predictions
        if let joined {
          guard let whole = joined.add(predictions, at: places) else { return nil }
          all = whole
        }
        var response = try answer(all)
        response.fields.append(("X-Model-Version", versions))
        return response
      }
    }
    switch compute.enqueue(jobs) {
    case .taken: return nil
    case .refused(let seconds): throw ComputeJob.full(retryAfter: seconds)
    }
  }

  /// Refuses what is more to compute than one request may bring: each encoder reads each text.
  private func checkWork(texts: Int, trunks: Int) throws(Problem) {
    let (work, maximum) = (texts * trunks, options.maximumTextsPerRequest)
    if trunks > 1 && work > maximum {
      throw Problem(
        status: .unprocessableContent,
        detail: "These models have \(trunks) different encoders, each of which reads the \(texts) "
          + "texts; \(work) are more than the \(maximum) of a request.",
        mend: "Send shorter lists, or ask fewer models at a time.", pointer: "/input")
    }
  }

  /// Refuses inputs of several sequences each that are together more than as many texts as a request may have, each as long as the
  /// model reads.
  private func checkTokens(
    _ inputs: [TextInput], _ model: ModelDescription, at pointer: String
  ) throws(Problem) {
    let maximum = options.maximumTextsPerRequest * model.maximumTokens
    let tokens = model.tokenEstimate(inputs)
    guard tokens > maximum else { return }
    throw Problem(
      status: .unprocessableContent,
      detail:
        "With all windows or labels these inputs are some \(tokens) tokens; a request may have \(maximum).",
      mend: "Send fewer or shorter texts, or fewer labels, at a time.", pointer: pointer)
  }

  /// Refuses at once what would find no place, before its body is read as JSON.
  func refuseIfFull(_ call: Call) throws(Problem) {
    if case .refused(let seconds) = compute.refusal(of: call) {
      throw ComputeJob.full(retryAfter: seconds)
    }
  }

  /// Nanoseconds that the client waits: `X-Request-Timeout-Ms`, at most the server's own limit.
  private func timeout(_ request: Request) throws(Problem) -> Int64 {
    let own = Int64(options.requestTimeout * 1e9)
    guard let text = request.field("x-request-timeout-ms") else { return own }
    guard let milliseconds = Int64(text), (0...86_400_000).contains(milliseconds) else {
      throw Problem(
        status: .badRequest, detail: "X-Request-Timeout-Ms is not a number of milliseconds.",
        mend: "Send a whole number from 0 to 86400000, or leave the field out.")
    }
    return min(own, milliseconds * 1_000_000)
  }
}
