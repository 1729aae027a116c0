import ArgumentParser
import Files
import Foundation
import Logging
import Prefork
import Serving
import Settings

/// One group of options for each concern, each in a file of its own beside this one. A group knows its names, checks its
/// values in `validate`, and writes them into the settings of what it is for. An option that is added to a group can be
/// set in the environment and in `martlet.toml` at once, because `SettingsLayers` reads their names from the help.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a model on POST /predict from a pool of workers.",
    discussion: """
      Options have Gunicorn's names. Each can also be set in the environment (--max-requests as \
      MARTLET_MAX_REQUESTS) and in a file (max_requests = 1000 in martlet.toml); the command line \
      beats the environment, which beats the file.

      Signals: TERM stops gracefully (after --drain-delay), INT and QUIT at once. HUP reads the file and the model anew \
      without dropping a request, and keeps the old ones if the new are bad. USR2 starts the \
      binary anew on the same sockets; then TERM ends this one, or WINCH its workers alone. TTIN \
      and TTOU add and remove a worker. USR1 opens the logs anew.

      Examples:
        martlet serve Models/sms-spam
        martlet serve my-model -w 4 -b 0.0.0.0:5000
        martlet serve BAAI/bge-small-en-v1.5 --alias BAAI/bge-small-en-v1.5=bge
        martlet serve my-model -w 4 -b unix:/run/martlet.sock --access-logfile -
        martlet serve spam=Models/sms-spam topics=ag-news --canary topics=ag-news-2:5%
        martlet serve my-model --token-file /etc/martlet/tokens --rate-limit 100/s
        martlet serve my-model -b 0.0.0.0:443 --certfile chain.pem --keyfile key.pem
        martlet serve -c /etc/martlet.toml --check-config
      """)

  @OptionGroup(title: "Models") var models: ModelArguments
  @OptionGroup(title: "Models") var precision: PrecisionOption
  @OptionGroup(title: "Models") var weightCache: WeightCacheOptions
  @OptionGroup(title: "Access") var access: AccessArguments
  @OptionGroup(title: "Pool") var pool: PoolOptions
  @OptionGroup(title: "Connections") var connections: ConnectionOptions
  @OptionGroup(title: "TLS") var tls: TLSOptions
  @OptionGroup(title: "Proxies") var proxies: ProxyOptions
  @OptionGroup(title: "Admin") var admin: AdminOptions
  @OptionGroup(title: "Model health") var health: HealthArguments
  @OptionGroup(title: "Logs") var logs: LogOptions
  @Option(
    name: .shortAndLong,
    help: "File of settings; by default martlet.toml in the working directory, if it is there.")
  var config: String?
  @Flag(help: "Check settings and model, say what would run, and exit.") var checkConfig = false
  @Flag(help: "Print every setting as a file would have it, with who set it, and exit.")
  var printConfig = false

  func run() throws {
    if printConfig { return try Console.print(Self.layers().text, terminator: "") }
    let settings = try settings(mayDownload: true)
    try settings.pool.validate()
    ErrorLog.bootstrap()
    // Who checks may be another user, whose file the daemon could not write.
    if !checkConfig { try ErrorLog.set(settings.errorLog) }
    let readyFile = try pool.readyFile.map(ReadyFile.init)
    let slots = settings.pool.slotCount
    let memory = try SharedMemory(
      byteCount: Scoreboard.byteCount(slots: slots)
        + ServeProgram.Counters.byteCount(slots: slots))
    let scoreboard = try Scoreboard(in: memory, slots: slots)
    var isFirst = true
    let program = ServeProgram(
      settings: {
        defer { isFirst = false }
        return isFirst ? settings : try Self.reread()
      },
      scoreboard: scoreboard, counters: try ServeProgram.Counters(in: memory, slots: slots))
    if checkConfig { return try check(program, settings) }
    readyFile?.removeLeftover()
    let log = Logger(label: "martlet")
    if let crowding = pool.crowding { log.warning("\(crowding)") }
    var isAnnounced = false
    let arbiter = Arbiter(
      program: program, scoreboard: scoreboard, exchange: program.exchange, log: log
    ) { [self] pool in
      do throws(PreforkError) {
        try readyFile?.write(pool, scheme: program.scheme, models: program.servedModels)
      } catch {
        log.error("\(error.localizedDescription)")
      }
      if !isAnnounced { announce(pool.listeners, models: program.readyNames) }
      isAnnounced = true
    }
    defer { readyFile?.remove() }
    throw ExitCode(try arbiter.run())
  }

  /// The command line, the environment and the file, as they are now.
  static func layers() throws -> SettingsLayers {
    let words = Array(CommandLine.arguments.dropFirst(2))
    return try SettingsLayers(
      arguments: words, environment: ProcessInfo.processInfo.environment,
      options: CommandDescription(help: _dumpHelp()).options, defaultFile: "martlet.toml")
  }

  /// What the settings are now, at a reload.
  private static func reread() throws -> ServeSettings {
    try parse(layers().arguments).settings(mayDownload: false)
  }

  private func settings(mayDownload: Bool) throws -> ServeSettings {
    var settings = ServeSettings(
      models: try models.specifications(mayDownload: mayDownload), access: try access.settings())
    settings.defaultModel = models.defaultModel
    settings.precision = precision.precision
    models.apply(to: &settings.options)
    settings.pool = pool.configuration
    settings.threads = pool.threads.count
    settings.pool.adminBind = admin.addresses
    settings.sharesSlices = pool.share == .on && pool.preload
    settings.options.requestTimeout = pool.timeout
    settings.options.tls = tls.configuration
    connections.apply(to: &settings.options.http)
    try proxies.apply(to: &settings.options.http)
    settings.adminToken = try admin.token()
    settings.monitoring = try health.settings()
    try logs.apply(to: &settings)
    return settings
  }

  private func check(_ program: ServeProgram, _ settings: ServeSettings) throws {
    _ = try program.prepare()
    try program.check()
    let names = settings.models.filter { $0.role == .primary }.map(\.name)
    let admin = settings.pool.adminBind.first ?? "none"
    try Console.print(
      """
      ok: would serve \(names.joined(separator: ", ")) on \(settings.pool.bind.joined(separator: ", ")) with \
      \(pool.description), admin on \(admin)
      """)
  }

  private func announce(_ listeners: [ListeningSocket], models: [String]) {
    let address = listeners.first?.localAddress ?? ""
    let scheme = tls.configuration == nil ? "http" : "https"
    let target =
      address.hasPrefix("unix:")
      ? "--unix-socket \(address.dropFirst(5)) \(scheme)://localhost" : "\(scheme)://\(address)"
    let text = """
      ready: \(models.joined(separator: ", ")) on \
      \(listeners.map(\.address).joined(separator: ", ")) with \
      \(pool.description), admin on \(admin.adminBind)
      try:   curl -s \(target)/predict -H 'Content-Type: application/json' \
      -d '{"input": "WINNER! Claim your free prize now, text YES to 80086"}'

      """
    // A daemon serves whether or not this is read.
    try? Console.print(text, terminator: "")
  }
}
