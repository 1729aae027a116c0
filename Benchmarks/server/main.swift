import Dispatch
import Foundation
import JSON
import Serving
import Transformer

// One worker without an arbiter, for measuring HTTP and Serving alone:
//   benchmark-server PORT [MODEL-DIRECTORY [QUEUE]]
//   benchmark-server forward MODEL-DIRECTORY BODIES
// prints the model's own microseconds a text, tokenised and predicted one by one and in batches of eight, for the texts in a file
// of /predict bodies, one a line.
// Without a model, /predict answers a constant; /healthz needs none.

/// Answers at once.
final class ConstantPredictor: Predictor {
  let name = "constant"
  let labels = ["ham", "spam"]
  let maximumTokens = 128

  let task = ModelTask.classification

  func predict(_ inputs: [TextInput]) -> [Prediction] {
    inputs.map { _ in
      Prediction(
        value: .label(0, probabilities: [1, 0]), tokenCount: 1, unknownTokenCount: 0,
        isTruncated: false)
    }
  }
}

func listen(port: UInt16) -> Int32 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  var one: Int32 = 1
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let code = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard code == 0, Glibc.listen(descriptor, 2048) == 0 else {
    print("port \(port) cannot be listened on: \(String(cString: strerror(errno)))")
    exit(1)
  }
  return descriptor
}

/// The median over two seconds of the microseconds a text in batches of `size`.
func microseconds(_ model: TextModel, _ inputs: [TextInput], batch size: Int) -> Double {
  let batches = stride(from: 0, to: inputs.count * size, by: size).map { start in
    (start..<start + size).map { inputs[$0 % inputs.count] }
  }
  var times: [Double] = []
  let end = DispatchTime.now().uptimeNanoseconds + 2_000_000_000
  while DispatchTime.now().uptimeNanoseconds < end {
    let start = DispatchTime.now().uptimeNanoseconds
    for batch in batches { _ = model.predict(batch) }
    let time = DispatchTime.now().uptimeNanoseconds - start
    times.append(Double(time) / 1000 / Double(batches.count * size))
  }
  return times.sorted()[times.count / 2]
}

func printForwardTime(directory: String, bodies path: String) throws {
  let model = try TextModel.load(directory: directory)
  let inputs = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap {
    try JSONValue(parsing: String($0))["input"]?.stringValue
  }.map { TextInput($0) }
  let (one, eight) = (
    microseconds(model, inputs, batch: 1), microseconds(model, inputs, batch: 8)
  )
  print(String(format: "%.1f %.1f", one, eight))
}

let arguments = CommandLine.arguments
if arguments.count == 4, arguments[1] == "forward" {
  try printForwardTime(directory: arguments[2], bodies: arguments[3])
  exit(0)
}
guard arguments.count >= 2, let port = UInt16(arguments[1]) else {
  print("usage: benchmark-server PORT [MODEL-DIRECTORY [QUEUE]]")
  exit(2)
}
let predictor: any Predictor =
  arguments.count > 2 ? try TextModel.load(directory: arguments[2]) : ConstantPredictor()
var options = ServingOptions()
if arguments.count > 3, let depth = Int(arguments[3]) { options.maximumQueuedTexts = depth }
let server = try PredictionServer(
  listeners: [listen(port: port)], predictor: predictor, options: options)
server.start()
// Benchmarks/http-allocations puts a counter before malloc, and asks for it with a signal.
let counting = DispatchSource.makeSignalSource(signal: SIGUSR1, queue: .main)
signal(SIGUSR1, SIG_IGN)
if let symbol = dlsym(nil, "martlet_allocation_count") {
  let count = unsafeBitCast(symbol, to: (@convention(c) () -> Int).self)
  counting.setEventHandler {
    FileHandle.standardError.write(Data("allocations: \(count())\n".utf8))
  }
  counting.resume()
}
print("listening on 127.0.0.1:\(port)")
dispatchMain()
