/** What every workload promises, checked row by row on tiny models. */
import { readdir } from 'node:fs/promises'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MAX_GENOME_BYTES } from '../../../node/federated/evolve/strategy.ts'
import { quantise } from '../../../node/federated/scoring/quantise.ts'
import { WORKLOADS, workloadNamed } from '../../../node/federated/workloads/table.ts'
import { SPLITS } from '../../../node/federated/workloads/task-items.ts'
import type { SearchSettings, Workload, WorkloadContext } from '../../../node/federated/workloads/workload.ts'
import { canonicalJson, type JsonObject, type JsonValue } from '../../../node/json.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { workloadCases } from '../../helpers/workload-cases.ts'
import { startWorkloadNode, type WorkloadNode } from '../../helpers/workload-node.ts'

interface Settled {
  readonly options: JsonObject
  readonly given: JsonObject
}

const signal = new AbortController().signal
const test = suite<{ nodes: WorkloadNode[]; settled: Map<string, Settled[]> }>('workloads')

/** What search would give is of another domain: here some function of the settings. */
const search = {
  score: async (_: string, { weight, feedback }: SearchSettings, queries: readonly string[]) =>
    Float32Array.from(queries, (id) => (weight * id.length + Number(feedback)) / (id.length + 1)),
}

test.before(async (context) => {
  const first = await startWorkloadNode()
  context.nodes = [first, await startWorkloadNode({ pool: first.pool })]
  context.settled = new Map(Object.keys(WORKLOADS).map((kind) => [kind, []]))
  for (const node of context.nodes)
    for (const [kind, given] of Object.entries(await workloadCases(node))) {
      const row = workloadNamed(kind)
      const options = await row.settle(row.parseOptions(given), contextOf(node), signal)
      context.settled.get(kind)!.push({ options, given })
    }
})

test.after(async ({ nodes }) => {
  for (const node of [...nodes].reverse()) await node.stop()
})

const contextOf = (node: WorkloadNode): WorkloadContext => ({ ...node.context, search })

const meanOf = (scores: ArrayLike<number>) =>
  Array.from(scores).reduce((sum, one) => sum + one, 0) / scores.length

const genesOf = ({ dimensions }: ReturnType<Workload['space']>) =>
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: dimensions, maxLength: dimensions })

for (const [kind, row] of Object.entries(WORKLOADS)) {
  test(`${kind}: two machines settle on the same, which is read back as it is`, ({ settled }) => {
    const [first, second] = settled.get(kind)!
    assert.is(canonicalJson(first!.options), canonicalJson(second!.options))
    assert.is(canonicalJson(row.parseOptions(first!.options)), canonicalJson(first!.options))
    throwsCode(() => row.space(row.parseOptions(first!.given)), 'EVOLVE_NOT_SETTLED')
    for (const split of SPLITS)
      assert.ok(row.items(first!.options, split) > (split === 'validation' ? -1 : 0))
    assert.ok(row.inputs(first!.options).length > 0)
  })

  test(`${kind}: options with anything else in them are refused`, ({ settled }) => {
    const { options, given } = settled.get(kind)![0]!
    for (const one of [options, given])
      throwsCode(() => row.parseOptions({ ...one, stray: 1 }), 'INVALID_ARGUMENT')
    for (const input of [null, [], 'text', 7]) throwsCode(() => row.parseOptions(input), 'INVALID_ARGUMENT')
    const name = Object.keys(options).find((key) => typeof options[key] === 'string')!
    throwsCode(() => row.parseOptions({ ...options, [name]: '../../etc' }), 'INVALID_ARGUMENT')
  })

  test(`${kind}: every vector is a genome, and a genome is one vector`, ({ settled }) => {
    const { options } = settled.get(kind)![0]!
    const space = row.space(options)
    assert.is(space.groups[0], 0)
    assert.ok(space.seeds.length > 0)
    const check = (genes: readonly number[]) => {
      const genome = space.decode(genes)
      row.checkGenome(options, genome)
      assert.ok(Buffer.byteLength(canonicalJson(genome)) <= MAX_GENOME_BYTES)
      const encoded = space.encode(genome)
      assert.is(encoded.length, space.dimensions)
      assert.ok(encoded.every((gene) => gene >= 0 && gene <= 1))
      assert.is(canonicalJson(space.decode(encoded)), canonicalJson(genome))
      assert.ok(row.objectives(options, genome).every(Number.isFinite))
      const scores = new Array<number>(row.items(options, 'selection')).fill(0.5)
      assert.ok(space.describe(genome, scores)!.every((place) => place >= 0 && place <= 1))
    }
    for (const seed of space.seeds) {
      row.checkGenome(options, seed)
      check(space.encode(seed))
      assert.is(canonicalJson(space.decode(space.encode(seed))), canonicalJson(seed))
    }
    fc.assert(fc.property(genesOf(space), check), { numRuns: 50 })
  })

  test(`${kind}: what is no genome is refused, whatever it is`, ({ settled }) => {
    const { options } = settled.get(kind)![0]!
    const space = row.space(options)
    const isGenome = (genome: JsonObject): boolean => {
      try {
        row.checkGenome(options, genome)
        return true
      } catch (error) {
        assert.is((error as { code?: string }).code, 'INVALID_ARGUMENT', String(error))
        return false
      }
    }
    fc.assert(
      fc.property(genesOf(space), fc.nat(), fc.jsonValue(), (genes, place, value) => {
        const genome = space.decode(genes)
        const names = Object.keys(genome)
        const changed = { ...genome, [names[place % names.length]!]: value as JsonValue }
        // Another genome by chance is one that has a vector of its own.
        if (isGenome(changed))
          assert.is(canonicalJson(space.decode(space.encode(changed))), canonicalJson(changed))
        assert.not.ok(isGenome({ ...genome, stray: value as JsonValue }))
        assert.not.ok(isGenome({}))
      }),
      { numRuns: 100 },
    )
  })

  test(`${kind}: a candidate scores the same each time and on each machine, within the tolerance`, async ({
    nodes,
    settled,
  }) => {
    const { options } = settled.get(kind)![0]!
    const space = row.space(options)
    const mixed = space.decode(new Array<number>(space.dimensions).fill(0.35))
    const splits = SPLITS.filter((one) => row.items(options, one) > 0)
    // Every split once on each machine; twice on one only where a candidate was made of several parts.
    const cases = [
      ...splits.map((split) => ({ genome: space.seeds[0]!, split, on: nodes })),
      { genome: mixed, split: 'selection' as const, on: [...nodes, nodes[0]!] },
    ]
    for (const { genome, split, on } of cases) {
      const scores = []
      for (const node of on) {
        const { itemScores, busyMs, joules } = await row.score(
          options,
          genome,
          split,
          contextOf(node),
          signal,
        )
        assert.is(itemScores.length, row.items(options, split))
        assert.ok(busyMs >= 0 && joules >= 0)
        scores.push(quantise(itemScores, row.scoreBits))
      }
      for (const other of scores.slice(1)) assert.equal(other, scores[0])
    }
  })

  test(`${kind}: the winner is the same artifact on two machines`, async ({ nodes, settled }) => {
    const { options } = settled.get(kind)![0]!
    const genome = row.space(options).seeds.at(-1)!
    const built = []
    for (const node of nodes)
      built.push(
        await row.build(options, genome, contextOf(node), { id: `best-${kind}`, pin: 'run:1' }, signal),
      )
    assert.is(built[0] !== null, row.builds)
    if (!row.builds) return
    assert.is(built[0]!.cid, built[1]!.cid)
    assert.ok((await nodes[0]!.artifacts.info(built[0]!.cid))!.pins.includes('run:1'))
    const id = await built[0]!.register()
    assert.is(id, `best-${kind}`)
    const entry = await nodes[0]!.models.need(id)
    assert.is(entry.parent, kind === 'compression' ? 'encoder' : 'base')
    assert.is(await built[0]!.register(), id)
  })
}

test('a merge of nothing scores as the base does', async ({ nodes, settled }) => {
  const { options } = settled.get('merge')![0]!
  const row = workloadNamed('merge')
  const node = nodes[0]!
  const [base] = row.space(options).seeds
  const idle = { p: [] }
  const untouched = settled.get('perturbation')![0]!.options
  const scoreOf = async (kind: string, given: JsonObject, genome: JsonObject) =>
    meanOf((await workloadNamed(kind).score(given, genome, 'selection', contextOf(node), signal)).itemScores)
  assert.equal(base, {
    m: 'task_arithmetic',
    w: [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  })
  const { items } = options
  const alike = {
    ...untouched,
    items: items!,
    selection: options.selection!,
    validation: options.validation!,
    final: options.final!,
  }
  assert.is(await scoreOf('merge', options, base!), await scoreOf('perturbation', alike, idle))
})

test('a run that announces other items than it has is not scored: its scorers would look like liars', async ({
  nodes,
  settled,
}) => {
  for (const kind of ['merge', 'compression', 'perturbation']) {
    const { options } = settled.get(kind)![0]!
    const row = workloadNamed(kind)
    const [first, ...rest] = options.selection as readonly number[]
    const lying = row.parseOptions({ ...options, selection: [first! + 1, ...rest] })
    const [seed] = row.space(lying).seeds
    await rejectsCode(
      row.score(lying, seed!, 'selection', contextOf(nodes[0]!), signal),
      'EVALUATION_ITEMS_MALFORMED',
    )
  }
})

test('what cannot be evolved is refused before it is announced', async ({ nodes, settled }) => {
  const [node] = nodes
  const settle = (kind: string, given: JsonObject) => {
    const row = workloadNamed(kind)
    return row.settle(row.parseOptions(given), contextOf(node!), signal)
  }
  const { given } = settled.get('merge')![0]!
  await rejectsCode(settle('merge', { ...given, parents: ['red', 'none'] }), 'MODEL_UNKNOWN')
  await rejectsCode(settle('merge', { ...given, parents: ['red', 'encoder'] }), 'INVALID_ARGUMENT')
  for (const part of [{ parents: ['red', 'red'] }, { methods: ['slerp'] }, { base: null, methods: ['ties'] }])
    await rejectsCode(
      Promise.resolve().then(() => settle('merge', { ...given, ...part })),
      'INVALID_ARGUMENT',
    )
  const line = (index: number) => JSON.stringify({ type: 'text', text: `text ${index}` })
  const texts = await node!.store(Array.from({ length: 20 }, (_, index) => `${line(index)}\n`).join(''))
  await rejectsCode(settle('merge', { ...given, tasks: [{ data: texts }] }), 'INVALID_ARGUMENT')
  const one = await node!.store('{"type":"choice","context":"a","choices":["b","c"],"answer":0}\n')
  await rejectsCode(settle('merge', { ...given, tasks: [{ data: one }] }), 'INVALID_ARGUMENT')
  const small = settled.get('compression')![0]!.given
  await rejectsCode(settle('compression', { ...small, bitsPerWeight: 1 }), 'INVALID_ARGUMENT')
  await rejectsCode(
    workloadNamed('agent').score(
      settled.get('agent')![0]!.options,
      workloadNamed('agent').space(settled.get('agent')![0]!.options).seeds[0]!,
      'selection',
      node!.context,
      signal,
    ),
    'EVOLVE_NOT_HERE',
  )
})

test('no candidate stays on the disk', async ({ nodes }) => {
  for (const node of nodes)
    assert.equal(
      (await readdir(node.context.workDirectory)).filter((name) => name !== 'packed-weights'),
      [],
    )
})

test.run()
