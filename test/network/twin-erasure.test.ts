/** A real daemon keeps what it is told encrypted, and erases it to the last byte, also when it is killed in the middle of that. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  filesWith,
  formsOf,
  type MarkedDaemon,
  markedCounts,
  sayMark,
  sealedSlots,
  startEcho,
  startMarkedDaemon,
} from '../helpers/marked-daemon.ts'

const MARK = 'zebra-lantern-quartz-4417'
const FORMS = formsOf(MARK)
/** Enough that erasing them takes longer than killing a process. */
const MANY = 15

const test = suite('twin erasure')

async function withDaemons(
  run: (directory: string, start: () => Promise<MarkedDaemon>) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-erasure-'))
  const endpoint = await startEcho()
  const daemons: MarkedDaemon[] = []
  try {
    await run(directory, async () => {
      const daemon = await startMarkedDaemon(directory, endpoint.url)
      daemons.push(daemon)
      return daemon
    })
  } finally {
    for (const daemon of daemons) await daemon.end('SIGKILL')
    await endpoint.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

const nothingLeft = (directory: string) => {
  assert.equal(filesWith(directory, FORMS), [])
  for (const { store, slots, files } of sealedSlots(directory))
    assert.equal([store, slots.length, files], [store, 0, 0])
}

test('told: no plain byte anywhere; erased: no key, no record, no byte; also after a kill in between and a restart', () =>
  withDaemons(async (directory, start) => {
    const first = await start()
    await sayMark(first, MARK)
    const told = await markedCounts(first)
    assert.ok(told.memories >= 2 && told.conversations > 0 && told.auditedCalls > 0, JSON.stringify(told))
    const before = sealedSlots(directory)
    for (const store of ['twin', 'conversations', 'responses', 'audit'])
      assert.ok((before.find((one) => one.store === store)?.files ?? 0) > 0, `${store} holds something`)
    assert.equal(filesWith(directory, FORMS), [], 'while it runs')
    assert.is((await first.ask('DELETE', '/api/v1/twin')).status, 200)
    nothingLeft(directory)
    const slots = before.flatMap((store) => store.slots)
    assert.equal(filesWith(directory, slots), [], 'the keys of the records are gone')
    const { memories, conversations, auditedCalls } = await markedCounts(first)
    assert.equal([memories, conversations, auditedCalls], [0, 0, 0])

    // Told again, and killed as soon as the erasure has begun.
    await first.ask('POST', '/api/v1/twin', { text: `My boat is called ${MARK}` })
    for (let n = 0; n < MANY; n += 1) await first.ask('POST', '/api/v1/conversations')
    const again = sealedSlots(directory).flatMap((store) => store.slots)
    const marker = path.join(directory, 'sealed', 'erasing.json')
    const erased = first.ask('DELETE', '/api/v1/twin').catch(() => null)
    while (!existsSync(marker)) await new Promise((resolve) => setImmediate(resolve))
    await first.end('SIGKILL')
    await erased
    assert.ok(existsSync(marker), 'it was cut off')

    const second = await start()
    assert.not.ok(existsSync(marker))
    nothingLeft(directory)
    assert.equal(filesWith(directory, again), [])
    const last = await markedCounts(second)
    assert.equal([last.memories, last.conversations, last.auditedCalls], [0, 0, 0])
    await second.end('SIGTERM')
    nothingLeft(directory)
    for (const daemon of [first, second]) assert.not.ok(daemon.output().includes(MARK))
  }))

test.run()
