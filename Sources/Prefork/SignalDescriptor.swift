import CSystem
import Glibc

/// Signals as bytes to read, so that no code ever runs inside a signal handler.
enum SignalDescriptor {
  /// Blocks `signals` and gives a descriptor that reports them.
  static func open(_ signals: [Int32]) throws(PreforkError) -> Int32 {
    let descriptor = signals.withUnsafeBufferPointer {
      martlet_signal_descriptor($0.baseAddress, $0.count)
    }
    guard descriptor >= 0 else { throw .systemCall("signalfd", code: errno) }
    return descriptor
  }

  static func nextRequest(_ descriptor: Int32) -> ChildContext.Request? {
    switch martlet_next_signal(descriptor) {
    case SIGTERM: .drain
    case SIGINT, SIGQUIT: .quit
    case SIGUSR1: .reopenLogs
    default: nil
    }
  }
}
