import KernelTable
import Testing

@Suite("The table of kernels")
struct KernelTableTests {
  @Test("Every kernel of every set agrees with the portable ones and with double precision")
  func agreement() {
    let failures = martlet_check_kernels { line, disagrees in
      if let line, disagrees != 0 { Issue.record("\(String(cString: line))") }
    }
    #expect(failures == 0)
  }
}
