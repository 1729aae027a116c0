import Dispatch

/// The monotonic clock that `Request.arrival` is read from.
enum Clock {
  /// Nanoseconds.
  static var now: Int64 { Int64(DispatchTime.now().uptimeNanoseconds) }
}
