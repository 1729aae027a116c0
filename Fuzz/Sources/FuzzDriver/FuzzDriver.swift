import CMemoryMeter

/// libFuzzer's entry for programs with a main of their own (compiler-rt, FuzzerInterface.h).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ argc: UnsafeMutablePointer<CInt>,
  _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Set once before the driver runs, on the one thread that there is.
nonisolated(unsafe) private var target: ([UInt8]) -> Void = { _ in }

/// Feeds `body` what libFuzzer makes up, until its time is over. A trap, a hang or too much memory
/// ends the run with the input in a file.
///
/// - Parameter first: inputs larger than the fuzzer makes, tried before it starts.
public func fuzz(_ first: [[UInt8]] = [], _ body: @escaping ([UInt8]) -> Void) -> CInt {
  first.forEach(body)
  target = body
  var count = CommandLine.argc
  var arguments = UnsafeMutablePointer(mutating: CommandLine.unsafeArgv)
  return withUnsafeMutablePointer(to: &arguments) { pointer in
    runDriver(&count, pointer) { bytes, count in
      target(Array(UnsafeBufferPointer(start: bytes, count: count)))
      return 0
    }
  }
}

/// Bytes that a reader may take whatever the input: what `JSONLimits(fileBytes:)` lets short texts have.
private let allowance = 3 << 19

/// Runs `body`, which reads an input of `bytes`, and ends the run if it held more than `factor`
/// times as much memory at any moment, and 1.5 MB.
public func bounded<Result>(
  by factor: Int, of bytes: Int, _ body: () throws -> Result
) rethrows -> Result {
  martlet_memory_restart()
  let before = martlet_memory_held()
  defer {
    let taken = martlet_memory_peak() - before
    // Not a precondition: optimised ones say nothing.
    if taken > factor * bytes + allowance {
      fatalError("\(taken) bytes were held to read \(bytes)")
    }
  }
  return try body()
}

/// Megabytes of the values that cost a reader most for each byte of text.
public let hostileJSON: [[UInt8]] =
  ["1", "[]", "{}", "\"a\"", "{\"a\":0}", "[[]]"].flatMap { value in
    [1 << 14, 1 << 16, 1 << 20].map { count in
      Array(("[" + repeatElement(value, count: count).joined(separator: ",") + "]").utf8)
    }
  }
  + [1 << 13, 1 << 16, 1 << 19].map { count in
    Array(("{" + (0..<count).map { "\"\($0)\":0" }.joined(separator: ",") + "}").utf8)
  }
