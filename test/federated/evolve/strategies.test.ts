/** What every strategy has to keep, row by row: the same state everywhere, a genome for each slot, and whatever may be scored. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ScoredCandidate } from '../../../node/federated/evolve/strategy.ts'
import { STRATEGIES, strategyNamed } from '../../../node/federated/evolve/table.ts'
import { canonicalJson, type JsonObject, type JsonValue } from '../../../node/json.ts'
import { genesIn, realSpace, simulateRun, stateHash } from '../../helpers/simulate-run.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('search strategies')

const ITEMS = 12
/** Two objectives and scores by item, without any function of the language that may round otherwise elsewhere. */
function evaluate(genome: JsonObject) {
  const genes = genesIn(genome)
  const itemScores = Array.from({ length: ITEMS }, (_, item) => {
    const distance = genes[item % genes.length]! - item / ITEMS
    return 1 - distance * distance
  })
  const mean = itemScores.reduce((sum, score) => sum + score, 0) / ITEMS
  return { objectives: [mean, -genes[0]!], itemScores }
}
const space = realSpace(5, {
  seeds: [
    [0.1, 0.2, 0.3, 0.4, 0.5],
    [0.9, 0.8, 0.7, 0.6, 0.5],
    [0.5, 0.5, 0.5, 0.5, 0.5],
  ],
  groups: [0, 2, 4],
  describe: (genome) => genesIn(genome).slice(0, 2),
})

/** Options that reach the other ways of a strategy. */
const VARIANTS: readonly [name: string, options: JsonObject, hash: string][] = [
  ['tournament', {}, 'f69d9d4673a502d1'],
  ['tournament', { parents: 'complementary', survival: 'sharing', crossover: 'groups' }, '0f07e35d1e49808d'],
  ['tournament', { parents: 'lexicase', mutation: 'gaussian', crossover: 'line' }, 'cc04b5004a9800c3'],
  ['tournament', { screening: 'gaussian-process' }, 'b0772dbdc19d2e5f'],
  ['cma-es', {}, '1311c708102d85a7'],
  ['cma-es', { covariance: 'separable', gather: 2, restarts: 2 }, '2edc3bee4ffd35ce'],
  ['nsga2', {}, 'af07c84edc6e7e64'],
  ['map-elites', {}, '7e5c54f6612dd445'],
  [
    'map-elites',
    { parents: 'complementary', variation: 'operators', screening: 'neighbours' },
    '6c0522fef0d3c8c9',
  ],
]

test('every strategy is among the variants', () => {
  assert.equal([...new Set(VARIANTS.map(([name]) => name))].sort(), Object.keys(STRATEGIES).sort())
})

for (const [name, options, hash] of VARIANTS) {
  const strategy = strategyNamed(name)
  const title = `${name} ${JSON.stringify(options)}`

  test(`${title}: the same state after twelve generations, everywhere`, () => {
    const run = simulateRun(strategy, { space, population: 7, generations: 12, seed: 42, options, evaluate })
    assert.is(stateHash(run.state), hash)
  })

  test(`${title}: a state that went through JSON goes on as it was`, () => {
    const context = { space, seed: 3, population: 6 }
    const parsed = strategy.parseOptions(options)
    let plain = strategy.start(context, parsed)
    for (let generation = 0; generation < 8; generation++) {
      const copy = JSON.parse(JSON.stringify(plain)) as JsonValue
      const proposals = strategy.ask(context, parsed, plain)
      assert.equal(strategy.ask(context, parsed, copy), proposals)
      assert.is(proposals.length, 6)
      const scored = proposals.map(({ genome }, slot): ScoredCandidate => {
        // Nobody can score one in four, and the third generation none at all.
        const isLost = generation === 2 || (slot + generation) % 4 === 0
        const { objectives, itemScores } = evaluate(genome)
        const id = `${generation}.${slot}`
        return { slot, genome, id, objectives, itemScores: isLost ? null : itemScores }
      })
      const next = strategy.tell(context, parsed, plain, scored)
      assert.is(canonicalJson(strategy.tell(context, parsed, copy, scored)), canonicalJson(next))
      plain = next
    }
  })

  test(`${title}: the seeds come first, parents are known, genomes decode`, () => {
    const run = simulateRun(strategy, { space, population: 4, generations: 10, options, evaluate })
    const first = run.generations[0]!.scored.map(({ genome }) => canonicalJson(genome))
    assert.equal(first.slice(0, 3), space.seeds.map(canonicalJson))
    const ids = new Set<string>()
    const context = run.context
    let state = strategy.start(context, strategy.parseOptions(options))
    for (const { scored, state: after } of run.generations) {
      const proposals = strategy.ask(context, strategy.parseOptions(options), state)
      for (const [slot, { genome, origin }] of proposals.entries()) {
        assert.equal(space.decode(space.encode(genome)), genome)
        // Mutants of the start descend from seeds in slots before theirs.
        const before = new Set([...ids, ...scored.slice(0, slot).map(({ id }) => id)])
        for (const parent of origin.parents) assert.ok(before.has(parent), `${parent} is no candidate`)
      }
      for (const { id } of scored) ids.add(id)
      state = after
    }
  })

  test(`${title}: a proposal in the place of its own is taken as it is`, () => {
    const context = { space, seed: 9, population: 5 }
    const parsed = strategy.parseOptions(options)
    let state = strategy.start(context, parsed)
    for (let generation = 0; generation < 6; generation++) {
      const scored = strategy.ask(context, parsed, state).map(({ genome }, slot): ScoredCandidate => {
        const other = slot === 1 ? { x: [0.2, 0.4, 0.6, 0.8, generation / 10] } : genome
        return { slot, genome: other, id: `${generation}.${slot}`, ...evaluate(other) }
      })
      state = strategy.tell(context, parsed, state, scored)
    }
    assert.ok(strategy.ask(context, parsed, state).every(({ genome }) => genesIn(genome).length === 5))
  })

  test(`${title}: one candidate by generation, and one gene, are enough`, () => {
    const single = realSpace(1, { seeds: [[0.9]], describe: (genome) => [genesIn(genome)[0]!] })
    const run = simulateRun(strategy, { space: single, population: 1, generations: 60, options, evaluate })
    assert.is(run.generations.length, 60)
    assert.ok(run.best.objectives[0]! >= evaluate(single.seeds[0]!).objectives[0]!)
  })
}

test('genes that are choices: hardly a slot is wasted on what is known', () => {
  const choices = realSpace(12, { seeds: [Array.from({ length: 12 }, () => 0.1)] })
  const space = {
    ...choices,
    decode: (genes: readonly number[]) => ({
      x: genes.map((gene) => Math.min(4, Math.floor(gene * 5)) / 5 + 0.1),
    }),
  }
  for (const name of ['tournament', 'nsga2']) {
    const run = simulateRun(strategyNamed(name), {
      space,
      population: 12,
      generations: 20,
      evaluate: (genome) => ({
        objectives: [-Math.abs(genesIn(genome).reduce((a, b) => a + b) - 5), genesIn(genome)[0]!],
      }),
    })
    assert.ok(run.evaluations >= 0.98 * 240, `${name}: ${run.evaluations}`)
  }
})

for (const strategy of Object.values(STRATEGIES)) {
  test(`${strategy.name}: options are checked, and every one is documented`, () => {
    const defaults = strategy.parseOptions({})
    assert.equal(Object.keys(defaults).sort(), Object.keys(strategy.fields).sort())
    assert.equal(strategy.parseOptions(defaults), defaults)
    for (const [name, field] of Object.entries(strategy.fields)) {
      assert.ok(field.doc.endsWith('.') && field.doc.length > 10, name)
      const wrong = field.type === 'choice' ? ['', 'other', 3, null] : ['1', -1e9, Number.NaN, {}, []]
      for (const value of wrong) {
        const error = throwsCode(() => strategy.parseOptions({ [name]: value }), 'INVALID_ARGUMENT')
        assert.is(error.fields.argument, `strategy.options.${name}`)
      }
    }
    for (const input of [null, 3, 'text', [], { constructor: 1 }])
      throwsCode(() => strategy.parseOptions(input), 'INVALID_ARGUMENT')
  })
}

test('a strategy that does not exist is refused with the nearest one', () => {
  assert.match(throwsCode(() => strategyNamed('cma-s'), 'INVALID_ARGUMENT').message, /"cma-es"/)
  assert.match(throwsCode(() => strategyNamed('constructor'), 'INVALID_ARGUMENT').message, /map-elites/)
})

test('a misspelt option is refused with the nearest one', () => {
  const error = throwsCode(() => strategyNamed('cma-es').parseOptions({ setp: 1 }), 'INVALID_ARGUMENT')
  assert.match(error.message, /did you mean "step"/)
})

test('quality diversity is refused where there is no behaviour, and too many cells', () => {
  const row = strategyNamed('map-elites')
  const context = { space: realSpace(2), seed: 1, population: 4 }
  throwsCode(() => row.start(context, row.parseOptions({})), 'INVALID_ARGUMENT')
  const mapped = { ...context, space }
  throwsCode(() => row.start(mapped, row.parseOptions({ cells: [100] })), 'INVALID_ARGUMENT')
  throwsCode(() => row.start(mapped, row.parseOptions({ cells: [3, 3, 3] })), 'INVALID_ARGUMENT')
  throwsCode(() => row.parseOptions({ cells: [2.5] }), 'INVALID_ARGUMENT')
})

test.run()
