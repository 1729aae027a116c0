import ArgumentParser
import Foundation
import HTTP
import Health
import Logging
import Prefork
import Serving

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a model on POST /predict from a pool of workers.",
    discussion: """
      Options have Gunicorn's names. Signals: TERM stops gracefully, INT and QUIT at once, HUP \
      reloads the model without dropping a request, TTIN and TTOU add and remove a worker, USR1 \
      opens the logs anew.

      Examples:
        martlet serve Models/sms-spam
        martlet serve my-model -w 4 -b 0.0.0.0:5000
        martlet serve my-model -w 4 -b unix:/run/martlet.sock --access-logfile -
      """)

  @Argument(help: "Model directory.") var model: String
  @Option(name: .shortAndLong, help: "Worker processes.") var workers = 1
  @Option(
    name: .shortAndLong,
    help: "Address to listen on: HOST:PORT, [IPV6]:PORT, unix:PATH, fd://N; may be repeated.")
  var bind: [String] = ["127.0.0.1:5000"]
  @Option(help: "Address of /metrics and /monitor; 'none' for no such listener.")
  var adminBind = "127.0.0.1:5001"
  @Option(help: "File with the token that the admin listener asks for.") var adminTokenFile: String?
  @Option(help: "Connections that the kernel keeps waiting.") var backlog: Int32 = 2048
  @Option(name: .shortAndLong, help: "Seconds after which a hung worker is killed.")
  var timeout = 30.0
  @Option(help: "Seconds that a stopping worker has to finish.") var gracefulTimeout = 30.0
  @Option(help: "Seconds that an idle connection is kept.") var keepAlive = 75.0
  @Option(help: "Longest request line in bytes.") var limitRequestLine = 4094
  @Option(help: "Most header fields in a request.") var limitRequestFields = 100
  @Option(
    name: .customLong("limit-request-field_size"), help: "Longest header field in bytes.")
  var limitRequestFieldSize = 8190
  @Option(help: "Longest request body in bytes.") var limitRequestBody = 10_000_000
  @Option(help: "Access log: a file, or - for standard output.") var accessLogfile: String?
  @Option(help: "Access log format: logfmt, json.") var accessLogformat = "logfmt"
  @Option(help: "Log level: debug, info, warning, error.") var logLevel = "info"
  @Flag(help: "Check settings and model, and exit.") var checkConfig = false

  func run() throws {
    var configuration = ArbiterConfiguration()
    (configuration.workers, configuration.bind) = (workers, bind)
    configuration.adminBind = adminBind == "none" ? [] : [adminBind]
    (configuration.backlog, configuration.timeout) = (backlog, timeout)
    configuration.gracefulTimeout = gracefulTimeout
    try configuration.validate()
    guard let level = Logger.Level(rawValue: logLevel) else {
      throw ValidationError("--log-level \(logLevel): use debug, info, warning or error")
    }
    LoggingSystem.bootstrap { StandardErrorLogHandler(label: $0, level: level) }
    let slots = configuration.slotCount
    let memory = try SharedMemory(
      byteCount: Scoreboard.byteCount(slots: slots) + PoolCounters.byteCount(slots: slots)
        + HealthCounters.byteCount(slots: slots))
    let scoreboard = try Scoreboard(in: memory, slots: slots)
    var options = ServingOptions()
    options.http.keepAliveTimeout = keepAlive
    options.http.limits = try limits()
    options.requestTimeout = timeout
    let program = ServeProgram(
      directory: model, options: options, gracefulTimeout: gracefulTimeout, scoreboard: scoreboard,
      counters: try PoolCounters(in: memory, slots: slots),
      health: try HealthCounters(in: memory, slots: slots), accessLog: try accessLog(),
      adminToken: try adminToken())
    if checkConfig {
      try program.load()
      print("ok")
      return
    }
    let (workers, admin) = (workers, adminBind)
    let arbiter = try Arbiter(
      configuration: configuration, program: program, scoreboard: scoreboard,
      log: Logger(label: "martlet")
    ) { listeners in
      Self.announce(listeners, workers: workers, admin: admin, model: program.model?.name)
    }
    throw ExitCode(try arbiter.run())
  }

  private func limits() throws -> HTTPLimits {
    let values = [
      ("line", limitRequestLine), ("fields", limitRequestFields),
      ("field_size", limitRequestFieldSize), ("body", limitRequestBody),
    ]
    for (name, value) in values where !(1...1 << 30).contains(value) {
      throw ValidationError("--limit-request-\(name) \(value): use a number from 1 to 1073741824")
    }
    var limits = HTTPLimits()
    limits.requestLine = limitRequestLine
    limits.requestFields = limitRequestFields
    limits.requestFieldSize = limitRequestFieldSize
    limits.requestBody = limitRequestBody
    limits.requestHead = max(limits.requestHead, limitRequestLine + limitRequestFieldSize)
    return limits
  }

  private func accessLog() throws -> @Sendable () throws -> AccessLog? {
    guard let path = accessLogfile else { return { nil } }
    guard let format = AccessLog.Format(rawValue: accessLogformat) else {
      throw ValidationError("--access-logformat \(accessLogformat): use logfmt or json")
    }
    return {
      try path == "-"
        ? AccessLog(descriptor: 1, format: format) : AccessLog(path: path, format: format)
    }
  }

  private func adminToken() throws -> String? {
    guard let adminTokenFile else { return nil }
    let token = try String(contentsOfFile: adminTokenFile, encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    if token.isEmpty { throw ValidationError("\(adminTokenFile): holds no token") }
    return token
  }

  private static func announce(
    _ listeners: [ListeningSocket], workers: Int, admin: String, model: String?
  ) {
    let address = listeners.first?.localAddress ?? ""
    let target =
      address.hasPrefix("unix:")
      ? "--unix-socket \(address.dropFirst(5)) http://localhost" : "http://\(address)"
    let text = """
      ready: \(model ?? "model") on \(listeners.map(\.address).joined(separator: ", ")) with \
      \(workers) workers, admin on \(admin)
      try:   curl -s \(target)/predict -H 'Content-Type: application/json' \
      -d '{"input": "WINNER! Claim your free prize now, text YES to 80086"}'

      """
    // Not `print`, whose buffer would keep the line from a pipe and be copied by each fork.
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
