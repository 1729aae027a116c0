import ArgumentParser
import Prefork

/// How many processes there are, where they listen, and how long they may take.
struct PoolOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Worker processes.") var workers = 1
  @Option(
    name: .shortAndLong,
    help: "Address to listen on: HOST:PORT, [IPV6]:PORT, unix:PATH, fd://N; may be repeated.")
  var bind: [String] = ["127.0.0.1:5000"]
  @Option(help: "Connections that the kernel keeps waiting.") var backlog: Int32 = 2048
  @Option(name: .shortAndLong, help: "Seconds after which a hung worker is killed.")
  var timeout = 30.0
  @Option(help: "Seconds that a stopping worker has to finish.") var gracefulTimeout = 30.0

  var configuration: ArbiterConfiguration {
    var configuration = ArbiterConfiguration()
    (configuration.workers, configuration.bind) = (workers, bind)
    (configuration.backlog, configuration.timeout) = (backlog, timeout)
    configuration.gracefulTimeout = gracefulTimeout
    return configuration
  }
}
