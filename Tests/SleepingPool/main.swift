import CSystem
import Foundation
import Logging
import Prefork
import Serving
import Transformer

/// A pool as `martlet serve` has it, whose model only sleeps: what then takes longer than the sleep is the pool's doing, with more
/// workers than there are cores too. What it says of a text is the process that computed it.
///
/// While it sleeps, its thread is called `computing`.
///
/// Arguments: WORKERS, MILLISECONDS a text, READY-FILE, and `on` or `off` for sharing. A text that begins with `crash` crashes its
/// worker; `slow` sleeps a hundred times as long.
final class SleepingModel: Predictor {
  let name = "sleeping"
  let task = ModelTask.regression
  let labels = ["process"]
  let maximumTokens = 512
  var progress: (() -> Void)?
  private let time: UInt32

  init(milliseconds: Double) { time = UInt32(milliseconds * 1000) }

  func predict(_ inputs: [EncodedInput]) -> [Result<Prediction, PredictionError>] {
    martlet_set_process_name("computing")
    defer { martlet_set_process_name("resting") }
    return inputs.map { input in
      let text = input.input.text
      if text.hasPrefix("crash") { abort() }
      usleep(text.hasPrefix("slow") ? 100 * time : time)
      progress?()
      return .success(
        Prediction(
          value: .scores([Float(getpid())]), tokenCount: text.utf8.count, unknownTokenCount: 0,
          isTruncated: false))
    }
  }
}

final class SleepingProgram: PoolProgram {
  private let workers: Int
  private let milliseconds: Double
  private let exchange: SliceExchange?

  init(workers: Int, milliseconds: Double, exchange: SliceExchange?) {
    (self.workers, self.milliseconds, self.exchange) = (workers, milliseconds, exchange)
  }

  func prepare() -> ArbiterConfiguration {
    var configuration = ArbiterConfiguration()
    configuration.workers = workers
    configuration.bind = ["127.0.0.1:0"]
    configuration.adminBind = []
    configuration.timeout = 10
    configuration.gracefulTimeout = 5
    return configuration
  }

  func rehearse(_ become: () throws -> Void) throws { try become() }
  func adopt() {}
  func settle() {}
  func revert() {}
  func reopenLogs() {}
  func runCompanion(_ context: ChildContext) -> Int32 { 0 }

  func runWorker(_ context: ChildContext) -> Int32 {
    guard let slot = context.slot else { return 70 }
    let scoreboard = context.scoreboard
    var hooks = ServingHooks()
    hooks.slices = exchange.map { SliceDesk($0, slot: slot, scoreboard: scoreboard) }
    hooks.report(to: slot, among: scoreboard)
    guard
      let server = try? PredictionServer(
        listeners: context.listeners, predictor: SleepingModel(milliseconds: milliseconds),
        hooks: hooks)
    else { return 71 }
    server.start()
    slot.beat()
    slot.state = .ready
    while true {
      var waiting = pollfd(fd: context.signalDescriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&waiting, 1, -1)
      switch context.nextRequest() {
      case .quit: return 0
      case .drain:
        server.drain(deadline: 5, acceptingEnded: context.closeListeners) { martlet_exit_now(0) }
      case .reopenLogs, nil: break
      }
    }
  }
}

let words = CommandLine.arguments
guard words.count == 5, let workers = Int(words[1]), let milliseconds = Double(words[2]) else {
  print("usage: sleeping-pool WORKERS MILLISECONDS READY-FILE on|off")
  exit(2)
}
let readyFile = try ReadyFile(path: words[3])
let slots = 2 * workers + 16
let memory = try SharedMemory(
  byteCount: Scoreboard.byteCount(slots: slots) + SliceExchange.byteCount(workers: slots))
let scoreboard = try Scoreboard(in: memory, slots: slots)
let exchange = try SliceExchange(in: memory, workers: slots)
let arbiter = Arbiter(
  program: SleepingProgram(
    workers: workers, milliseconds: milliseconds, exchange: words[4] == "on" ? exchange : nil),
  scoreboard: scoreboard, exchange: exchange, log: Logger(label: "sleeping")
) { pool in
  do { try readyFile.write(pool) } catch { print("\(error.localizedDescription)") }
}
exit(try arbiter.run())
