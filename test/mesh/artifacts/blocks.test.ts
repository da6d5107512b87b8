import { execFileSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BlockStore, createBlockStore, MAX_BLOCK_BYTES } from '../../../node/mesh/artifacts/blocks.ts'
import { digestOf, keyOfDigest } from '../../../node/mesh/artifacts/cids.ts'
import { codeOf, patternBytes } from '../../helpers/artifact-nodes.ts'

const keyOf = (bytes: Uint8Array) => keyOfDigest(digestOf(bytes))
const DURABLE = { durable: true }

interface Fixture {
  directory: string
  corrupt: string[]
  open(maxBytes?: number): Promise<BlockStore>
  fileOf(bytes: Uint8Array): string
}

async function withDirectory(work: (fixture: Fixture) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-blocks-'))
  const corrupt: string[] = []
  try {
    await work({
      directory,
      corrupt,
      async open(maxBytes = 2 ** 30) {
        const store = createBlockStore({ directory, maxBytes, onCorrupt: (key) => corrupt.push(key) })
        await store.open()
        return store
      },
      fileOf: (bytes) =>
        path.join(directory, keyOf(bytes).slice(0, 2), `${keyOf(bytes)}-${bytes.byteLength}`),
    })
  } finally {
    await chmod(directory, 0o700)
    await rm(directory, { recursive: true, force: true })
  }
}

const blocks = suite('block store')

blocks('a block is stored once and found again by the next process', () =>
  withDirectory(async ({ open }) => {
    const store = await open()
    const bytes = patternBytes(1000)
    assert.ok(await store.put(keyOf(bytes), bytes, DURABLE))
    assert.not(await store.put(keyOf(bytes), bytes, DURABLE))
    assert.equal(store.usage(), { blocks: 1, sizeBytes: 1000 })
    const next = await open()
    assert.equal(next.usage(), { blocks: 1, sizeBytes: 1000 })
    assert.equal(Buffer.from(await next.get(keyOf(bytes))), Buffer.from(bytes))
    assert.is(next.sizeOf(keyOf(bytes)), 1000)
    assert.is(await codeOf(next.get('00'.repeat(32))), 'ARTIFACT_MISSING')
  }),
)

blocks('bytes that do not match their hash are never stored', () =>
  withDirectory(async ({ open, directory }) => {
    const store = await open()
    assert.is(
      await codeOf(store.put(keyOf(patternBytes(10)), patternBytes(10, 2), DURABLE)),
      'ARTIFACT_CORRUPT',
    )
    const large = Buffer.alloc(MAX_BLOCK_BYTES + 1)
    assert.is(await codeOf(store.put(keyOf(large), large, DURABLE)), 'ARTIFACT_TOO_LARGE')
    assert.equal(store.usage(), { blocks: 0, sizeBytes: 0 })
    assert.equal(await readdir(directory), ['incoming'])
  }),
)

const damages: Record<string, (file: string) => Promise<void>> = {
  'a flipped bit': async (file) => {
    const bytes = await readFile(file)
    bytes[77]! ^= 1
    await writeFile(file, bytes)
  },
  'a truncated file': (file) => truncate(file, 500),
  'an empty file': (file) => truncate(file, 0),
  'a file that has grown': (file) => writeFile(file, 'x', { flag: 'a' }),
  'a file that is gone': (file) => rm(file),
}
for (const [name, damage] of Object.entries(damages))
  blocks(`found when it is read: ${name}`, () =>
    withDirectory(async ({ open, fileOf, corrupt }) => {
      const store = await open()
      const bytes = patternBytes(1000)
      await store.put(keyOf(bytes), bytes, DURABLE)
      await damage(fileOf(bytes))
      assert.is(await codeOf(store.get(keyOf(bytes))), 'ARTIFACT_CORRUPT')
      assert.equal(corrupt, [keyOf(bytes)])
      assert.equal(store.usage(), { blocks: 0, sizeBytes: 0 })
      // The good bytes can be stored again in its place.
      await store.put(keyOf(bytes), bytes, DURABLE)
      assert.equal(Buffer.from(await store.get(keyOf(bytes))), Buffer.from(bytes))
    }),
  )

blocks('what a killed process left is removed, what does not belong there is left alone', () =>
  withDirectory(async ({ open, directory }) => {
    await mkdir(path.join(directory, 'incoming'))
    await mkdir(path.join(directory, 'ab'))
    await writeFile(path.join(directory, 'incoming', 'half'), 'half a block')
    await writeFile(path.join(directory, 'ab', 'notes.txt'), 'not a block')
    await writeFile(path.join(directory, 'ab', `cd${'0'.repeat(62)}-5`), 'wrong directory')
    const store = await open()
    assert.equal(await readdir(path.join(directory, 'incoming')), [])
    assert.is(store.usage().blocks, 0)
    assert.is((await readdir(path.join(directory, 'ab'))).length, 2)
  }),
)

blocks('the disk share holds, also for writes at the same time', () =>
  withDirectory(async ({ open }) => {
    const store = await open(2500)
    const contents = [1, 2, 3, 4].map((seed) => patternBytes(1000, seed))
    const results = await Promise.allSettled(contents.map((bytes) => store.put(keyOf(bytes), bytes, DURABLE)))
    const failed = results.filter((result) => result.status === 'rejected')
    assert.is(failed.length, 2)
    for (const { reason } of failed) assert.is((reason as { code: string }).code, 'DISK_FULL')
    assert.is(store.usage().sizeBytes, 2000)
    const stored = contents.find((bytes) => store.has(keyOf(bytes)))!
    assert.is(await store.remove(keyOf(stored)), 1000)
    assert.is(await store.remove(keyOf(stored)), 0)
    await store.put(keyOf(patternBytes(1000, 9)), patternBytes(1000, 9), DURABLE)
    assert.is(store.usage().sizeBytes, 2000)
  }),
)

blocks('writing and removing one block at once ends in one of the two', () =>
  withDirectory(async ({ open }) => {
    const store = await open()
    const bytes = patternBytes(100)
    const key = keyOf(bytes)
    for (let round = 0; round < 50; round++) {
      await Promise.all([
        store.put(key, bytes, DURABLE),
        store.remove(key),
        store.put(key, bytes, DURABLE),
        round % 2 === 0 ? store.remove(key) : store.put(key, bytes, DURABLE),
      ])
      if (store.has(key)) assert.equal(Buffer.from(await store.get(key)), Buffer.from(bytes))
      else assert.is(await codeOf(store.get(key)), 'ARTIFACT_MISSING')
    }
  }),
)

blocks('a write that fails half-way leaves nothing', () =>
  withDirectory(async ({ open, directory }) => {
    const store = await open()
    const bytes = patternBytes(1000)
    // A file where the directory of the block belongs: the write fails after the bytes are in the temporary file.
    await writeFile(path.join(directory, keyOf(bytes).slice(0, 2)), '')
    assert.is(await codeOf(store.put(keyOf(bytes), bytes, DURABLE)), 'INTERNAL')
    assert.equal(await readdir(path.join(directory, 'incoming')), [])
    assert.equal(store.usage(), { blocks: 0, sizeBytes: 0 })
    await rm(path.join(directory, keyOf(bytes).slice(0, 2)))
    assert.ok(await store.put(keyOf(bytes), bytes, DURABLE))
  }),
)

/** Runs `work` on a file system of 1 MiB, or says why that cannot be had here. */
async function withTinyDisk(work: (directory: string) => Promise<void>): Promise<void> {
  await withDirectory(async ({ directory }) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' })
    } catch {
      // No Linux, or not root.
      console.log('skipped: no file system can be mounted here')
      return
    }
    try {
      await work(directory)
    } finally {
      execFileSync('umount', [directory])
    }
  })
}
const openAt = async (directory: string) => {
  const store = createBlockStore({ directory, maxBytes: 2 ** 30, onCorrupt: () => {} })
  await store.open()
  return store
}

blocks('a disk that is full: DISK_FULL, nothing half-written, and what is there can be read', () =>
  withTinyDisk(async (directory) => {
    const store = await openAt(directory)
    const [first, second] = [patternBytes(700_000), patternBytes(700_000, 2)]
    await store.put(keyOf(first), first, DURABLE)
    assert.is(await codeOf(store.put(keyOf(second), second, DURABLE)), 'DISK_FULL')
    assert.not(store.has(keyOf(second)))
    assert.equal(await readdir(path.join(directory, 'incoming')), [])
    assert.ok(Buffer.from(await store.get(keyOf(first))).equals(first))
    await store.remove(keyOf(first))
    await store.put(keyOf(second), second, DURABLE)
    assert.equal(store.usage(), { blocks: 1, sizeBytes: 700_000 })
  }),
)

blocks('a disk that has become read-only: said, and what is there can be read', () =>
  withTinyDisk(async (directory) => {
    const store = await openAt(directory)
    const bytes = patternBytes(1000)
    await store.put(keyOf(bytes), bytes, DURABLE)
    execFileSync('mount', ['-o', 'remount,ro', directory])
    assert.is(await codeOf(store.put(keyOf(patternBytes(9)), patternBytes(9), DURABLE)), 'DATA_DIR_READ_ONLY')
    assert.is(await codeOf(store.remove(keyOf(bytes))), 'DATA_DIR_READ_ONLY')
    assert.equal(store.usage(), { blocks: 1, sizeBytes: 1000 })
    assert.ok(Buffer.from(await store.get(keyOf(bytes))).equals(bytes))
    assert.is(await codeOf(openAt(directory)), 'DATA_DIR_READ_ONLY')
  }),
)

blocks.run()
