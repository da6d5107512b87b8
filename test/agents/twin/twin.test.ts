import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Asker } from '../../../node/agents/asker.ts'
import { createErasure, type Erasure } from '../../../node/agents/twin/erasure.ts'
import { createTwin, type Twin, type TwinInit } from '../../../node/agents/twin/twin.ts'
import { createTwinTools } from '../../../node/agents/twin/twin-tools.ts'
import { VillageError } from '../../../node/errors.ts'
import type { JsonObject } from '../../../node/json.ts'
import { createLog } from '../../../node/log.ts'
import { createSealedStore, type SealedStore } from '../../../node/sealed-store.ts'
import { rejectsCode } from '../../helpers/throws.ts'
import { toyEncoder } from '../../helpers/toy-encoder.ts'

const MARK = 'zebra-lantern-quartz'
const NEVER = new AbortController().signal
const OWNER: Asker = { kind: 'owner', id: 'owner', scope: 'admin' }
const OTHERS: readonly Asker[] = [
  { kind: 'member', id: '12D3KooWPeer', scope: 'ask' },
  { kind: 'member', id: '12D3KooWPeer', scope: 'admin' },
  { kind: 'key', id: 'k1', scope: 'operate' },
  { kind: 'key', id: 'k1', scope: 'read' },
]
const identity = { privateKey: await generateKeyPair('Ed25519') }

interface Context {
  directory: string
}
interface Opened {
  readonly twin: Twin
  readonly store: SealedStore
  readonly erasure: Erasure
  readonly logged: string[]
  stop(): Promise<void>
}

const test = suite<Context>('twin')
test.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-twin-'))
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

async function opened(
  directory: string,
  init: Partial<TwinInit> & { encoder?: ReturnType<typeof toyEncoder> } = {},
): Promise<Opened> {
  const logged: string[] = []
  const log = createLog({ level: 'trace', destination: { write: (line) => void logged.push(line) } })
  const store = createSealedStore(
    { log, identity },
    { directory: path.join(directory, 'sealed', 'twin'), name: 'twin', maxRecords: 100, maxBytes: 2 ** 24 },
  )
  const erasure = createErasure({ log }, { directory: path.join(directory, 'sealed') })
  let clock = 0
  const { encoder = toyEncoder(), ...rest } = init
  const twin = createTwin(
    { store, encoder, erasure, log },
    { isEnabled: true, mayLeave: false, now: () => (clock += 1), ...rest },
  )
  for (const service of [store, erasure, twin]) await service.start(NEVER)
  return {
    ...{ twin, store, erasure, logged },
    async stop() {
      for (const service of [twin, erasure, store]) await service.stop()
    },
  }
}

function rawBytes(directory: string): Buffer {
  return Buffer.concat(
    readdirSync(directory, { recursive: true })
      .map((name) => path.join(directory, String(name)))
      .filter((file) => statSync(file).isFile())
      .flatMap((file) => [Buffer.from(file), readFileSync(file)]),
  )
}

const texts = (twin: Twin) => twin.list().map(({ text }) => text)

test('memories are kept over a restart, said again they are one, and contradicted they are replaced', async ({
  directory,
}) => {
  const first = await opened(directory)
  await first.twin.remember({ text: 'I prefer metric units' })
  await first.twin.remember({ text: 'My sister is called Ada', source: { kind: 'told', conversation: null } })
  assert.is((await first.twin.remember({ text: 'I prefer metric units.' })).isNew, false)
  const { replaced, memory } = await first.twin.remember({ text: 'I prefer imperial units' })
  assert.equal(
    replaced.map(({ text }) => text),
    ['I prefer metric units.'],
  )
  assert.is(memory.kind, 'preference')
  await first.stop()
  const second = await opened(directory)
  assert.equal(texts(second.twin), ['I prefer imperial units', 'My sister is called Ada'])
  assert.is(second.store.list().length, 2)
  const { id } = second.twin.list()[0]!
  await second.twin.edit(id, { text: 'I prefer metric units after all' })
  await rejectsCode(second.twin.edit('none', { text: 'x' }), 'NOT_FOUND')
  await rejectsCode(second.twin.remember({ text: '  ' }), 'INVALID_ARGUMENT')
  await rejectsCode(second.twin.remember({ text: 'x'.repeat(2001) }), 'INVALID_ARGUMENT')
  assert.equal((second.twin.export() as { memories: { text: string }[] }).memories.length, 2)
  await second.stop()
})

test('recall: what fits and how to answer, to the person alone, and to no remote model', async ({
  directory,
}) => {
  const { twin, stop } = await opened(directory)
  await twin.remember({ text: 'I prefer metric units' })
  await twin.remember({ text: 'My sister is called Ada' })
  await twin.remember({ text: 'The boat lies in Bergen harbour' })
  const recalled = await twin.recallFor(OWNER, 'When does my sister arrive?', { remote: false }, NEVER)
  assert.match(recalled!, /sister is called Ada/)
  assert.match(recalled!, /metric units/)
  assert.not.match(recalled!, /Bergen/)
  const key: Asker = { kind: 'key', id: 'k', scope: 'admin' }
  assert.match((await twin.recallFor(key, 'my sister', { remote: false }, NEVER))!, /Ada/)
  for (const other of OTHERS)
    assert.is(await twin.recallFor(other, 'When does my sister arrive?', { remote: false }, NEVER), null)
  assert.is(await twin.recallFor(OWNER, 'my sister', { remote: true }, NEVER), null)
  await stop()
  const open = await opened(directory, { mayLeave: true })
  assert.match((await open.twin.recallFor(OWNER, 'my sister', { remote: true }, NEVER))!, /Ada/)
  await open.stop()
  const off = await opened(directory, { isEnabled: false })
  assert.is(await off.twin.recallFor(OWNER, 'my sister', { remote: false }, NEVER), null)
  await rejectsCode(off.twin.remember({ text: 'x' }), 'TWIN_DISABLED')
  await off.stop()
})

test('vectors are made once, sealed with the memory, and missed openly', async ({ directory }) => {
  const encoder = toyEncoder()
  const first = await opened(directory, { encoder })
  await first.twin.remember({ text: 'The boat lies in Bergen harbour' })
  await first.twin.search('harbour', 5, NEVER)
  await first.twin.search('boat', 5, NEVER)
  assert.equal(encoder.embedded, ['The boat lies in Bergen harbour', 'harbour', 'boat'])
  await first.stop()
  const again = toyEncoder()
  const second = await opened(directory, { encoder: again })
  assert.is((await second.twin.search('Bergen', 5, NEVER))[0]?.memory.text, 'The boat lies in Bergen harbour')
  assert.equal(again.embedded, ['Bergen'])
  await second.stop()
  const failing = toyEncoder({ fails: () => new VillageError('MODEL_UNKNOWN') })
  const third = await opened(directory, { encoder: failing })
  assert.is((await third.twin.search('Bergen', 5, NEVER)).length, 1)
  assert.is(third.twin.stats().vectorsFailed, 'MODEL_UNKNOWN')
  await third.stop()
})

test('tools: remember, recall, forget, for the person alone', async ({ directory }) => {
  const { twin, stop } = await opened(directory)
  const tools = new Map(createTwinTools({ twin }).map((row) => [row.name, row]))
  const context = (asker: Asker, seesPrivate = true) => ({
    ...{
      asker,
      request: 'r',
      signal: NEVER,
      seesPrivate,
      staysHere: false,
      progress: () => {},
      countTokens: () => {},
    },
  })
  const call = (name: string, given: JsonObject, asker = OWNER, seesPrivate = true) =>
    tools.get(name)!.run(given, context(asker, seesPrivate))
  for (const text of ['My sister is called Ada', 'My sister lives in Rome', 'My car is red'])
    assert.is((await call('twin_remember', { text })).trust, 'own')
  const found = await call('twin_recall', { query: 'what do you know about me?' })
  assert.is((found.content as { memories: unknown[] }).memories.length, 3)
  await rejectsCode(call('twin_recall', { query: 'my sister' }, OWNER, false), 'PRIVATE_WITHHELD')
  for (const other of OTHERS)
    for (const [name, given] of [
      ['twin_recall', { query: 'my sister' }],
      ['twin_remember', { text: 'I am somebody else' }],
      ['twin_forget', { query: 'my car' }],
    ] as const)
      await rejectsCode(call(name, given, other), 'API_SCOPE')
  const several = await call('twin_forget', { query: 'my sister' })
  assert.is((several.content as { forgotten: unknown }).forgotten, null)
  assert.is((several.content as { candidates: unknown[] }).candidates.length, 2)
  assert.is((await call('twin_forget', { query: 'the train' })).summary, 'nothing like it was remembered')
  await call('twin_forget', { query: 'that my car is red' })
  assert.equal(texts(twin).sort(), ['My sister is called Ada', 'My sister lives in Rome'])
  await stop()
})

test('no plain byte on disk or in the log, and none at all once it is erased', async ({ directory }) => {
  const { twin, erasure, logged, stop } = await opened(directory)
  await twin.remember({ text: `My password hint is ${MARK}` })
  const { memory } = await twin.remember({ text: `The ${MARK} boat lies in Bergen` })
  await twin.search(MARK, 5, NEVER)
  assert.not.ok(rawBytes(directory).includes(MARK))
  await twin.forget(memory.id)
  assert.is(readdirSync(path.join(directory, 'sealed', 'twin')).length, 2)
  await erasure.eraseAll(OWNER)
  assert.equal(twin.list(), [])
  assert.equal(readdirSync(path.join(directory, 'sealed'), { recursive: true }).sort(), ['twin', 'twin/keys'])
  await stop()
  assert.not.ok(logged.join('').includes(MARK))
})

test('an erasure that was cut off is finished at the next start, and a failing store is tried again', async ({
  directory,
}) => {
  const first = await opened(directory)
  await first.twin.remember({ text: `I like ${MARK}` })
  const erased: string[] = []
  let isBroken = true
  first.erasure.onErase('other', 'said', async ({ id }) => {
    if (isBroken) throw new VillageError('DISK_FULL')
    erased.push(id)
  })
  await rejectsCode(first.erasure.eraseAll(OWNER), 'DISK_FULL')
  assert.equal(first.twin.list(), [], 'the others are erased all the same')
  const marker = path.join(directory, 'sealed', 'erasing.json')
  assert.equal(JSON.parse(readFileSync(marker, 'utf8')), { kind: 'owner', id: 'owner' })
  isBroken = false
  await first.erasure.start(NEVER)
  assert.equal(erased, ['owner'])
  assert.not.ok(readdirSync(path.dirname(marker)).includes('erasing.json'))
  await first.twin.remember({ text: `I like ${MARK}` })
  await first.stop()
  // The process ended after it had written down what is to be erased.
  writeFileSync(marker, JSON.stringify({ kind: 'owner', id: 'owner' }))
  const second = await opened(directory)
  assert.equal(second.twin.list(), [])
  await second.stop()
  // It ended while it wrote that down: nobody was told that anything is erased.
  const third = await opened(directory)
  await third.twin.remember({ text: 'I like tea' })
  await third.stop()
  writeFileSync(`${marker}.new`, '{"kind":"ow')
  const fourth = await opened(directory)
  assert.equal(texts(fourth.twin), ['I like tea'])
  assert.equal(readdirSync(path.dirname(marker)), ['twin'])
  await fourth.stop()
})

test.run()
