import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { generateKeyPair } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { JsonValue } from '../node/json.ts'
import { createLog } from '../node/log.ts'
import { paddedBytes, recordBytes } from '../node/sealed-format.ts'
import { createSealedStore, type SealedStore, type SealedStoreInit } from '../node/sealed-store.ts'
import { rejectsCode } from './helpers/throws.ts'

const MARK = 'the-marked-words-that-nobody-else-may-read'
const NEVER = new AbortController().signal
const log = createLog({ level: 'silent' })
const identity = { privateKey: await generateKeyPair('Ed25519') }

interface Context {
  directory: string
}

const test = suite<Context>('sealed store')
test.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-sealed-'))
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

async function opened(directory: string, init: Partial<SealedStoreInit> = {}): Promise<SealedStore> {
  const store = createSealedStore(
    { log, identity },
    { directory, name: 'test', maxRecords: 1000, maxBytes: 2 ** 24, ...init },
  )
  await store.start(NEVER)
  return store
}

async function using<T>(
  directory: string,
  use: (store: SealedStore) => Promise<T>,
  init: Partial<SealedStoreInit> = {},
): Promise<T> {
  const store = await opened(directory, init)
  try {
    return await use(store)
  } finally {
    await store.stop()
  }
}

function recordFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => name !== 'keys')
}

function rawBytes(directory: string): Buffer {
  return Buffer.concat(readdirSync(directory).map((name) => readFileSync(path.join(directory, name))))
}

async function contents(store: SealedStore): Promise<Record<string, JsonValue>> {
  const found: Record<string, JsonValue> = {}
  for (const { id } of store.list()) found[id] = await store.getJson(id)
  return found
}

test('what is put is read again, also after a restart, in the order of the last put', async ({
  directory,
}) => {
  let clock = 1000
  const now = () => (clock += 1)
  await using(
    directory,
    async (store) => {
      await store.put('a', { text: MARK })
      await store.put('b', Uint8Array.of(1, 2, 3))
      await store.put('a', ['again', MARK])
      assert.equal(
        store.list().map(({ id }) => id),
        ['b', 'a'],
      )
    },
    { now },
  )
  await using(directory, async (store) => {
    assert.equal(await store.getJson('a'), ['again', MARK])
    assert.equal([...(await store.get('b'))!], [1, 2, 3])
    assert.is(await store.get('c'), null)
    assert.equal(
      store.list().map(({ id, updatedAtMs }) => [id, updatedAtMs]),
      [
        ['b', 1002],
        ['a', 1003],
      ],
    )
    assert.is(store.stats().records, 2)
    assert.is(recordFiles(directory).length, 2)
    await rejectsCode(store.getJson('b'), 'SEALED_RECORD_DAMAGED')
  })
})

test('no plain byte is on disk, in a name or in a file, and sizes are padded', async ({ directory }) => {
  await using(directory, async (store) => {
    await store.put(MARK, { text: MARK })
    await store.put('short', '')
    await store.put('longer', 'x'.repeat(200))
    assert.not.ok(rawBytes(directory).includes(MARK))
    assert.not.ok(readdirSync(directory).join().includes('mark'))
    const sizes = recordFiles(directory).map((name) => statSync(path.join(directory, name)).size)
    assert.equal(new Set(sizes).size, 1, 'records of 2 and of 202 bytes cannot be told apart')
    for (const name of readdirSync(directory))
      if (process.platform !== 'win32') assert.is(statSync(path.join(directory, name)).mode & 0o777, 0o600)
  })
})

test('padding never shrinks, adds at most 12%, and keeps few sizes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 257, max: 2 ** 24 }), (size) => {
      const padded = paddedBytes(size)
      assert.ok(padded >= size && padded <= size * 1.12)
      assert.is(paddedBytes(padded), padded)
    }),
  )
  assert.is(paddedBytes(0), 256)
})

test('a deleted or replaced record is overwritten: a second name of its file shows zeros', async ({
  directory,
}) => {
  const aside = `${directory}-aside`
  try {
    await using(directory, async (store) => {
      const linkAside = (suffix: string, before: readonly string[] = []) => {
        const name = recordFiles(directory).find((file) => !before.includes(file))!
        linkSync(path.join(directory, name), `${aside}-${suffix}`)
        return readFileSync(`${aside}-${suffix}`)
      }
      await store.put('kept', 'kept')
      const kept = recordFiles(directory)
      await store.put('a', MARK)
      linkAside('1', kept)
      const slot = readFileSync(path.join(directory, 'keys')).subarray(1024 + 512, 1024 + 1024)
      await store.put('a', 'other')
      assert.ok(
        readFileSync(`${aside}-1`).every((byte) => byte === 0),
        'the replaced one',
      )
      assert.not.ok(readFileSync(path.join(directory, 'keys')).includes(slot), 'its key slot')
      linkAside('2', kept)
      assert.is(await store.delete('a'), true)
      assert.is(await store.delete('a'), false)
      assert.ok(
        readFileSync(`${aside}-2`).every((byte) => byte === 0),
        'the deleted one',
      )
      const before = linkAside('3')
      const salt = readFileSync(path.join(directory, 'keys')).subarray(16, 48)
      await store.clear()
      assert.ok(before.some((byte) => byte !== 0) && readFileSync(`${aside}-3`).every((byte) => byte === 0))
      assert.equal(recordFiles(directory), [])
      assert.not.ok(rawBytes(directory).includes(salt), 'the salt of the key of the store')
      assert.equal(store.list(), [])
      await store.put('after', 1)
      assert.is(await store.getJson('after'), 1)
    })
    await using(directory, async (store) => assert.equal(await contents(store), { after: 1 }))
  } finally {
    for (const suffix of ['1', '2', '3']) rmSync(`${aside}-${suffix}`, { force: true })
  }
})

test('changed, cut off, swapped and missing files are refused by code, and nothing else suffers', async ({
  directory,
}) => {
  await using(directory, async (store) => {
    await store.put('a', 'one')
    const [a] = recordFiles(directory)
    await store.put('b', 'two')
    const b = recordFiles(directory).find((name) => name !== a)!
    const fileA = path.join(directory, a!)
    const fileB = path.join(directory, b)
    const whole = readFileSync(fileA)
    for (const at of [0, 5, 20, whole.byteLength - 1]) {
      const changed = Buffer.from(whole)
      changed[at] = changed[at]! ^ 1
      writeFileSync(fileA, changed)
      await rejectsCode(store.get('a'), 'SEALED_RECORD_DAMAGED')
    }
    writeFileSync(fileA, whole)
    truncateSync(fileA, whole.byteLength - 1)
    await rejectsCode(store.get('a'), 'SEALED_RECORD_DAMAGED')
    truncateSync(fileA, 0)
    await rejectsCode(store.get('a'), 'SEALED_RECORD_DAMAGED')
    writeFileSync(fileA, readFileSync(fileB))
    await rejectsCode(store.get('a'), 'SEALED_RECORD_DAMAGED')
    rmSync(fileA)
    await rejectsCode(store.get('a'), 'SEALED_RECORD_DAMAGED')
    assert.is(await store.getJson('b'), 'two')
    assert.is(await store.delete('a'), true)
  })
})

test('key slots that were changed or changed places are counted, not taken for empty', async ({
  directory,
}) => {
  const keys = path.join(directory, 'keys')
  await using(directory, async (store) => {
    for (const id of ['a', 'b', 'c']) await store.put(id, id)
  })
  const whole = readFileSync(keys)
  const swapped = Buffer.from(whole)
  whole.copy(swapped, 1024, 1536, 2048)
  whole.copy(swapped, 1536, 1024, 1536)
  writeFileSync(keys, swapped)
  await using(directory, async (store) => {
    assert.equal(await contents(store), { c: 'c' })
    assert.is(store.stats().damaged, 2)
    assert.is(recordFiles(directory).length, 3, 'their bytes stay until somebody decides')
    await store.put('d', 'd')
    assert.equal(await contents(store), { c: 'c', d: 'd' })
  })
  await using(directory, async (store) => {
    assert.is(store.stats().damaged, 2)
    await store.clear()
    assert.is(store.stats().damaged, 0)
    assert.equal(recordFiles(directory), [])
  })
})

test('another identity, another name, a lost or shortened key file do not open', async ({ directory }) => {
  await using(directory, (store) => store.put('a', 'one'))
  const keys = path.join(directory, 'keys')
  const other = createSealedStore(
    { log, identity: { privateKey: await generateKeyPair('Ed25519') } },
    { directory, name: 'test', maxRecords: 10, maxBytes: 2 ** 20 },
  )
  await rejectsCode(other.start(NEVER), 'SEALED_STORE_LOCKED')
  await rejectsCode(opened(directory, { name: 'else' }), 'SEALED_STORE_LOCKED')
  const whole = readFileSync(keys)
  truncateSync(keys, 2000)
  await rejectsCode(opened(directory), 'SEALED_STORE_DAMAGED')
  truncateSync(keys, 100)
  await rejectsCode(opened(directory), 'SEALED_STORE_LOCKED')
  rmSync(keys)
  await rejectsCode(opened(directory), 'SEALED_STORE_DAMAGED')
  writeFileSync(keys, whole)
  await using(directory, async (store) => assert.is(await store.getJson('a'), 'one'))
  // One of the two headers is enough, and is written again.
  writeFileSync(keys, Buffer.concat([Buffer.alloc(512, 7), whole.subarray(512)]))
  await using(directory, async (store) => assert.is(await store.getJson('a'), 'one'))
  assert.not.equal(readFileSync(keys).subarray(0, 8), Buffer.alloc(8, 7))
})

test('bounds: records, bytes, one record, ids', async ({ directory }) => {
  const maxBytes = 4 * recordBytes(10)
  await using(
    directory,
    async (store) => {
      for (const id of ['a', 'b', 'c']) await store.put(id, id)
      await rejectsCode(store.put('d', 'd'), 'SEALED_STORE_FULL')
      await store.put('a', 'replaced')
      await rejectsCode(store.put('a', 'x'.repeat(1000)), 'SEALED_STORE_FULL')
      await rejectsCode(store.put('a', 'x'.repeat(5000)), 'SEALED_RECORD_TOO_LARGE')
      await rejectsCode(store.put('', 1), 'SEALED_STORE_FULL')
      await store.delete('b')
      await rejectsCode(store.put('', 1), 'INVALID_ARGUMENT')
      await rejectsCode(store.put('é'.repeat(101), 1), 'INVALID_ARGUMENT')
      assert.equal(await contents(store), { c: 'c', a: 'replaced' })
      assert.is(recordFiles(directory).length, 2, 'what was refused left nothing')
    },
    { maxRecords: 3, maxBytes, maxRecordBytes: 4096 },
  )
})

test('a rolling window erases what was put longest ago', async ({ directory }) => {
  await using(
    directory,
    async (store) => {
      for (let n = 0; n < 20; n += 1) await store.put(`r${n}`, n)
      assert.equal(await contents(store), { r17: 17, r18: 18, r19: 19 })
      assert.is(recordFiles(directory).length, 3)
    },
    { maxRecords: 3, whenFull: 'drop-oldest', durability: 'process' },
  )
})

type Step =
  | { readonly kind: 'put'; readonly id: number; readonly size: number }
  | { readonly kind: 'delete'; readonly id: number }
  | { readonly kind: 'clear' }
  | { readonly kind: 'reopen' }

test('any sequence of puts, deletions, clearings and restarts does what a map does', async ({
  directory,
}) => {
  const id = fc.integer({ min: 0, max: 30 })
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 10, arbitrary: fc.record({ kind: fc.constant('put' as const), id, size: fc.nat(2000) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), id }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  )
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      run += 1
      const folder = path.join(directory, String(run))
      const model = new Map<string, string>()
      let store = await opened(folder, { durability: 'process' })
      for (const [n, one] of steps.entries()) {
        if (one.kind === 'put') {
          const text = `${n}`.repeat(one.size)
          // Not awaited: a queue of its own keeps their order.
          void store.put(`id${one.id}`, text)
          model.set(`id${one.id}`, text)
        } else if (one.kind === 'delete')
          assert.is(await store.delete(`id${one.id}`), model.delete(`id${one.id}`))
        else if (one.kind === 'clear') {
          await store.clear()
          model.clear()
        } else {
          await store.stop()
          store = await opened(folder, { durability: 'process' })
        }
      }
      await store.stop()
      store = await opened(folder)
      assert.equal(await contents(store), Object.fromEntries(model))
      assert.is(recordFiles(folder).length, model.size)
      await store.stop()
      rmSync(folder, { recursive: true })
    }),
    { numRuns: 25 },
  )
})

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
