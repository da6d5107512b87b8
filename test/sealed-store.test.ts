import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { paddedBytes, recordBytes } from '../node/sealed-format.ts'
import { createSealedStore } from '../node/sealed-store.ts'
import { contents, log, NEVER, opened, rawBytes, recordFiles, using } from './helpers/sealed-stores.ts'
import { rejectsCode } from './helpers/throws.ts'

const MARK = 'the-marked-words-that-nobody-else-may-read'

interface Context {
  directory: string
}

const test = suite<Context>('sealed store')
test.before.each((context) => {
  context.directory = mkdtempSync(path.join(tmpdir(), 'village-sealed-'))
})
test.after.each(({ directory }) => rmSync(directory, { recursive: true, force: true }))

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

test('many are deleted together: their keys and bytes go, the others stay', async ({ directory }) => {
  await using(directory, async (store) => {
    for (let n = 0; n < 100; n += 1) await store.put(`r${n}`, n)
    const slots = readFileSync(path.join(directory, 'keys')).subarray(1024, 1024 + 90 * 512)
    const doomed = Array.from({ length: 90 }, (_, n) => `r${n}`)
    assert.is(await store.deleteMany([...doomed, 'r3', 'unknown']), 90)
    assert.is(store.list().length, 10)
    assert.is(recordFiles(directory).length, 10)
    const left = readFileSync(path.join(directory, 'keys'))
    for (let at = 0; at < slots.byteLength; at += 512)
      assert.not.ok(left.includes(slots.subarray(at, at + 512)))
    assert.is(await store.getJson('r95'), 95)
  })
  await using(directory, async (store) => assert.is(store.list().length, 10))
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

test.run()
