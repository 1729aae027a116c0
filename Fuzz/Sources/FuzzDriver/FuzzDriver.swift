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
public func fuzz(_ body: @escaping ([UInt8]) -> Void) -> CInt {
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
