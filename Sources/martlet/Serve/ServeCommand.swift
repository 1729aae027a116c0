import ArgumentParser
import Foundation
import Health
import Logging
import Prefork
import Serving

/// One group of options for each concern, each in a file of its own beside this one. A group knows its names, checks its
/// values in `validate`, and writes them into the settings of what it is for.
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
        martlet serve spam=Models/sms-spam topics=ag-news --canary topics=ag-news-2:5%
        martlet serve my-model --token-file /etc/martlet/tokens --rate-limit 100/s
      """)

  @OptionGroup(title: "Models") var models: ModelArguments
  @OptionGroup(title: "Access") var access: AccessArguments
  @OptionGroup(title: "Pool") var pool: PoolOptions
  @OptionGroup(title: "Connections") var connections: ConnectionOptions
  @OptionGroup(title: "Admin") var admin: AdminOptions
  @OptionGroup(title: "Logs") var logs: LogOptions
  @Flag(help: "Check settings and model, and exit.") var checkConfig = false

  func run() throws {
    var configuration = pool.configuration
    configuration.adminBind = admin.addresses
    try configuration.validate()
    logs.bootstrap()
    let slots = configuration.slotCount
    let memory = try SharedMemory(
      byteCount: Scoreboard.byteCount(slots: slots)
        + ServeProgram.Counters.byteCount(slots: slots))
    let scoreboard = try Scoreboard(in: memory, slots: slots)
    let program = ServeProgram(
      models: try models.specifications(), defaultModel: models.defaultModel,
      access: try access.settings(), options: servingOptions,
      gracefulTimeout: pool.gracefulTimeout, scoreboard: scoreboard,
      counters: try ServeProgram.Counters(in: memory, slots: slots), accessLog: logs.accessLog,
      adminToken: try admin.token())
    if checkConfig {
      try program.load()
      print("ok")
      return
    }
    let arbiter = try Arbiter(
      configuration: configuration, program: program, scoreboard: scoreboard,
      log: Logger(label: "martlet")
    ) { [self] in announce($0, models: program.modelNames) }
    throw ExitCode(try arbiter.run())
  }

  private var servingOptions: ServingOptions {
    var options = ServingOptions()
    options.requestTimeout = pool.timeout
    connections.apply(to: &options.http)
    models.apply(to: &options)
    return options
  }

  private func announce(_ listeners: [ListeningSocket], models: [String]) {
    let address = listeners.first?.localAddress ?? ""
    let target =
      address.hasPrefix("unix:")
      ? "--unix-socket \(address.dropFirst(5)) http://localhost" : "http://\(address)"
    let text = """
      ready: \(models.joined(separator: ", ")) on \(listeners.map(\.address).joined(separator: ", ")) with \
      \(pool.workers) workers, admin on \(admin.adminBind)
      try:   curl -s \(target)/predict -H 'Content-Type: application/json' \
      -d '{"input": "WINNER! Claim your free prize now, text YES to 80086"}'

      """
    // Not `print`, whose buffer would keep the line from a pipe and be copied by each fork.
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
