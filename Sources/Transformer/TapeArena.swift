import Tensor

/// Hands out the buffers of one training step in order and takes them all back at the next one's
/// start, so that steps after the first allocate nothing.
final class TapeArena {
  private var buffers: [FloatBuffer] = []
  private var next = 0

  func reset() { next = 0 }

  func buffer(_ count: Int) -> FloatBuffer {
    defer { next += 1 }
    if next < buffers.count, buffers[next].count >= count { return buffers[next] }
    // A quarter of headroom, so that slightly larger batches do not allocate again.
    let fresh = FloatBuffer(count: count + count / 4)
    if next < buffers.count { buffers[next] = fresh } else { buffers.append(fresh) }
    return fresh
  }

  func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(buffer(rows * columns), rows: rows, columns: columns)
  }
}
