import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SealedStore } from '../node/sealed-store.ts'
import { contents, identity, NEVER, opened, rawBytes, recordFiles, using } from './helpers/sealed-stores.ts'
import { rejectsCode } from './helpers/throws.ts'

interface Context {
  directory: string
}

const test = suite<Context>('sealed store, crashes')
test.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-crash-'))
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

/** Copies the directory before and after every write and every close of a file: all states in which a process can end. */
async function statesDuring(directory: string, copies: string, work: () => Promise<void>): Promise<string[]> {
  const probe = await open(path.join(directory, 'keys'), 'r')
  const prototype = Object.getPrototypeOf(probe) as FileHandle
  await probe.close()
  const states: string[] = []
  const snapshot = () => {
    const copy = path.join(copies, String(states.length))
    cpSync(directory, copy, { recursive: true })
    states.push(copy)
  }
  const { write, close, truncate } = prototype
  prototype.write = async function (this: FileHandle, ...given: unknown[]) {
    snapshot()
    const result = await (write as (...all: unknown[]) => Promise<unknown>).apply(this, given)
    snapshot()
    return result
  } as FileHandle['write']
  prototype.close = async function (this: FileHandle) {
    await close.call(this)
    snapshot()
  }
  prototype.truncate = async function (this: FileHandle, length?: number) {
    snapshot()
    await truncate.call(this, length)
  }
  try {
    await work()
  } finally {
    Object.assign(prototype, { write, close, truncate })
  }
  snapshot()
  return states
}

test('ended at any point, a put leaves the old record or the new, a deletion and a clearing all or nothing', async ({
  directory,
}) => {
  const folder = path.join(directory, 'store')
  const others = { b: 'stays', c: 'stays too' }
  const cases: { name: string; work: (store: SealedStore) => Promise<unknown>; after: object }[] = [
    { name: 'replace', work: (store) => store.put('a', 'new'), after: { ...others, a: 'new' } },
    { name: 'add', work: (store) => store.put('d', 'new'), after: { ...others, a: 'old', d: 'new' } },
    { name: 'delete', work: (store) => store.delete('a'), after: others },
    { name: 'clear', work: (store) => store.clear(), after: {} },
  ]
  for (const { name, work, after } of cases) {
    rmSync(folder, { recursive: true, force: true })
    const store = await opened(folder)
    for (const [id, value] of Object.entries({ ...others, a: 'old' })) await store.put(id, value)
    const before = await contents(store)
    // The last slots of the file: adding makes it grow.
    if (name === 'add') for (let n = 0; n < 13; n += 1) await store.put(`fill${n}`, n)
    const copies = path.join(directory, `copies-${name}`)
    const states = await statesDuring(folder, copies, async () => void (await work(store)))
    await store.stop()
    assert.ok(states.length >= 5, `${name}: ${states.length} states`)
    let sawOld = false
    let sawNew = false
    for (const state of states) {
      await using(state, async (reopened) => {
        const found = await contents(reopened)
        for (const id of Object.keys(found)) if (id.startsWith('fill')) delete found[id]
        const text = JSON.stringify(Object.entries(found).sort())
        const isOld = text === JSON.stringify(Object.entries(before).sort())
        const isNew = text === JSON.stringify(Object.entries(after).sort())
        assert.ok(isOld || isNew, `${name}: ${text}`)
        assert.not.ok(sawNew && isOld, `${name}: what was done is not undone`)
        sawOld ||= isOld
        sawNew ||= isNew
        assert.is(reopened.stats().damaged, 0)
        assert.is(recordFiles(state).length, reopened.stats().records, `${name}: leftovers are wiped`)
      })
      // The second opening finds nothing more to mend.
      const mended = rawBytes(state)
      await using(state, async () => undefined)
      assert.equal(rawBytes(state), mended)
    }
    assert.ok(sawOld && sawNew, name)
    rmSync(copies, { recursive: true })
  }
})

test('a process that is killed while it puts loses nothing that it had said', async ({ directory }) => {
  const folder = path.join(directory, 'store')
  const key = Buffer.from(identity.privateKey.raw).toString('hex')
  const file = path.join(directory, 'writer.ts')
  const at = (name: string) =>
    JSON.stringify(pathToFileURL(path.resolve(import.meta.dirname, '..', name)).href)
  writeFileSync(
    file,
    `import { createLog } from ${at('node/log.ts')}
     import { createSealedStore } from ${at('node/sealed-store.ts')}
     const store = createSealedStore(
       { log: createLog({ level: 'silent' }), identity: { privateKey: { raw: Buffer.from('${key}', 'hex') } } },
       { directory: ${JSON.stringify(folder)}, name: 'test', maxRecords: 1000, maxBytes: 2 ** 24, durability: 'process' },
     )
     await store.start(new AbortController().signal)
     for (let n = 0; ; n += 1) {
       await store.put('r' + (n % 50), n)
       process.stdout.write(n + '\\n')
     }`,
  )
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let said = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    said += chunk as string
    if (said.length > 2000) child.kill('SIGKILL')
  }
  await exited
  const last = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1))
  assert.ok(last > 100)
  await using(folder, async (store) => {
    const values = Object.values(await contents(store)).map(Number)
    assert.is(values.length, 50)
    assert.is(store.stats().damaged, 0)
    assert.is(recordFiles(folder).length, 50)
    for (const value of values) assert.ok(value > last - 50)
  })
})

test('a disk that fails in the middle of a put leaves the old record, and no bytes', async ({
  directory,
}) => {
  await using(directory, async (store) => {
    await store.put('a', 'old')
    const aside = `${directory}-aside`
    const before = recordFiles(directory)
    // Nothing can be made in it: the folder is another name's for the moment.
    renameSync(directory, aside)
    try {
      await rejectsCode(store.put('a', 'new'), 'INTERNAL')
    } finally {
      renameSync(aside, directory)
    }
    assert.is(await store.getJson('a'), 'old')
    assert.equal(recordFiles(directory), before)
    await store.put('a', 'new')
    assert.is(await store.getJson('a'), 'new')
  })
  const closed = await opened(directory)
  await closed.stop()
  await closed.stop()
  await rejectsCode(closed.get('a'), 'SHUTTING_DOWN')
  await closed.start(NEVER)
  assert.is(await closed.getJson('a'), 'new')
  await closed.stop()
})

test.run()
