import ArgumentParser
import Foundation
import Prefork

/// A setting that is on or off.
enum Switch: String, ExpressibleByArgument, CaseIterable {
  case on, off
}

/// How many processes there are, where they listen, who they are, and how long they may take.
struct PoolOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Worker processes.") var workers = 1
  @Option(
    help: ArgumentHelp(
      "Threads over which a worker computes; 0 for all cores.",
      discussion:
        "For models whose single text takes too long on one core: answers have the same bits, and come sooner. More workers answer more requests than more threads do. Example: --workers 2 --threads 4"
    )) var threads = ThreadCount.one
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Address to listen on: HOST:PORT, [IPV6]:PORT, unix:PATH, fd://N; may be repeated.",
      discussion:
        "Port 0 lets the kernel choose. Sockets that systemd passes (LISTEN_FDS) stand in for all addresses. Example: --bind 0.0.0.0:5000 --bind unix:/run/martlet/http.sock"
    ))
  var bind: [String] = ["127.0.0.1:5000"]
  @Option(help: "Connections that the kernel keeps waiting.") var backlog: Int32 = 2048
  @Flag(help: "Let other processes listen on the same TCP addresses (SO_REUSEPORT).")
  var reusePort = false
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Seconds after which a hung worker is killed.",
      discussion:
        "A worker is hung if it gives no sign of life, or if one computation takes longer. The time is also how long a request may wait, unless it says otherwise."
    ))
  var timeout = 30.0
  @Option(help: "Seconds that a stopping or replaced worker has to finish.")
  var gracefulTimeout = 30.0
  @Option(
    help: ArgumentHelp(
      "Seconds from TERM to the end in which requests are served, but /readyz is 503 and connections close.",
      discussion:
        "For balancers that only poll: longer than they take to notice. A second TERM, INT or QUIT ends it. Example: --drain-delay 5",
      valueName: "seconds"))
  var drainDelay = 0.0
  @Option(help: "Requests after which a worker is replaced, without dropping any; 0 for never.")
  var maxRequests = 0
  @Option(help: "The most that is added to --max-requests, at random for each worker.")
  var maxRequestsJitter = 0
  @Flag(
    inversion: .prefixedNo,
    help: ArgumentHelp(
      "Load the model once, before the workers are forked, so that they share its memory.",
      discussion: "With --no-preload each worker loads a copy of its own, as the user of --user."))
  var preload = true
  @Option(
    help: ArgumentHelp(
      "Whether a worker without work computes for one that has too much.",
      discussion:
        "Texts then pass between workers in memory that only they see, and are wiped when they are done. With --no-preload nothing is shared, because workers may have loaded other files."
    ))
  var share = Switch.on
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "File that names the arbiter's process.",
      discussion: "Example: --pid /run/martlet/martlet.pid")) var pid: String?
  @Option(
    help: ArgumentHelp(
      "File that is there while all workers serve, with addresses, processes and models as JSON.",
      discussion:
        "Written whole, anew whenever the workers are others (HUP, USR2, a death), and removed at the end, so that a script can wait for it. Example: --bind 127.0.0.1:0 --ready-file /run/martlet/ready.json",
      valueName: "file"))
  var readyFile: String?
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "User that workers run as, by name or number; the arbiter stays what it was started as.",
      discussion: "Needs root. Example: --user martlet --bind 0.0.0.0:80"))
  var user: String?
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Group that workers run as; the user's own by default.",
      discussion: "Example: --user martlet --group www-data"))
  var group: String?
  @Option(
    help: ArgumentHelp(
      "Permission bits, in octal, taken from sockets and files that the daemon makes.",
      discussion: "Example: --umask 0117 --bind unix:/run/martlet/http.sock"))
  var umask: String?

  func validate() throws {
    if let umask, UInt32(umask, radix: 8) == nil {
      throw ValidationError("--umask \(umask): use an octal number from 0 to 0777")
    }
  }

  /// Why workers would wait for one another; nil where there is a core for each thread of each.
  var crowding: String? {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    guard threads.count > 1, workers * threads.count > cores else { return nil }
    return
      "\(workers) workers of \(threads.count) threads have \(cores) cores, and will wait for one another; "
      + "use fewer --workers or --threads"
  }

  /// Processes, and threads where they have several.
  var description: String {
    "\(workers) workers" + (threads.count > 1 ? " of \(threads.count) threads" : "")
  }

  var configuration: ArbiterConfiguration {
    var configuration = ArbiterConfiguration()
    (configuration.workers, configuration.bind) = (workers, bind)
    (configuration.backlog, configuration.reusePort) = (backlog, reusePort)
    (configuration.timeout, configuration.gracefulTimeout) = (timeout, gracefulTimeout)
    configuration.drainDelay = drainDelay
    configuration.maxRequests = maxRequests
    configuration.maxRequestsJitter = maxRequestsJitter
    (configuration.preload, configuration.pidFile) = (preload, pid)
    (configuration.user, configuration.group) = (user, group)
    configuration.umask = umask.flatMap { UInt32($0, radix: 8) }
    return configuration
  }
}
