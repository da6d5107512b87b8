/** Results side by side that say nothing of each other: each is verified by itself, and nobody is accused without that. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createChecker } from '../../../node/compute/jobs/checks.ts'
import type { Candidate } from '../../../node/compute/jobs/job-tasks.ts'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import type { TaskContext, TaskKind } from '../../../node/compute/tasks/task.ts'
import { VillageError } from '../../../node/errors.ts'
import { createLog } from '../../../node/log.ts'
import { toyTask } from '../../helpers/toy-kinds.ts'

const OWN = 'own'
const candidate = (lease: number, peer: string): Candidate => ({ lease, peer, check: 'replicate' })

/** Checks the results `texts` by peer; a text that begins with `lie` is one, and of `broken` nothing can be told. */
async function check(texts: Readonly<Record<string, string>>) {
  const verified: string[] = []
  const kind: TaskKind = {
    ...toyTask(),
    async verify(_params, { bytes }, _context, depth) {
      const text = Buffer.from(bytes).toString()
      verified.push(`${text} ${depth}`)
      if (text.startsWith('lie')) throw new VillageError('RESULT_INVALID')
      if (text === 'broken') throw new VillageError('SESSION_FAILED')
      return { exact: depth === 'full' }
    },
    agree: (a, b) => (Buffer.compare(a.bytes, b.bytes) === 0 ? true : null),
  }
  const log = createLog({ level: 'silent' })
  const checker = createChecker(
    // Neither artifacts nor threads are asked for by this kind.
    { artifacts: {}, pool: {}, log, trust: { isGuest: () => false } } as unknown as Pick<
      TaskContext,
      'artifacts' | 'pool' | 'log'
    > & { trust: { isGuest(peer: string): boolean } },
    {
      modelsDirectory: '/nowhere',
      signal: new AbortController().signal,
      known: createKnownAnswers({ random: () => 0 }),
      ownPeer: OWN,
      random: () => 0,
    },
  )
  const peers = Object.keys(texts)
  const candidates = peers.map((peer, lease) => candidate(lease, peer))
  const output = async (lease: number) => ({ bytes: Buffer.from(texts[peers[lease]!]!), stats: {} })
  const outcome = await checker.check({ kind, params: {}, depth: 'compare', candidates, output })
  const verdicts = Object.fromEntries(outcome.verdicts.map(({ lease, verdict }) => [peers[lease]!, verdict]))
  return { ...outcome, verdicts, verified }
}

test('strangers whose texts part stand on the word of the model, not on each other’s', async () => {
  const liars = await check({ a: 'lie 1', b: 'lie 2' })
  assert.equal(liars.verdicts, { a: 'invalid', b: 'invalid' })
  const mixed = await check({ a: 'lie', b: 'true' })
  assert.equal(mixed.verdicts, { a: 'invalid', b: 'valid' })
  assert.equal(mixed.verified, ['lie full', 'true full'])
  const honest = await check({ a: 'one way', b: 'another' })
  assert.equal([honest.verdicts, honest.exact], [{ a: 'valid', b: 'valid' }, true])
})

test('the own result accuses nobody whose text parts from it before the model was asked', async () => {
  const both = await check({ a: 'another', [OWN]: 'one way', b: 'lie', c: 'one way', d: 'broken' })
  assert.equal(both.verdicts, { [OWN]: 'valid', a: 'valid', b: 'invalid', c: 'valid', d: 'undecided' })
  assert.equal(both.verified, ['another full', 'lie full', 'broken full'])
  assert.is(both.verdicts[OWN], 'valid')
  assert.equal([both.exact, both.problem], [true, null])
})

test.run()
