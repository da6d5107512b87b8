/** `village evolve` against a real daemon: a tiny model is perturbed, the run goes through all phases, the report is written. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlanView } from '../../node/cli/evolve-text.ts'
import type { ReportView } from '../../node/cli/evolve-view.ts'
import { EXIT_CODES } from '../../node/cli/exit-codes.ts'
import { startNode } from '../../scripts/localnet.ts'
import { village } from '../helpers/command-line.ts'
import { writeTinySource } from '../helpers/language-models.ts'

const test = suite('village evolve')

const POLL_MS = 100
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const items = Array.from({ length: 40 }, (_, index) => {
  const letter = LETTERS[index % 26]!
  return {
    id: `item-${index}`,
    type: 'choice',
    context: `${index} ${letter}`,
    choices: [letter, '.'],
    answer: index % 2,
  }
})

const CONFIG = `
workload:
  kind: perturbation
  model: tiny
  directions: 2
  largest: 1
  selectionItems: 12
  finalItems: 12
  choose: 1
  tasks: [{data: items.jsonl}]
strategy: tournament
population: 6
limits: {generations: 3}
publish: better
publishOnly: always
`

test('from the configuration to the report of a run of one member', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-evolve-'))
  const node = await startNode({ directory: path.join(directory, 'node') })
  try {
    const cli = (...args: string[]) => village(node.directory, ...args)
    writeTinySource(path.join(directory, 'tiny'), 'llama')
    const config = path.join(directory, 'attempt.yaml')
    await writeFile(config, CONFIG)
    await writeFile(path.join(directory, 'items.jsonl'), items.map((item) => JSON.stringify(item)).join('\n'))
    await node.client.send('POST', '/api/v1/village', { name: 'alone' })
    assert.is((await cli('model', 'add', path.join(directory, 'tiny'), '--id', 'tiny')).code, 0)

    const dry = await cli('evolve', config, '--dry-run', '--json')
    assert.is(dry.code, 0, dry.err)
    const plan = dry.json as PlanView
    assert.is(plan.name, 'attempt')
    assert.is(plan.genes, 2)
    assert.is(plan.first.length, 6)
    assert.is(
      (await node.client.get<{ runs: unknown[] }>('/api/v1/runs')).runs.length,
      0,
      'nothing was announced',
    )

    const waited = await cli('evolve', config, '--wait', '--name', 'named', '--seed', '5', '--json')
    const report = waited.json as ReportView
    assert.is(report.name, 'named')
    assert.is(report.seed, 5)
    assert.is(report.generations.length, 3)
    assert.is(report.generations[0]!.candidates, 6)
    assert.ok(report.evaluations > 6 && report.evaluations <= 18)
    assert.is(report.finalists.length, 3)
    assert.ok(report.lineage!.nodes.length > 0)
    assert.is(report.peers.length, 1)
    assert.ok(report.peers[0]!.busyMs > 0 && report.peers[0]!.joules > 0)
    // Whether its directions help a model of noise is for its noise to say: both ends are checked.
    if (report.phase === 'published') {
      assert.is(waited.code, EXIT_CODES.ok.code)
      assert.is(report.final!.items, plan.finalItems)
      assert.is(report.final!.rows.filter(({ kind }) => kind === 'winner').length, 1)
      assert.is(report.final!.comparisons.length, plan.seeds.length)
      // The model is registered by each member after the end of the run.
      while ((await cli('model', 'inspect', 'better')).code !== 0) await sleep(POLL_MS)
    } else {
      assert.is(waited.code, EXIT_CODES.jobFailed.code)
      assert.is(report.endReason, 'no-gain')
      assert.is(report.final, null)
    }

    const page = path.join(directory, 'report.html')
    const written = await cli('evolve', 'report', report.run.slice(0, 6), '--html', page)
    assert.is(written.code, 0, written.err)
    const html = await readFile(page, 'utf8')
    assert.match(html, /<h1>named<\/h1>/)
    assert.not.match(html, /<script|https?:\/\//)
    // The geometry of the best of each generation, which is built again for it: on the same run, for one takes seconds.
    const drawn = path.join(directory, 'geometry.html')
    const history = await cli('geometry', '--history', report.run, '--wait', '--html', drawn, '--json')
    assert.is(history.code, 0, history.err)
    assert.equal(
      history.json.looks.map(({ generation }: { generation: number }) => generation),
      [0, 1, 2],
    )
    for (const [index, look] of history.json.looks.entries()) {
      assert.is(look.id, report.generations[index]!.bestId)
      assert.is(look.mean, report.generations[index]!.best)
      assert.ok(look.dimension > 0.5 && look.points > 25 && look.stableRank > 1, JSON.stringify(look))
    }
    assert.match(await readFile(drawn, 'utf8'), /through its evolution/)

    const again = await cli('evolve', 'report', report.run, '--html', page)
    assert.is.not(again.code, 0, 'a file that exists is kept')
    assert.match((await cli('evolve', 'report', report.run)).out, /Who did what/)
  } finally {
    await node.stop()
    await rm(directory, { recursive: true, force: true })
  }
})

test.run()
