import Foundation
import Health
import Training
import Transformer

/// The texts that references and traffic are drawn from.
struct Traffic {
  /// Rows that the model was not trained on.
  let unseen: [Sample]
  /// Texts of another kind.
  let foreign: [Sample]
  /// The unseen rows, damaged.
  let damaged: [(damage: Damage, samples: [Sample])]
  let trainingTexts: [String]
  let labels: [String]

  init(model: TextModel, training: String, unseen: String, foreign: String) throws {
    model.makesSketches = true
    labels = model.labels
    let rows = try LabeledDataset(path: unseen).rows
    trainingTexts = try LabeledDataset(path: training).rows.map(\.text)
    self.unseen = rows.compactMap { Sample(model, $0, text: $0.text) }
    self.foreign = try LabeledDataset(path: foreign).rows.compactMap {
      Sample(model, $0, text: $0.text)
    }
    damaged = [Damage.any, .cut, .replaced].map { damage in
      var noise = SplitMix(state: 99)
      return (
        damage,
        rows.compactMap { Sample(model, $0, text: damage.apply(to: $0.text, &noise)) }
      )
    }
  }

  /// What `martlet train` writes: a profile of held-out rows, with the training rows for what their text alone decides.
  func reference(_ samples: [Sample], trainingTexts: [String]) throws -> ReferenceProfile {
    var builder = ReferenceProfile.Builder(labels: labels)
    for sample in samples { sample.add(to: &builder) }
    for text in trainingTexts { builder.add(trainingText: text) }
    return try builder.build()
  }

  /// A reference of one half of the unseen rows, and the other half to draw traffic from.
  func split(seed: UInt64) throws -> (reference: ReferenceProfile, known: [Sample], rest: [Sample])
  {
    var generator = SplitMix(state: seed &* 7919)
    let order = unseen.indices.shuffled(using: &generator)
    let known = order.prefix(unseen.count / 2).map { unseen[$0] }
    let rest = order.suffix(unseen.count - unseen.count / 2).map { unseen[$0] }
    return (try reference(known, trainingTexts: trainingTexts), known, rest)
  }
}

func pick<T>(_ list: [T], _ generator: inout SplitMix) -> T {
  list[Int.random(in: list.indices, using: &generator)]
}

/// A change of the traffic, and how soon it should be found.
struct Scenario {
  let name: String
  /// Texts within which it should be found; nil where nothing was promised.
  let aim: Int?
  /// The next text, before or after the change.
  let next: (_ hasChanged: Bool, _ own: [Sample], _ generator: inout SplitMix) -> Sample

  /// Texts after the change that are looked at.
  var limit: Int { 3 * (aim ?? 1000) }

  static func all(_ traffic: Traffic) -> [Scenario] {
    func mixed(_ name: String, _ share: Double, _ other: [Sample], aim: Int?) -> Scenario {
      Scenario(name: name, aim: aim) { hasChanged, own, generator in
        pick(hasChanged && generator.uniform() < share ? other : own, &generator)
      }
    }
    let damaged = traffic.damaged
    return [
      mixed("20 % of another kind", 0.2, traffic.foreign, aim: 500),
      Scenario(name: "spam from 13 % to 26 %", aim: 600) { hasChanged, own, generator in
        let label = generator.uniform() < (hasChanged ? 0.26 : 0.13) ? 1 : 0
        while true {
          let sample = pick(own, &generator)
          if sample.label == label { return sample }
        }
      },
      mixed("5 % corrupted", 0.05, damaged[0].samples, aim: 1000),
      mixed("5 % cut short", 0.05, damaged[1].samples, aim: nil),
      mixed("5 % U+FFFD", 0.05, damaged[2].samples, aim: nil),
    ]
  }

  /// Texts before the change and after it, as events of workers with `reference`.
  func stream(
    seed: UInt64, own: [Sample], _ reference: ReferenceProfile
  ) -> (events: [PredictionRecord], change: Int) {
    var generator = SplitMix(state: seed &* 104_729)
    let change = 500 + Int(generator.uniform() * 250)
    let events = (0..<change + limit).map { index in
      next(index >= change, own, &generator).event(reference)
    }
    return (events, change)
  }
}
