import Files
import Foundation
import Synchronization

/// What is to be done before the program ends by a signal.
enum Interruption {
  /// Waits for the end of the program by a signal that has come already.
  static func wait() -> Never { while true { pause() } }

  private struct State: Sendable {
    var works: [@Sendable () -> Void] = []
    var place: String?
  }

  private static let state = Mutex(State())
  /// The end of a pipe to which the handler writes the signal's number.
  private static let handlersEnd = Atomic<Int32>(-1)

  /// Runs `work` when a signal ends the program.
  static func onEnd(_ work: @escaping @Sendable () -> Void) {
    state.withLock { $0.works.append(work) }
  }

  /// Says how far the job is, such as "after 20 rows", for the message of an interrupted one.
  static func place(_ text: String) { state.withLock { $0.place = text } }

  /// From now on SIGINT, SIGTERM and SIGHUP remove what is not whole, say how far the job was, and end the program with
  /// the exit code that shells expect. A SIGHUP that the parent ignores is left ignored (nohup); a shell's background job
  /// begins with SIGINT ignored, and who sends it one all the same means it.
  static func watch() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for descriptor in ends { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    handlersEnd.store(ends[1], ordering: .relaxed)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      var before = sigaction()
      sigaction(number, nil, &before)
      let isIgnored = unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self) == 1
      if isIgnored && number == SIGHUP { continue }
      // A handler, unlike an ignored signal, is not inherited by programs that this one starts.
      signal(number) { number in
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(Interruption.handlersEnd.load(ordering: .relaxed), &byte, 1)
      }
    }
    // A parent with threads may have started this program with all signals blocked.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_UNBLOCK, &all, nil)
    let reader = ends[0]
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while read(reader, &byte, 1) != 1 {}
      end(Int32(byte))
    }
  }

  private static func end(_ number: Int32) -> Never {
    // A second one ends at once what hangs here.
    signal(number, SIG_DFL)
    OutputFile.discardAll {
      let (works, place) = state.withLock { ($0.works, $0.place) }
      for work in works { work() }
      Console.showProgress("")
      Console.say("interrupted" + (place.map { " " + $0 } ?? ""))
      _exit(128 + number)
    }
  }
}
