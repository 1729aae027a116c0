import Hummingbird
import Logging
import NIOPosix

// The same route as Martlet's /healthz, in one process with one event loop: hummingbird-peer PORT

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
  print("usage: hummingbird-peer PORT")
  exit(2)
}
let router = Router()
router.get("/healthz") { _, _ in "ok\n" }
var logger = Logger(label: "hummingbird-peer")
logger.logLevel = .error
let application = Application(
  router: router,
  configuration: ApplicationConfiguration(
    address: .hostname("127.0.0.1", port: port), serverName: "hummingbird"),
  eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: 1)),
  logger: logger)
try await application.runService()
