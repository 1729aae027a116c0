import HTTP
import Testing

@Suite struct ReadingBudgetTests {
  @Test func aServerWithRoomReadsAllThatComes() {
    var budget = ReadingBudget()
    #expect(budget.limit(room: nil, now: 1) == nil)
    budget.begin(now: 1)
    budget.end(count: 256, now: 1_000_000_000)
    #expect(budget.limit(room: nil, now: 1_000_000_001) == nil)
  }

  @Test func refusalsTakeASixteenthOfTheTimeAndRoomIsFilled() {
    var budget = ReadingBudget()
    var (now, refused, spent): (Int64, Int, Int64) = (1, 0, 0)
    while now < 1_000_000_000 {
      let limit = budget.limit(room: 3, now: now) ?? 256
      #expect(limit >= 3)
      budget.begin(now: now)
      let count = min(256, limit)
      // 15 µs each, and a millisecond until the next round.
      now += 15_000 * Int64(count)
      budget.end(count: count, now: now)
      refused += count - 3
      spent += 15_000 * Int64(count - 3)
      now += 1_000_000
    }
    #expect(spent > now / 20 && spent < now / 14, "\(refused) refused in \(spent) ns of \(now)")
  }
}
