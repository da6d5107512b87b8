/** Genomes in words, and the graph of descent, as the dashboard tells them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const part = (name: string) =>
  import(new URL(`../../../node/api/dashboard/pages/evolution/${name}.js`, import.meta.url).href)
const { genomeWords, groupNames } = await part('genome-words')
const { layoutLineage, neighbour } = await part('lineage-layout')
const { endWords, phaseWords, verdictWords } = await part('words')

const test = suite('evolution, in words')
const MERGE = { base: 'cid-base', parents: ['cid-a', 'cid-b'], layers: 5, groups: 2, split: false }
const nameOf = (cid: string) => cid.replace('cid-', '')

test('a merge is told by group, or once where all groups are alike', () => {
  assert.equal(groupNames(MERGE), ['outside of the layers', 'layers 1 to 3', 'layers 4 to 5'])
  const genome = {
    m: 'ties',
    w: [
      [0, 0],
      [800, 40],
      [0, 1000],
    ],
    d: [60, 60, 35],
  }
  assert.is(
    genomeWords('merge', MERGE, genome, nameOf),
    'ties: outside of the layers: base as it is; layers 1 to 3: a 0.8, b 0.04, 60% kept; layers 4 to 5: b 1, 35% kept',
  )
  const even = {
    m: 'task_arithmetic',
    w: [
      [500, 0],
      [500, 0],
      [500, 0],
    ],
  }
  assert.is(genomeWords('merge', MERGE, even, nameOf), 'task arithmetic: a 0.5')
})

test('the stretches of layers are those that a merge is made by', async () => {
  const { groupOf } = await import('../../../node/federated/workloads/layer-groups.ts')
  for (const layers of [1, 2, 5, 7, 12])
    for (let groups = 1; groups <= layers; groups += 1) {
      const names = groupNames({ layers, groups, split: false })
      for (let layer = 0; layer < layers; layer += 1) {
        const group = groupOf(`model.layers.${layer}.mlp.weight`, { layers, groups, split: false })
        const [from, to = from] = (names[group].match(/\d+/g) ?? []).map(Number)
        assert.ok(layer + 1 >= from! && layer + 1 <= to!, `${layer} of ${layers} in ${names[group]}`)
      }
    }
})

test('compressions, perturbations and settings are told', () => {
  const key = {
    choices: [
      { codec: 'int4', params: {} },
      { codec: 'trellis', params: { bits: 3 } },
    ],
    weights: [['a', 'b'], ['c'], ['d']],
  }
  assert.is(
    genomeWords('compression', key, { c: '011' }, nameOf),
    'int4 for 2 matrices, trellis 3 bits for 2 matrices',
  )
  assert.is(genomeWords('perturbation', {}, { p: [] }, nameOf), 'the model as it is')
  assert.is(
    genomeWords(
      'perturbation',
      {},
      {
        p: [
          [3, -40],
          [7, 250],
        ],
      },
      nameOf,
    ),
    'steps of 25% along direction 7, −4.0% along direction 3',
  )
  assert.match(
    genomeWords('agent', {}, { w: 40, f: 1, c: 50 }, nameOf),
    /40%, 50 passages put up, the question is expanded/,
  )
})

test('phases, ends and verdicts', () => {
  assert.is(phaseWords({ phase: 'commit', isPaused: false, split: 'final' }), 'last comparison, scoring')
  assert.is(phaseWords({ phase: 'published', isPaused: false, split: 'final' }), 'published')
  assert.match(
    endWords({ phase: 'ended', endReason: 'no-gain', stopped: { limit: 'plateau', reached: 4 } }),
    /no candidate was better .*4 generations brought/,
  )
  assert.is(endWords({ phase: 'commit', endReason: null, stopped: null }), null)
  const rows = [{ id: 'seed.0', name: 'base' }]
  const worse = [{ seed: 'seed.0', verdict: 'worse' }]
  assert.is(
    verdictWords({ beatsAllSeeds: false, beaten: 0, seeds: 2, comparisons: worse, rows }),
    'The winner beats 0 of 2 seeds. It cannot be told from base (which is better). Of 1 nothing is known: nobody could score them.',
  )
})

const row = (id: string, mean: number, parents: string[] = []) => ({
  id,
  generation: Number(id.split('.')[0]),
  by: parents.length === 0 ? 'seed' : 'crossover',
  parents,
  mean,
})
const REPORT = {
  lineage: {
    id: '2.0',
    nodes: [
      row('2.0', 0.9, ['1.0', '0.1']),
      row('1.0', 0.7, ['0.0', '0.1']),
      row('0.0', 0.5),
      row('0.1', 0.6),
    ],
  },
  candidates: [
    row('2.0', 0.9, ['1.0', '0.1']),
    row('1.1', 0.8, ['0.1', '0.1']),
    row('1.0', 0.7, ['0.0', '0.1']),
  ],
}

test('descent: a column a generation, the best on top, edges only between those that are drawn', () => {
  const { nodes, edges, generations } = layoutLineage(REPORT)
  assert.equal(
    generations.map(({ generation }: { generation: number }) => generation),
    [0, 1, 2],
  )
  assert.ok(nodes.get('0.1').y < nodes.get('0.0').y, 'the better seed is higher')
  assert.ok(nodes.get('1.1').y < nodes.get('1.0').y)
  assert.ok(nodes.get('0.0').x < nodes.get('1.0').x && nodes.get('1.0').x < nodes.get('2.0').x)
  assert.is(nodes.get('2.0').isSubject, true)
  assert.is(nodes.get('1.1').isAncestor, false)
  assert.ok(edges.every(({ from, to }: { from: string; to: string }) => nodes.has(from) && nodes.has(to)))
  assert.is(edges.filter(({ isAncestor }: { isAncestor: boolean }) => isAncestor).length, 4)
  // A crowd is bounded.
  const crowd = Array.from({ length: 900 }, (_, index) => row(`${index % 30}.${index}`, index))
  assert.is(layoutLineage({ lineage: null, candidates: crowd }).nodes.size, 160)
  assert.is(layoutLineage({ lineage: null, candidates: [] }).nodes.size, 0)
})

test('arrow keys follow the descent, and stop at the border', () => {
  const { nodes } = layoutLineage(REPORT)
  assert.is(neighbour(nodes, '2.0', 'ArrowLeft'), '1.0')
  assert.is(neighbour(nodes, '1.0', 'ArrowUp'), '1.1')
  assert.is(neighbour(nodes, '1.1', 'ArrowLeft'), '0.1')
  assert.is(neighbour(nodes, '2.0', 'ArrowRight'), null)
  assert.is(neighbour(nodes, '0.1', 'ArrowUp'), null)
})

test.run()
