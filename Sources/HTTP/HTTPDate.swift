/// `IMF-fixdate` (RFC 9110 section 5.6.7), made without locale or time zone.
public enum HTTPDate {
  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// For example `Sun, 06 Nov 1994 08:49:37 GMT`.
  /// - Parameter seconds: since 1970-01-01 00:00 UTC, not negative.
  public static func string(_ seconds: Int) -> String {
    let dayCount = seconds / 86400
    let date = civil(dayCount)
    let time = seconds % 86400
    return "\(days[dayCount % 7]), \(two(date.day)) \(months[date.month - 1]) \(date.year) "
      + "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) GMT"
  }

  /// Year, month and day of a day number, after Howard Hinnant's `civil_from_days`
  /// (https://howardhinnant.github.io/date_algorithms.html).
  static func civil(_ dayCount: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = dayCount + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
