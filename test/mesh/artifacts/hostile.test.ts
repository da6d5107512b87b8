import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cidOf, DAG_PB_CODEC, digestOf, RAW_CODEC } from '../../../node/mesh/artifacts/cids.ts'
import type { FramedStream } from '../../../node/mesh/framed-stream.ts'
import {
  ARTIFACTS_PROTOCOL,
  Bitmap,
  Chunk,
  Opened,
  Request,
  RequestKind,
} from '../../../node/mesh/protocols/artifacts.ts'
import {
  type ArtifactNode,
  assertHas,
  bulkBytes,
  codeOf,
  patternBytes,
  peersOf,
  within,
  withNodes,
} from '../../helpers/artifact-nodes.ts'
import { createSmallMesh, type SmallMesh } from '../../helpers/small-mesh.ts'

const LEAF = 32 * 1024
const SMALL = { leafBytes: LEAF, stallTimeoutMs: 1000, starvedTimeoutMs: 500 }
/** Over 8 MiB missing bytes a fetch looks for several providers. */
const LARGE = 9 * 2 ** 20
const WIDE = { ...SMALL, leafBytes: 256 * 1024 }

const hostile = suite('hostile providers and requesters')

/** A provider that speaks the protocol and cheats. `answer` handles leaves; the manifest is served honestly. */
async function createCheat(
  nodes: Map<string, Uint8Array>,
  answer: (stream: FramedStream, start: number, count: number) => Promise<void>,
): Promise<SmallMesh> {
  const mesh = await createSmallMesh()
  mesh.handle(ARTIFACTS_PROTOCOL, async (stream, { signal }) => {
    for (;;) {
      const request = await stream.receive(Request, { signal })
      if (request === null) return
      if (request.kind === RequestKind.open) await stream.send(Opened, { code: '', complete: true, name: '' })
      else if (request.kind === RequestKind.bitmap)
        await stream.send(Bitmap, { bits: new Uint8Array(100).fill(255) })
      else if (request.kind === RequestKind.nodes)
        for (const [index, digest] of request.digests.entries()) {
          const data = nodes.get(Buffer.from(digest).toString('hex'))!
          await stream.send(Chunk, { index, sizeBytes: data.byteLength, data, missing: false })
        }
      else await answer(stream, request.start, request.count)
    }
  })
  return mesh
}

/** The manifest blocks of `bytes`, as a cheat needs them. */
async function nodesOf(node: ArtifactNode, cid: string): Promise<Map<string, Uint8Array>> {
  const nodes = new Map<string, Uint8Array>()
  const { CarReader } = await import('@ipld/car')
  for await (const block of (await CarReader.fromIterable(node.artifacts.exportCar([cid]))).blocks())
    if (block.cid.code === DAG_PB_CODEC)
      nodes.set(Buffer.from(block.cid.multihash.digest).toString('hex'), block.bytes)
  return nodes
}

const send = (stream: FramedStream, index: number, data: Uint8Array, sizeBytes = data.byteLength) =>
  stream.send(Chunk, { index, sizeBytes, data, missing: false })
const never = new Promise<void>(() => {})

const cheats: Record<string, { code: string | null; answer: Parameters<typeof createCheat>[1] }> = {
  'wrong bytes': {
    code: 'ARTIFACT_CORRUPT',
    async answer(stream, start, count) {
      for (let index = start; index < start + count; index++)
        await send(stream, index, patternBytes(LEAF, 99))
    },
  },
  'blocks that nobody asked for': {
    code: 'PROTOCOL_MALFORMED',
    answer: (stream, start) => send(stream, start + 1000, patternBytes(LEAF)),
  },
  'a block of 3 MiB': {
    code: 'PROTOCOL_MALFORMED',
    answer: (stream, start) => send(stream, start, patternBytes(LEAF), 3 * 2 ** 20),
  },
  'chunks of one byte': {
    code: 'PROTOCOL_MALFORMED',
    answer: (stream, start) => send(stream, start, patternBytes(1), LEAF),
  },
  'a frame that is no message': {
    code: 'PROTOCOL_MALFORMED',
    answer: (stream) => stream.send(Opened, { code: 'x'.repeat(64), complete: true, name: '' }),
  },
  'a stream that ends': { code: null, answer: (stream) => stream.close() },
  'a stream that is reset': {
    code: null,
    answer: async (stream) => stream.abort(new Error('gone')),
  },
  silence: { code: null, answer: () => never },
}
for (const [name, { code, answer }] of Object.entries(cheats))
  hostile(`two honest providers and a cheat: ${name}`, () =>
    withNodes([WIDE, WIDE, WIDE], async (a, b, c) => {
      const bytes = bulkBytes(LARGE)
      const { cid } = await b!.artifacts.addBytes(bytes)
      await c!.artifacts.addBytes(bytes)
      const cheat = await createCheat(await nodesOf(b!, cid), answer)
      try {
        await a!.mesh.connect(cheat)
        await a!.artifacts.fetch(cid, { signal: within(), providers: [cheat.peerId, ...peersOf(b, c)] })
        await assertHas(a!, cid, bytes)
        assert.equal(a!.misbehaviour, code === null ? [] : [{ peer: cheat.peerId, code }])
        if (code === null) return
        // It is not asked again for a while.
        const other = patternBytes(LEAF * 2, 5)
        const second = await b!.artifacts.addBytes(other)
        a!.mesh.opened.length = 0
        await a!.artifacts.fetch(second.cid, { signal: within() })
        assert.not(a!.mesh.opened.includes(cheat.peerId))
      } finally {
        await cheat.stop()
      }
    }),
  )

hostile('a manifest that lies about its leaves: refused for good, and nothing of it stays', () =>
  withNodes([SMALL], async (a) => {
    const leaf = patternBytes(100)
    const node = dagPb.encode({
      Data: new UnixFS({ type: 'file', blockSizes: [5000n, 50n] }).marshal(),
      Links: [
        { Name: '', Hash: cidOf(RAW_CODEC, digestOf(leaf)), Tsize: 5000 },
        { Name: '', Hash: cidOf(RAW_CODEC, digestOf(patternBytes(50))), Tsize: 50 },
      ],
    })
    const root = cidOf(DAG_PB_CODEC, digestOf(node))
    const nodes = new Map([[Buffer.from(digestOf(node)).toString('hex'), node]])
    const cheat = await createCheat(nodes, async (stream, start, count) => {
      for (let index = start; index < start + count; index++)
        await send(stream, index, index === 0 ? leaf : patternBytes(50))
    })
    try {
      await a!.mesh.connect(cheat)
      assert.is(
        await codeOf(a!.artifacts.fetch(root.toString(), { signal: within() })),
        'ARTIFACT_INVALID_MANIFEST',
      )
      assert.is(a!.artifacts.usage().blocks, 0)
      assert.is(await a!.artifacts.info(root.toString()), null)
    } finally {
      await cheat.stop()
    }
  }),
)

hostile('a requester that breaks the protocol loses its stream, and nobody else is disturbed', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const { cid } = await b!.artifacts.addBytes(patternBytes(LEAF * 3))
    const nothing = new Uint8Array(0)
    const empty = { root: nothing, digests: [] as Uint8Array[], start: 0, count: 0, trace: nothing }
    const wrong = [
      { ...empty, kind: 9 },
      { ...empty, kind: RequestKind.open, root: patternBytes(40) },
      { ...empty, kind: RequestKind.leaves, count: 2 ** 31 },
    ]
    for (const request of wrong) {
      const stream = await a!.mesh.open(b!.mesh.peerId, ARTIFACTS_PROTOCOL, { signal: within() })
      await stream.send(Request, request)
      const code = await codeOf(stream.expect(Chunk))
      assert.ok(['PEER_DISCONNECTED', 'PROTOCOL_UNEXPECTED_END'].includes(code), code)
    }
    // Without an open root, and past its end, everything is missing.
    const stream = await a!.mesh.open(b!.mesh.peerId, ARTIFACTS_PROTOCOL, { signal: within() })
    await stream.send(Request, { ...empty, kind: RequestKind.leaves, start: 5, count: 1 })
    assert.ok((await stream.expect(Chunk)).missing)
    await stream.send(Request, { ...empty, kind: RequestKind.nodes, digests: [patternBytes(32)] })
    assert.ok((await stream.expect(Chunk)).missing)
    await stream.close()
    await a!.artifacts.fetch(cid, { signal: within() })
  }),
)

hostile.run()
