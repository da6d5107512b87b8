import { readFileSync } from 'node:fs'
import { type FileHandle, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { leavesOf } from '../../../node/mesh/artifacts/add.ts'
import { buildFile, buildTree, type PutBlock, rechunk } from '../../../node/mesh/artifacts/build.ts'
import { cidOf, digestOf, keyOf, parseCid, RAW_CODEC } from '../../../node/mesh/artifacts/cids.ts'
import { readManifest } from '../../../node/mesh/artifacts/manifest.ts'
import type { Child } from '../../../node/mesh/artifacts/nodes.ts'
import { codeOf, patternBytes, withNodes } from '../../helpers/artifact-nodes.ts'

const VECTORS: {
  files: { sizeBytes: number; leafBytes: number; maxLinks: number; cid: string; dagBytes: number }[]
  directory: { cid: string; files: { path: string; sizeBytes: number; seed: number }[] }
} = JSON.parse(readFileSync(new URL('../../vectors/artifacts/unixfs.json', import.meta.url), 'utf8'))

interface Memory {
  blocks: Map<string, Uint8Array>
  put(codec: number, bytes: Uint8Array): Promise<CID>
}

function createMemory(): Memory {
  const blocks = new Map<string, Uint8Array>()
  return {
    blocks,
    async put(codec, bytes) {
      const cid = cidOf(codec, digestOf(bytes))
      blocks.set(keyOf(cid), bytes)
      return cid
    },
  }
}

/** Reads a file with the libraries of IPFS alone. */
function readWithIpfs(blocks: Map<string, Uint8Array>, cid: CID): Buffer {
  const bytes = blocks.get(keyOf(cid))!
  if (cid.code === RAW_CODEC) return Buffer.from(bytes)
  const node = dagPb.decode(bytes)
  const data = UnixFS.unmarshal(node.Data!)
  const parts = node.Links.map((link) => readWithIpfs(blocks, link.Hash))
  assert.equal(
    data.blockSizes.map(Number),
    parts.map((part) => part.byteLength),
  )
  return Buffer.concat(parts)
}

const build = suite('artifact trees')

for (const vector of VECTORS.files)
  build(
    `golden CID: ${vector.sizeBytes} bytes in ${vector.leafBytes}, ${vector.maxLinks} links`,
    async () => {
      const memory = createMemory()
      const root: Child = await buildFile([patternBytes(vector.sizeBytes)], { ...vector, put: memory.put })
      assert.is(root.cid.toString(), vector.cid)
      assert.is(root.contentBytes, vector.sizeBytes)
      assert.is(root.dagBytes, vector.dagBytes)
    },
  )

build('golden CID of a directory tree, from disk', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-tree-'))
  try {
    for (const file of VECTORS.directory.files) {
      await mkdir(path.join(directory, 'root', path.dirname(file.path)), { recursive: true })
      await writeFile(path.join(directory, 'root', file.path), patternBytes(file.sizeBytes, file.seed))
    }
    await withNodes([{}], async (node) => {
      const info = await node!.artifacts.addPath(path.join(directory, 'root'))
      assert.is(info.cid, VECTORS.directory.cid)
      assert.is(info.name, 'root')
      assert.is(info.kind, 'directory')
      const total = VECTORS.directory.files.reduce((sum, file) => sum + file.sizeBytes, 0)
      assert.is(info.sizeBytes, total)
      for (const file of VECTORS.directory.files)
        assert.equal(
          Buffer.from(await node!.artifacts.read(`${info.cid}/${file.path}`)),
          Buffer.from(patternBytes(file.sizeBytes, file.seed)),
        )
      assert.is(await codeOf(node!.artifacts.read(info.cid)), 'NOT_FOUND')
      assert.is(await codeOf(node!.artifacts.read(`${info.cid}/nested`)), 'NOT_FOUND')
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

build('the libraries of IPFS read what is built, whatever the size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 5000 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 4, max: 9 }),
      async (sizeBytes, leafBytes, maxLinks) => {
        const memory = createMemory()
        const content = patternBytes(sizeBytes)
        const root = await buildFile([content], { put: memory.put, leafBytes, maxLinks })
        assert.equal(readWithIpfs(memory.blocks, root.cid), Buffer.from(content))
        const manifest = await readManifest(
          root.cid,
          {
            ensure: async () => {},
            get: async (cid) => memory.blocks.get(keyOf(cid))!,
            sizeOf: (key) => memory.blocks.get(key)?.byteLength,
          },
          { maxContentBytes: 2 ** 30 },
        )
        assert.is(manifest.sizeBytes, sizeBytes)
        assert.is(manifest.leaves.length + manifest.nodes.length, memory.blocks.size)
      },
    ),
    { numRuns: 100 },
  )
})

build('the CID does not depend on how the content arrives', async () => {
  const content = patternBytes(2 ** 20 * 2 + 77)
  const expected = (await buildFile([content], { put: createMemory().put })).cid.toString()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: content.byteLength }), { maxLength: 12 }),
      async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), content.byteLength]
        const pieces = at.slice(1).map((end, index) => content.subarray(at[index], end))
        assert.is((await buildFile(pieces, { put: createMemory().put })).cid.toString(), expected)
      },
    ),
    { numRuns: 20 },
  )
})

build('chunks have buffers of their own', async () => {
  const reused = Buffer.alloc(8)
  async function* source() {
    for (let value = 1; value <= 3; value++) yield reused.fill(value)
  }
  const chunks: Uint8Array[] = []
  for await (const chunk of rechunk(source(), 8)) chunks.push(chunk)
  assert.equal(
    chunks.map((chunk) => chunk[0]),
    [1, 2, 3],
  )
})

build('a failing source leaves nothing behind', async () => {
  await withNodes([{ leafBytes: 1024 }], async (node) => {
    async function* source() {
      yield patternBytes(50_000)
      throw new Error('the reader went away')
    }
    assert.is(await codeOf(node!.artifacts.addStream(source())), 'Error')
    assert.is(node!.artifacts.usage().blocks, 0)
    assert.equal(await node!.artifacts.list(), [])
  })
})

build('an aborted addition leaves nothing behind', async () => {
  await withNodes([{ leafBytes: 1024 }], async (node) => {
    const abort = new AbortController()
    async function* source() {
      yield patternBytes(10_000)
      abort.abort()
      yield patternBytes(10_000, 2)
    }
    assert.is(await codeOf(node!.artifacts.addStream(source(), { signal: abort.signal })), 'AbortError')
    assert.is(node!.artifacts.usage().blocks, 0)
  })
})

/** A file of which `stat` says a size of its own, read in pieces of at most `pieceBytes`. */
function fileOf(content: Uint8Array, statBytes: number, pieceBytes: number) {
  const read = async (buffer: Uint8Array, offset: number, length: number, position: number) => {
    const piece = content.subarray(position, position + Math.min(length, pieceBytes))
    buffer.set(piece, offset)
    return { bytesRead: piece.byteLength, buffer }
  }
  // The two calls that are made of it.
  return { stat: async () => ({ size: statBytes }), read } as unknown as Pick<FileHandle, 'stat' | 'read'>
}

build('leaves of a file are stored as they were, though their buffers are used again', async () => {
  const leafBytes = 8
  for (const sizeBytes of [0, 1, 7, 8, 9, 31, 32, 33, 100])
    for (const statBytes of [0, 3, sizeBytes, sizeBytes + 50]) {
      const content = patternBytes(sizeBytes)
      const memory = createMemory()
      const expected = await buildFile([content], { put: memory.put, leafBytes })
      // Looks at the bytes as late as it can.
      const put: PutBlock = async (codec, bytes) => {
        for (let turn = 0; turn < 4; turn++) await nextTurn()
        return memory.put(codec, bytes.slice())
      }
      const root = await buildTree(leavesOf(fileOf(content, statBytes, 5), leafBytes), { put })
      assert.is(root.cid.toString(), expected.cid.toString(), `${sizeBytes} bytes, said to be ${statBytes}`)
      assert.is(root.contentBytes, sizeBytes)
    }
})

build('what cannot be part of an artifact is refused', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-tree-'))
  try {
    await withNodes([{}], async (node) => {
      const { artifacts } = node!
      assert.is(await codeOf(artifacts.addPath(path.join(directory, 'absent'))), 'NOT_FOUND')
      assert.is(await codeOf(artifacts.addPath('/dev/null')), 'ARTIFACT_UNSUPPORTED_FILE')
      await symlink(directory, path.join(directory, 'circle'))
      assert.is(await codeOf(artifacts.addPath(directory)), 'ARTIFACT_UNSUPPORTED_FILE')
      await rm(path.join(directory, 'circle'))
      await writeFile(path.join(directory, 'plain'), 'x')
      await symlink('/etc/hostname', path.join(directory, 'leak'))
      const refused = await artifacts.addPath(directory).catch((error: Error) => error)
      assert.match((refused as Error).message, /\/leak is a link$/)
      await rm(path.join(directory, 'leak'))
      const beside = `${directory}-link`
      await symlink(directory, beside)
      const whole = await artifacts.addPath(beside)
      await rm(beside)
      assert.is(whole.cid, (await artifacts.addPath(directory)).cid, 'the path given may be a link')
      await artifacts.remove(whole.cid)
      await rm(path.join(directory, 'plain'))
      if (process.platform !== 'win32') {
        await writeFile(path.join(directory, 'a\\b'), 'x')
        assert.is(await codeOf(artifacts.addPath(directory)), 'ARTIFACT_UNSUPPORTED_FILE')
      }
      assert.is(artifacts.usage().blocks, 0)
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

build('CIDs that name no artifact are refused', () => {
  const wrong = [
    '',
    'hello',
    'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykuX',
    'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi', // dag-cbor
    `bafkrei${'a'.repeat(300)}`,
  ]
  for (const text of wrong)
    assert.throws(
      () => parseCid(text),
      (error: { code?: string }) => error.code === 'CID_INVALID',
      text,
    )
  // Version 0 is the same as version 1 with dag-pb.
  assert.is(
    parseCid('QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn').toString(),
    'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354',
  )
})

build.run()
