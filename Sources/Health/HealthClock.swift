import Glibc

/// The time that series are kept by. It never jumps, and goes on while the machine sleeps.
///
/// It is in seconds since 1970, as the wall clock had them when the pool began; so it is the wall clock's time as long as
/// nobody sets that. Whatever is shown is shown by the wall clock: `shift` is how far that has been set since.
public struct HealthClock: Sendable {
  private let steady: @Sendable () -> Double
  private let wall: @Sendable () -> Double
  private let offset: Double

  /// A clock that begins now.
  /// - Parameters:
  ///   - steady: seconds since anything, never set.
  ///   - wall: seconds since 1970, as somebody may set them.
  public init(
    steady: @escaping @Sendable () -> Double = { Self.seconds(CLOCK_BOOTTIME) },
    wall: @escaping @Sendable () -> Double = { Self.seconds(CLOCK_REALTIME) }
  ) {
    (self.steady, self.wall) = (steady, wall)
    offset = wall() - steady()
  }

  /// Now.
  public var now: Double { steady() + offset }

  /// Now, in microseconds.
  public var microseconds: Int64 { Int64(now * 1e6) }

  /// What is to be added to a time to have it as the wall clock has it now, in whole seconds.
  public var shift: Double { (wall() - now).rounded() }

  /// What a clock of the system says.
  public static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
