import CSystem
import Foundation
import Logging
import Prefork

/// A pool whose workers do what a test tells them, so that the arbiter can be tried without a model or HTTP.
///
/// Arguments: a folder, and a ready file. The folder's file `settings` has lines `NAME=VALUE`, read at the start and at each reload:
/// `workers`, `bind`, `admin`, `timeout`, `graceful`, `delay`, `max`, `pid`, `user`, `preload`, and
/// - `prepare=fail|crash`: what loading does;
/// - `file=PATH`: what a rehearsal has to open, as the workers' user;
/// - `worker=serve|exit|silent|stuck|deaf|told`: what a worker does: answer each connection with a line about itself, end at
///   once, give no sign of life, compute for ever, not listen to SIGTERM, or what the file `worker` says at its birth.
final class ProbeProgram: PoolProgram {
  private let folder: String
  private var prepared: [String: String] = [:]
  private var settings: [String: String] = [:]
  private var settled: [String: String]?

  init(folder: String) { self.folder = folder }

  struct Failure: LocalizedError {
    let errorDescription: String?
  }

  func read() throws -> [String: String] {
    let text = try String(contentsOfFile: "\(folder)/settings", encoding: .utf8)
    return Dictionary(
      text.split(separator: "\n").map { line in
        let parts = line.split(separator: "=", maxSplits: 1)
        return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
      }, uniquingKeysWith: { $1 })
  }

  func prepare() throws -> ArbiterConfiguration {
    prepared = try read()
    if prepared["prepare"] == "fail" { throw Failure(errorDescription: "told to fail") }
    if prepared["prepare"] == "crash" { kill(getpid(), SIGSEGV) }
    var configuration = ArbiterConfiguration()
    configuration.workers = Int(prepared["workers"] ?? "") ?? 2
    configuration.bind = (prepared["bind"] ?? "127.0.0.1:0").split(separator: ",").map(String.init)
    configuration.adminBind = (prepared["admin"] ?? "").split(separator: ",").map(String.init)
    configuration.timeout = Double(prepared["timeout"] ?? "") ?? 30
    configuration.gracefulTimeout = Double(prepared["graceful"] ?? "") ?? 5
    configuration.drainDelay = Double(prepared["delay"] ?? "") ?? 0
    configuration.maxRequests = Int(prepared["max"] ?? "") ?? 0
    (configuration.pidFile, configuration.user) = (prepared["pid"], prepared["user"])
    return configuration
  }

  func rehearse(_ become: () throws -> Void) throws {
    try become()
    if let file = prepared["file"], access(file, W_OK) != 0 {
      throw Failure(errorDescription: "cannot open \(file)")
    }
  }
  func adopt() {
    settled = settled ?? settings
    settings = prepared
  }
  func settle() { settled = nil }
  func revert() { settings = settled ?? settings }
  func reopenLogs() { say("reopened") }
  func runCompanion(_ context: ChildContext) -> Int32 { serve(context, name: "companion") }

  func runWorker(_ context: ChildContext) -> Int32 {
    if settings["worker"] == "told" {
      settings["worker"] = try? String(contentsOfFile: "\(folder)/worker", encoding: .utf8)
    }
    switch settings["worker"] ?? "serve" {
    case "exit": return 9
    case "silent":
      context.slot?.state = .ready
      // Not for ever: a test that fails leaves no process behind.
      let arbiter = getppid()
      while getppid() == arbiter { usleep(100_000) }
      return 1
    case "stuck":
      context.slot?.state = .ready
      context.slot?.busySince = martlet_monotonic_nanoseconds()
      return serve(context, name: "stuck")
    default: return serve(context, name: "worker")
    }
  }

  private func serve(_ context: ChildContext, name: String) -> Int32 {
    context.slot?.state = .ready
    let arbiter = getppid()
    func line() -> [UInt8] {
      let state = context.scoreboard.isLeaving ? " leaving" : ""
      return Array(
        "\(name) \(getpid()) \(context.slot?.generation ?? 0) \(geteuid())\(state)\n".utf8)
    }
    var end: UInt64?
    while getppid() == arbiter {
      if let end, martlet_monotonic_nanoseconds() >= end { return 0 }
      context.slot?.beat()
      var waiting = ([context.signalDescriptor] + context.listeners).map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      poll(&waiting, nfds_t(waiting.count), 50)
      while let request = context.nextRequest() {
        switch request {
        case .quit: return 0
        case .drain:
          // What the kernel has accepted is served too.
          if settings["worker"] != "deaf" { end = martlet_monotonic_nanoseconds() + 250_000_000 }
        case .reopenLogs: say("worker reopened")
        }
      }
      for listener in context.listeners {
        let connection = martlet_accept(listener, nil, nil)
        if connection < 0 { continue }
        let line = line()
        _ = send(connection, line, line.count, Int32(MSG_NOSIGNAL))
        close(connection)
        context.slot?.addRequests()
      }
    }
    return 1
  }
}

/// One line on standard output, unbuffered.
func say(_ text: String) {
  let line = Array("\(text)\n".utf8)
  _ = write(STDOUT_FILENO, line, line.count)
}

let slots = 24
do {
  let readyFile = try CommandLine.arguments.dropFirst(2).first.map(ReadyFile.init)
  readyFile?.removeLeftover()
  let memory = try SharedMemory(byteCount: Scoreboard.byteCount(slots: slots))
  let arbiter = Arbiter(
    program: ProbeProgram(folder: CommandLine.arguments[1]),
    scoreboard: try Scoreboard(in: memory, slots: slots), log: Logger(label: "probe")
  ) { pool in
    do {
      try readyFile?.write(pool)
    } catch {
      say("error \(error.localizedDescription)")
    }
  }
  let code = try arbiter.run()
  readyFile?.remove()
  exit(code)
} catch {
  say("error \(error.localizedDescription)")
  exit(1)
}
