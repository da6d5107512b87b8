import { mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, damageBlock, patternBytes, withNodes } from '../../helpers/artifact-nodes.ts'

const read = suite('reading and materializing')

async function withTree(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-read-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

read('any range of any size is what was added', () =>
  withNodes([{ leafBytes: 512 }], async (node) => {
    const { artifacts } = node!
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 6000 }),
        fc.integer({ min: 0, max: 7000 }),
        fc.integer({ min: 0, max: 7000 }),
        async (sizeBytes, offset, length) => {
          const bytes = Buffer.from(patternBytes(sizeBytes))
          const { cid } = await artifacts.addBytes(bytes)
          assert.equal(Buffer.from(await artifacts.read(cid)), bytes)
          assert.equal(
            Buffer.from(await artifacts.read(cid, { offset, length })),
            bytes.subarray(offset, offset + length),
          )
          const pieces: Uint8Array[] = []
          for await (const piece of artifacts.stream(cid)) pieces.push(piece)
          assert.equal(Buffer.concat(pieces), bytes)
        },
      ),
      { numRuns: 60 },
    )
  }),
)

read('sizes around the real leaf size', () =>
  withNodes([{}], async (node) => {
    for (const sizeBytes of [2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 2 * 2 ** 20, 3 * 2 ** 20 + 1]) {
      const bytes = Buffer.from(patternBytes(sizeBytes))
      const info = await node!.artifacts.addBytes(bytes)
      assert.is(info.sizeBytes, sizeBytes)
      assert.ok(Buffer.from(await node!.artifacts.read(info.cid)).equals(bytes))
    }
  }),
)

read('ranges that are no ranges, and CIDs that are none', () =>
  withNodes([{}], async (node) => {
    const { artifacts } = node!
    const { cid } = await artifacts.addBytes(patternBytes(10))
    assert.is(await codeOf(artifacts.read(cid, { offset: -1, length: 1 })), 'INVALID_ARGUMENT')
    assert.is(await codeOf(artifacts.read(cid, { offset: 0, length: 0.5 })), 'INVALID_ARGUMENT')
    assert.is(await codeOf(artifacts.read('nonsense')), 'CID_INVALID')
    assert.is(await codeOf(artifacts.has('nonsense')), 'CID_INVALID')
    assert.is(await codeOf(artifacts.read(`${cid}/x`)), 'NOT_FOUND')
  }),
)

read('a stream that is left early or aborted lets go', () =>
  withNodes([{ leafBytes: 100 }], async (node) => {
    const { artifacts } = node!
    const { cid } = await artifacts.addBytes(patternBytes(1000))
    for await (const piece of artifacts.stream(cid)) {
      assert.is(piece.byteLength, 100)
      break
    }
    const abort = new AbortController()
    const consume = async () => {
      for await (const _piece of artifacts.stream(cid, { signal: abort.signal })) abort.abort()
    }
    assert.is(await codeOf(consume()), 'AbortError')
    await artifacts.collect()
    assert.is(artifacts.usage().blocks, 0)
  }),
)

read('bit rot is found, said, and makes the artifact incomplete', () =>
  withNodes([{ leafBytes: 1000 }], async (node) => {
    const { artifacts, directory } = node!
    const { cid } = await artifacts.addBytes(patternBytes(3000), { pin: 'x' })
    assert.is((await artifacts.info(cid))?.complete, true)
    await damageBlock(directory, patternBytes(3000).subarray(1000, 2000))
    assert.is(await codeOf(artifacts.read(cid)), 'ARTIFACT_CORRUPT')
    assert.is(await codeOf(artifacts.read(cid)), 'ARTIFACT_MISSING')
    assert.not(await artifacts.has(cid))
    assert.is((await artifacts.info(cid))?.complete, false)
    // Adding the content again repairs it under the same CID and pins.
    await artifacts.addBytes(patternBytes(3000))
    assert.is((await artifacts.read(cid)).byteLength, 3000)
    assert.equal((await artifacts.info(cid))?.pins, ['x'])
    assert.is((await artifacts.info(cid))?.complete, true)
  }),
)

read('a tree is written out whole, once, and again when somebody cut it', () =>
  withTree((source) =>
    withTree((target) =>
      withNodes([{ leafBytes: 1000 }], async (node) => {
        const { artifacts } = node!
        await mkdir(path.join(source, 'nested', 'empty'), { recursive: true })
        await writeFile(path.join(source, 'model.onnx'), patternBytes(5500))
        await writeFile(path.join(source, 'nested', 'model.onnx.data'), patternBytes(2500, 2))
        const { cid } = await artifacts.addPath(source, { name: 'model' })
        const [first, second] = await Promise.all([
          artifacts.materialize(cid, target),
          artifacts.materialize(cid, target),
        ])
        assert.is(first, path.join(target, cid))
        assert.is(second, first)
        assert.equal(await readFile(path.join(first, 'model.onnx')), Buffer.from(patternBytes(5500)))
        assert.equal(
          await readFile(path.join(first, 'nested', 'model.onnx.data')),
          Buffer.from(patternBytes(2500, 2)),
        )
        assert.ok((await stat(path.join(first, 'nested', 'empty'))).isDirectory())
        const before = await stat(first)
        await artifacts.materialize(cid, target)
        assert.is((await stat(first)).ino, before.ino)

        await truncate(path.join(first, 'model.onnx'), 3)
        await artifacts.materialize(cid, target)
        assert.is((await readFile(path.join(first, 'model.onnx'))).byteLength, 5500)
        // What is written into the tree never reaches the store.
        await writeFile(path.join(first, 'model.onnx'), patternBytes(5500, 7))
        assert.equal(Buffer.from(await artifacts.read(`${cid}/model.onnx`)), Buffer.from(patternBytes(5500)))
        assert.equal(await readdir(target), [cid])
      }),
    ),
  ),
)

read('a single file is written out as a file; a missing one is not', () =>
  withTree((target) =>
    withNodes([{ leafBytes: 1000 }], async (node) => {
      const { artifacts } = node!
      const { cid } = await artifacts.addBytes(patternBytes(2500))
      await mkdir(path.join(target, `${cid}.partial`))
      assert.equal(await readFile(await artifacts.materialize(cid, target)), Buffer.from(patternBytes(2500)))
      await artifacts.collect()
      const absent = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
      assert.is(await codeOf(artifacts.materialize(absent, target)), 'ARTIFACT_MISSING')
      assert.equal(await readdir(target), [cid])
    }),
  ),
)

read.run()
