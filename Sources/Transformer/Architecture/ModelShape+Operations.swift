extension ModelShape {
  /// Multiply-adds of the blocks for one text: in their products, and in attention's two.
  public func multiplyAdds(tokens: Int) -> (products: Double, attention: Double) {
    let weights = blockWeights
    let (n, all) = (Double(tokens), encoder.blocks)
    return all.reduce((0, 0)) { total, block in
      let form = block.attention.form
      // A token sees as many before and behind it as the window has, and itself.
      let seen = min(n, Double(form.left ?? tokens) + Double(form.right ?? tokens) + 1)
      return (
        total.0 + n * (weights[block.weights] ?? 0), total.1 + 2 * n * seen * Double(form.width)
      )
    }
  }

  /// Multiply-adds of the blocks' products where only `kept` of `tokens` rows are needed behind the last
  /// attention, as the head on the whole text has it.
  public func productMultiplyAdds(tokens: Int, kept: Int) -> Double {
    guard let last = encoder.blocks.last else { return 0 }
    let all = multiplyAdds(tokens: tokens).products
    let behind = weights(of: last.weights) { $0.key.part != .attentionInput }
    return all - Double(tokens - kept) * behind
  }

  /// Weights in the products of each block's set.
  private var blockWeights: [Int: Double] {
    var sums: [Int: Double] = [:]
    for spec in tensors where spec.isProduct {
      if let block = spec.key.block { sums[block, default: 0] += Double(spec.range.count) }
    }
    return sums
  }

  private func weights(of block: Int, where isWanted: (TensorSpec) -> Bool) -> Double {
    tensors.filter { $0.isProduct && $0.key.block == block && isWanted($0) }
      .reduce(0) { $0 + Double($1.range.count) }
  }
}
