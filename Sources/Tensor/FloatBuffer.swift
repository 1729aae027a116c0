import CKernels
import Glibc

/// Zeroed single-precision storage aligned to a cache line, of fixed size.
///
/// Invariant: `base` points at `count` initialised floats for the buffer's whole life: its own, pages
/// of a file, or a part of another buffer that it keeps alive. Views
/// (`Matrix`, `Span`s of rows) check their bounds against `count` when they are made, so kernels
/// need not. Sendable because who may write when is settled by the caller, as for `UnsafePointer`:
/// weights are written before workers start and only read afterwards; workspaces have one owner.
public final class FloatBuffer: @unchecked Sendable {
  /// Floats held.
  public let count: Int
  let base: UnsafeMutablePointer<Float>
  private let storage: Storage

  private enum Storage {
    case owned, mapped
    case part(FloatBuffer)
  }

  /// Room for `count` zeros.
  public init(count: Int) {
    precondition(count >= 0, "a buffer has no negative size")
    self.count = count
    storage = .owned
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
    // Weights are streamed from end to end; large pages spare most of the address translation.
    if count >= 1 << 18 {
      let start = (UInt(bitPattern: raw) + 4095) / 4096 * 4096
      let bytes = count * MemoryLayout<Float>.stride - Int(start - UInt(bitPattern: raw))
      madvise(UnsafeMutableRawPointer(bitPattern: start), bytes / 4096 * 4096, MADV_HUGEPAGE)
    }
    base = raw.initializeMemory(as: Float.self, repeating: 0, count: max(count, 1))
  }

  /// A copy of `values`.
  public convenience init(_ values: [Float]) {
    self.init(count: values.count)
    values.withUnsafeBufferPointer { source in
      if let from = source.baseAddress { base.update(from: from, count: values.count) }
    }
  }

  /// Floats `range` of `other`, in place.
  public init(_ range: Range<Int>, of other: FloatBuffer) {
    precondition(range.lowerBound >= 0 && range.upperBound <= other.count, "range outside buffer")
    (base, count, storage) = (other.base + range.lowerBound, range.count, .part(other))
  }

  /// Takes over `count` floats of mapped pages.
  init(mapped pages: UnsafeMutableRawPointer, count: Int) {
    (base, self.count) = (pages.bindMemory(to: Float.self, capacity: count), count)
    storage = .mapped
  }

  deinit {
    switch storage {
    case .owned: base.deallocate()
    case .mapped: munmap(base, count * MemoryLayout<Float>.stride)
    case .part: break
    }
  }

  /// The float at `index`.
  public subscript(index: Int) -> Float {
    get {
      precondition(index >= 0 && index < count, "index outside the buffer")
      return base[index]
    }
    set {
      precondition(index >= 0 && index < count, "index outside the buffer")
      base[index] = newValue
    }
  }

  /// A copy of `range`.
  public func values(_ range: Range<Int>) -> [Float] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the buffer")
    return Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
  }

  /// Copies `values` to `offset`.
  public func set(_ values: [Float], at offset: Int = 0) {
    precondition(offset >= 0 && offset + values.count <= count, "values outside the buffer")
    values.withUnsafeBufferPointer { source in
      if let from = source.baseAddress { (base + offset).update(from: from, count: values.count) }
    }
  }

  /// Copies all of `other`, which must be of the same size.
  public func copy(from other: FloatBuffer) {
    precondition(other.count == count, "buffers differ in size")
    base.update(from: other.base, count: count)
  }

  /// Sets every float to zero.
  public func zero() { base.update(repeating: 0, count: count) }

  /// Gives the whole pages inside `range` back to the system; they read as zero afterwards.
  public func release(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the buffer")
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let start = (UInt(bitPattern: base + range.lowerBound) + page - 1) / page * page
    let end = UInt(bitPattern: base + range.upperBound) / page * page
    guard start < end, let from = UnsafeMutableRawPointer(bitPattern: start) else { return }
    madvise(from, Int(end - start), MADV_DONTNEED)
  }
}
