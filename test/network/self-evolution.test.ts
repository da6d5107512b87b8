/** Self-evolution on a real daemon: a goal about the search of a collection and one about a model, from the command to the rollback. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CollectionView } from '../../node/cli/knowledge-views.ts'
import type { HistoryView, StatusView } from '../../node/cli/self-evolution-text.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { type LocalNode, startNode } from '../../scripts/localnet.ts'
import { village } from '../helpers/command-line.ts'
import { writeTinySource } from '../helpers/language-models.ts'

const test = suite('self-evolution')

const POLL_MS = 100
const GOALS = `
budget: {evaluations: 60}
goals:
  - name: town-search
    every: 1d
    target: {collection: town}
    evolve:
      workload: {kind: agent, judged: judged}
      population: 6
      limits: {generations: 2}
  - name: helper-steps
    every: 1d
    target: {model: helper}
    evolve:
      workload:
        kind: perturbation
        model: helper
        directions: 4
        largest: 1
        selectionItems: 30
        validationItems: 10
        finalItems: 60
        choose: 1
        tasks: [{data: items.jsonl}]
      population: 8
      limits: {generations: 2}
`
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
/** All have one answer: a model of noise becomes better at them as soon as it prefers one letter. */
const items = Array.from({ length: 140 }, (_, at) => ({
  ...{
    id: `item-${at}`,
    type: 'choice',
    context: `${at} ${LETTERS[at % 26]}`,
    choices: ['a', 'b'],
    answer: 0,
  },
}))

/** Shelf marks: words tell them apart, vectors hardly do. */
async function writeShelfMarks(directory: string): Promise<void> {
  const random = seededRandom(1)
  const mark = () =>
    Array.from({ length: 6 }, () => 'bcdfghjklmnpqrstvwxz'[Math.floor(random() * 20)]).join('')
  const marks = Array.from({ length: 48 }, mark)
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  await mkdir(directory)
  const documents = marks.map((one, at) => ({
    _id: `d${at}`,
    title: '',
    text: `The book ${one} stands on a shelf.`,
  }))
  await writeFile(path.join(directory, 'corpus.jsonl'), lines(documents))
  const queries = marks.map((one, at) => ({ _id: `q${at}`, text: `where is ${one}` }))
  await writeFile(path.join(directory, 'queries.jsonl'), lines(queries))
  const rows = marks.map((_, at) => `q${at}\td${at}\t1`)
  await writeFile(path.join(directory, 'qrels.tsv'), ['query-id\tcorpus-id\tscore', ...rows, ''].join('\n'))
}

type Ask = (...args: string[]) => ReturnType<typeof village>
interface Node {
  readonly local: LocalNode
  readonly cli: Ask
  readonly status: () => Promise<StatusView>
}

async function begun(goal: string, { cli, status }: Node): Promise<HistoryView> {
  const begun = await cli('run', goal, '--json')
  assert.is(begun.code, 0, begun.err)
  while ((await status()).goals.some(({ state }) => state === 'running')) await sleep(POLL_MS)
  return (await cli('history', goal, '--json')).json as HistoryView
}

async function withNode(use: (node: Node, directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-self-evolution-'))
  await writeShelfMarks(path.join(directory, 'judged'))
  writeTinySource(path.join(directory, 'tiny'), 'llama')
  await writeFile(path.join(directory, 'items.jsonl'), items.map((item) => JSON.stringify(item)).join('\n'))
  const goals = path.join(directory, 'goals.yaml')
  await writeFile(goals, GOALS)
  const settings = { 'selfEvolution.enabled': true, 'selfEvolution.goals': goals }
  const local = await startNode({ directory: path.join(directory, 'node'), settings })
  try {
    await local.client.send('POST', '/api/v1/village', { name: 'alone' })
    const cli: Ask = (...args) => village(local.directory, 'self-evolution', ...args)
    const status = () => local.client.get<StatusView>('/api/v1/self-evolution')
    await use({ local, cli, status }, directory)
  } finally {
    await local.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function settingsAreTuned(node: Node): Promise<void> {
  const { local, cli, status } = node
  const collection = () => local.client.get<CollectionView>('/api/v1/collections/town')
  await local.client.send('POST', '/api/v1/collections', { name: 'town', weight: 1 })
  const { history, versions } = await begun('town-search', node)
  assert.is(history[0]!.event, 'adopted', JSON.stringify(history[0]))
  assert.ok(history[0]!.look!.comparison.difference.value > 0.1)
  assert.equal(
    versions.map(({ version, by, isPresent }) => [version, by, isPresent]),
    [
      [2, 'adopted', true],
      [1, 'found', false],
    ],
  )
  const { weight, feedback, candidates } = await collection()
  assert.ok(weight < 1)
  assert.equal(versions[0]!.settings, { weight, feedback, candidates })
  const { spent } = await status()
  assert.ok(spent.evaluations > 0 && spent.evaluations <= 16)

  const back = await cli('rollback', 'town-search')
  assert.is(back.code, 0, back.err)
  assert.match(back.out, /Version 1 of the collection town is back/)
  const restored = await collection()
  assert.equal([restored.weight, restored.feedback, restored.candidates], [1, false, null])
  assert.match((await cli('status')).out, /paused/)
  assert.is((await cli('resume', 'town-search')).code, 0)
  assert.match((await cli('history', 'town-search')).out, /rolled-back/)
}

async function modelIsReplaced(node: Node, directory: string): Promise<void> {
  const { local, cli } = node
  await local.client.send('POST', '/api/v1/models', { path: path.join(directory, 'tiny'), id: 'helper' })
  const models = () => local.client.get<{ models: { id: string; cid: string }[] }>('/api/v1/models')
  const before = await models()
  const { history, versions } = await begun('helper-steps', node)
  assert.is(history[0]!.event, 'adopted', JSON.stringify(history[0]))
  const present = (await models()).models.find(({ id }) => id === 'helper')!
  assert.is(present.cid, versions[0]!.cid)
  assert.is.not(present.cid, versions[1]!.cid)
  const said = await village(local.directory, 'generate', 'helper', 'a b', '--max-tokens', '3')
  assert.is(said.code, 0, said.err)
  assert.is((await cli('rollback', 'helper-steps', '--to', '1')).code, 0)
  assert.equal(await models(), before, 'put back as it was')
}

test('what is worse than it could be is found out, replaced, and put back on command', () =>
  withNode(async (node, directory) => {
    await settingsAreTuned(node)
    await modelIsReplaced(node, directory)
  }))

test.run()
