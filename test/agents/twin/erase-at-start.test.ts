/**
 * An erasure that was cut off is finished at the next start, when the stores are open and nothing else has started: no eraser may rest on
 * what a service reads later.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentAnswer } from '../../../node/agents/agent.ts'
import type { Asker } from '../../../node/agents/asker.ts'
import { createConversations } from '../../../node/agents/conversations/conversations.ts'
import { createDecisions } from '../../../node/agents/king/decisions.ts'
import { createAudit } from '../../../node/agents/loop/audit.ts'
import { createErasure } from '../../../node/agents/twin/erasure.ts'
import { speakerGroup } from '../../../node/agents/twin/records-of.ts'
import { createTwin } from '../../../node/agents/twin/twin.ts'
import { createStoredResponses } from '../../../node/api/gateway/stored-responses.ts'
import { log, NEVER, opened, recordFiles } from '../../helpers/sealed-stores.ts'
import { toyEncoder } from '../../helpers/toy-encoder.ts'

const OWNER: Asker = { kind: 'owner', id: 'owner', scope: 'admin' }
const KEY: Asker = { kind: 'key', id: 'key_1', scope: 'admin' }
const SAID: Record<string, string> = { owner: 'I live in Oslo.', key_1: 'My sister is called Ada.' }
const STORES = ['audit', 'conversations', 'decisions', 'responses', 'twin'] as const

/** As the daemon has them; nothing is started but the stores. */
async function world(directory: string) {
  const stores = await Promise.all(
    STORES.map((name) =>
      opened(path.join(directory, name), { name, groupOf: speakerGroup, durability: 'process' }),
    ),
  )
  const [auditStore, conversationStore, decisionStore, responseStore, twinStore] = stores as [
    (typeof stores)[0],
    (typeof stores)[0],
    (typeof stores)[0],
    (typeof stores)[0],
    (typeof stores)[0],
  ]
  const erasure = createErasure({ log }, { directory })
  let ids = 0
  const audit = createAudit({ store: auditStore }, { newId: () => String(++ids) })
  erasure.onErase('audit', 'done', async (asker) => void (await audit.eraseAsker(asker)))
  const decisions = createDecisions({ store: decisionStore }, { now: Date.now })
  erasure.onErase('decisions', 'done', decisions.eraseAsker)
  const responses = createStoredResponses({ sealed: responseStore })
  erasure.onErase('responses', 'said', responses.forget)
  const twin = createTwin(
    { store: twinStore, encoder: toyEncoder(), erasure, log },
    { isEnabled: true, mayLeave: false },
  )
  const answer: AgentAnswer = {
    ...{ id: 'r', agent: 'king', node: 'n', model: null, text: 'heard', finish: 'answer', evidence: null },
    ...{ observations: [], turns: 1, tookMs: 1 },
    usage: { promptTokens: 0, cachedTokens: 0, completionTokens: 0 },
  }
  const conversations = createConversations(
    { store: conversationStore, agents: { ask: async () => answer }, twin, erasure, log },
    { learns: true, withholds: async () => false },
  )
  return {
    ...{ audit, conversations, decisions, erasure, responses, twin },
    /** How many records each store has. */
    counts: () => stores.map((store) => store.stats().records),
    async say(asker: Asker) {
      const end = await audit.begin({
        ...{ timeMs: 1, request: 'r', agent: 'king', asker, tool: 'time_now', effect: 'read' },
        ...{ arguments: {}, decision: 'read', by: null },
      })
      await end({ outcome: 'done', code: null, ms: 1, sizeBytes: 1 })
      const { id } = await conversations.create(asker)
      await conversations.ask(asker, id, { text: SAID[asker.id]! }, NEVER)
      await decisions.begin({
        ...{ id: `r-${asker.id}`, asker, asked: 'x', model: null },
        steps: [],
        notDone: [],
      })
      await responses.begin(asker)({
        response: { id: `resp_${'0'.repeat(32)}`, output: [] },
        input: [],
        isPrivate: false,
      })
    },
    async stop() {
      for (const store of stores) await store.stop()
    },
  }
}

const test = suite('erased at the start')

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-erase-'))
  try {
    await run(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The counts after an erasure that a marker wishes was finished at the start. */
async function afterErasing(directory: string, marker: object): Promise<number[]> {
  const first = await world(directory)
  await first.erasure.start(NEVER)
  for (const asker of [OWNER, KEY]) await first.say(asker)
  await first.stop()
  writeFileSync(path.join(directory, 'erasing.json'), JSON.stringify(marker))
  const second = await world(directory)
  await second.erasure.start(NEVER)
  const counts = second.counts()
  await second.stop()
  for (const [index, name] of STORES.entries())
    assert.is(recordFiles(path.join(directory, name)).length, counts[index], `${name}: bytes are gone too`)
  return counts
}

test('everything of a speaker, in every store, and nothing of another', () =>
  inDirectory(async (directory) => {
    const counts = await afterErasing(directory, { kind: 'owner', id: 'owner' })
    assert.equal(counts, [1, 1, 1, 1, 0], STORES.join(' '))
    const third = await world(directory)
    await third.conversations.start(NEVER)
    assert.is(third.conversations.list(KEY).length, 1)
    assert.is((await third.audit.list())[0]?.asker.id, KEY.id)
    assert.is((await third.decisions.get('r-key_1'))?.asker.id, KEY.id)
    assert.is(await third.decisions.get('r-owner'), null)
    await third.stop()
  }))

test('of a key that is gone: what it said, and what the Twin learned from it; not what was done, nor the Twin', () =>
  inDirectory(async (directory) => {
    const counts = await afterErasing(directory, { kind: 'key', id: 'key_1', only: 'said' })
    assert.equal(counts, [2, 1, 2, 1, 1], STORES.join(' '))
    const third = await world(directory)
    await third.twin.start(NEVER)
    assert.equal(
      third.twin.list().map(({ text }) => text),
      ['I live in Oslo.'],
    )
    await third.stop()
  }))

test('a record that cannot be read goes with the first erasure, and stops none', () =>
  inDirectory(async (directory) => {
    const first = await world(directory)
    await first.erasure.start(NEVER)
    await first.say(KEY)
    await first.stop()
    for (const name of ['audit', 'conversations', 'decisions']) {
      const [file] = recordFiles(path.join(directory, name))
      writeFileSync(path.join(directory, name, file!), 'not what was sealed')
    }
    const second = await world(directory)
    await second.erasure.start(NEVER)
    await second.erasure.eraseAll(OWNER)
    assert.equal(second.counts(), [0, 0, 0, 1, 0], STORES.join(' '))
    await second.stop()
  }))

test.run()
