import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cidOf, DAG_PB_CODEC, digestOf, RAW_CODEC } from '../../../node/mesh/artifacts/cids.ts'
import {
  assertHas,
  bulkBytes,
  codeOf,
  damageBlock,
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

const fetches = suite('fetching')

fetches('from a named provider, from a neighbour, and from whom the DHT names', () =>
  withNodes([SMALL, SMALL, SMALL, SMALL], async (a, b, c, d) => {
    const bytes = patternBytes(LEAF * 3 + 17)
    const { cid } = await b!.artifacts.addBytes(bytes, { pin: 'x' })
    const progress: number[][] = []
    const info = await a!.artifacts.fetch(cid, {
      signal: within(),
      providers: peersOf(b),
      pin: 'mine',
      onProgress: (...step) => progress.push(step),
    })
    assert.equal([info.complete, info.pins, info.sizeBytes], [true, ['mine'], bytes.byteLength])
    await assertHas(a!, cid, bytes)
    assert.equal(progress.at(-1), [bytes.byteLength, bytes.byteLength])
    assert.equal(a!.mesh.opened, peersOf(b))
    assert.ok(a!.events.some((event) => event.type === 'artifact:added'))

    await c!.artifacts.fetch(cid, { signal: within() }) // its neighbour is a
    await assertHas(c!, cid, bytes)

    d!.mesh.peers = () => []
    d!.mesh.dht = peersOf(d, a)
    await d!.artifacts.fetch(cid, { signal: within() })
    await assertHas(d!, cid, bytes)
  }),
)

fetches('sizes of all kinds, directories, and the empty file', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    for (const sizeBytes of [0, 1, LEAF - 1, LEAF, LEAF + 1, LEAF * 70 + 3]) {
      const bytes = patternBytes(sizeBytes, sizeBytes + 1)
      const { cid } = await b!.artifacts.addBytes(bytes)
      await a!.artifacts.fetch(cid, { signal: within() })
      await assertHas(a!, cid, bytes)
    }
    const { cid } = await b!.artifacts.addPath(new URL('../../vectors/artifacts', import.meta.url).pathname)
    const info = await a!.artifacts.fetch(cid, { signal: within() })
    assert.is(info.kind, 'directory')
    assert.ok((await a!.artifacts.read(`${cid}/unixfs.json`)).byteLength > 100)
    // One idle stream is used again and again.
    assert.is(a!.mesh.opened.length, 1)
  }),
)

fetches('a leaf of the real size in several chunks', () =>
  withNodes([{}, {}], async (a, b) => {
    const bytes = patternBytes(2 ** 20 + 300_000)
    const { cid } = await b!.artifacts.addBytes(bytes)
    await a!.artifacts.fetch(cid, { signal: within() })
    await assertHas(a!, cid, bytes)
  }),
)

fetches('the same fetch twice at once is one fetch, and each has its pin', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const bytes = patternBytes(LEAF * 20)
    const { cid } = await b!.artifacts.addBytes(bytes)
    await Promise.all(
      ['p', 'q'].map((pin) => a!.artifacts.fetch(cid, { signal: within(), pin, providers: peersOf(b) })),
    )
    assert.equal((await a!.artifacts.info(cid))?.pins.sort(), ['p', 'q'])
    assert.is(a!.artifacts.usage().receivedBytes, b!.artifacts.usage().sentBytes)
    assert.is(a!.artifacts.usage().receivedBytes, a!.artifacts.usage().sizeBytes)
    assert.is(a!.mesh.opened.length, 1)
    await a!.artifacts.fetch(cid, { signal: within(), pin: 'r' })
    assert.equal((await a!.artifacts.info(cid))?.pins.sort(), ['p', 'q', 'r'])
  }),
)

fetches('one of two callers gives up: the other gets it', () =>
  withNodes([SMALL, { ...SMALL, uploadBytesPerSecond: 2_000_000 }], async (a, b) => {
    const bytes = patternBytes(LEAF * 30)
    const { cid } = await b!.artifacts.addBytes(bytes)
    const abort = new AbortController()
    const [first] = await Promise.allSettled([
      a!.artifacts.fetch(cid, { signal: abort.signal, onProgress: () => abort.abort() }),
      a!.artifacts.fetch(cid, { signal: within() }),
    ])
    assert.is(first.status, 'rejected')
    await assertHas(a!, cid, bytes)
  }),
)

fetches('several providers share the work of a large artifact', () =>
  withNodes([WIDE, WIDE, WIDE, WIDE], async (a, ...providers) => {
    const bytes = bulkBytes(LARGE)
    let cid = ''
    for (const provider of providers) cid = (await provider.artifacts.addBytes(bytes)).cid
    await a!.artifacts.fetch(cid, { signal: within() })
    await assertHas(a!, cid, bytes)
    const sent = providers.map((provider) => provider.artifacts.usage().sentBytes)
    assert.ok(sent.filter((sentBytes) => sentBytes > 0).length >= 2, sent.join())
  }),
)

fetches('a resumed fetch fetches what is missing, and nothing else', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const bytes = patternBytes(LEAF * 40)
    const { cid } = await b!.artifacts.addBytes(bytes)
    const abort = new AbortController()
    const cut = a!.artifacts.fetch(cid, {
      signal: abort.signal,
      pin: 'kept',
      onProgress: (doneBytes) => {
        if (doneBytes > bytes.byteLength / 2) abort.abort()
      },
    })
    assert.is(await codeOf(cut), 'AbortError')
    assert.not(await a!.artifacts.has(cid))
    assert.is(await codeOf(a!.artifacts.read(cid)), 'ARTIFACT_MISSING')
    await a!.restart()
    const [listed] = await a!.artifacts.list()
    assert.equal([listed?.cid, listed?.complete, listed?.pins], [cid, false, ['kept']])
    const kept = a!.artifacts.usage().sizeBytes
    assert.ok(kept > bytes.byteLength / 2)
    await a!.mesh.connect(b!.mesh)
    await a!.artifacts.fetch(cid, { signal: within() })
    await assertHas(a!, cid, bytes)
    assert.is(a!.artifacts.usage().receivedBytes, a!.artifacts.usage().sizeBytes - kept)
    assert.equal((await a!.artifacts.info(cid))?.pins, ['kept'])
  }),
)

fetches('blocks that have gone bad meanwhile are fetched again', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const bytes = patternBytes(LEAF * 10)
    const { cid } = await b!.artifacts.addBytes(bytes)
    await a!.artifacts.fetch(cid, { signal: within() })
    for (const index of [2, 7])
      await damageBlock(a!.directory, bytes.subarray(index * LEAF, (index + 1) * LEAF))
    assert.is(await codeOf(a!.artifacts.read(cid)), 'ARTIFACT_CORRUPT')
    await a!.restart()
    await a!.mesh.connect(b!.mesh)
    await a!.artifacts.fetch(cid, { signal: within() })
    await assertHas(a!, cid, bytes)
    assert.is(a!.artifacts.usage().receivedBytes, 2 * LEAF)
  }),
)

fetches('a damaged block is not served: it comes from another provider', () =>
  withNodes([SMALL, SMALL, SMALL], async (a, b, c) => {
    const bytes = patternBytes(LEAF * 10)
    const { cid } = await b!.artifacts.addBytes(bytes)
    await c!.artifacts.addBytes(bytes)
    await damageBlock(b!.directory, bytes.subarray(3 * LEAF, 4 * LEAF))
    await a!.artifacts.fetch(cid, { signal: within(), providers: peersOf(b) })
    await assertHas(a!, cid, bytes)
    assert.equal(a!.misbehaviour, [])
    assert.is((await b!.artifacts.info(cid))?.complete, false)
  }),
)

fetches('providers that hold different parts make a whole', () =>
  withNodes([SMALL, SMALL, SMALL], async (a, b, c) => {
    const bytes = patternBytes(LEAF * 10)
    const { cid } = await b!.artifacts.addBytes(bytes)
    await c!.artifacts.addBytes(bytes)
    for (const [node, parts] of [
      [b!, [0, 1, 2, 3, 4, 5]],
      [c!, [4, 5, 6, 7, 8, 9]],
    ] as const) {
      for (const index of Array.from({ length: 10 }, (_, part) => part))
        if (!parts.includes(index as never)) {
          await damageBlock(node.directory, bytes.subarray(index * LEAF, (index + 1) * LEAF))
          const range = { offset: index * LEAF, length: 1 }
          assert.ok(
            ['ARTIFACT_CORRUPT', 'ARTIFACT_MISSING'].includes(await codeOf(node.artifacts.read(cid, range))),
          )
        }
    }
    await a!.artifacts.fetch(cid, { signal: within() })
    await assertHas(a!, cid, bytes)
  }),
)

fetches('nobody has it', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const { cid } = await a!.artifacts.addBytes(patternBytes(10))
    await a!.artifacts.remove(cid)
    assert.is(await codeOf(a!.artifacts.fetch(cid, { signal: within() })), 'ARTIFACT_UNAVAILABLE')
    const stranger = (await createSmallMesh()) as SmallMesh
    await stranger.stop()
    const options = { signal: within(), providers: [stranger.peerId, b!.mesh.peerId] }
    assert.is(await codeOf(a!.artifacts.fetch(cid, options)), 'ARTIFACT_UNAVAILABLE')
    const pinned = { ...options, pin: 'user' }
    assert.is(await codeOf(a!.artifacts.fetch(cid, pinned)), 'ARTIFACT_UNAVAILABLE')
    assert.equal(await a!.artifacts.list(), [], 'an attempt that got nothing leaves no record')
    assert.is(await codeOf(a!.artifacts.fetch('x', { signal: within() })), 'CID_INVALID')
  }),
)

fetches('a provider that has a part only, and no more: what came is kept', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const bytes = patternBytes(LEAF * 4)
    const { cid } = await b!.artifacts.addBytes(bytes)
    await damageBlock(b!.directory, bytes.subarray(LEAF, 2 * LEAF))
    assert.is(await codeOf(a!.artifacts.fetch(cid, { signal: within() })), 'ARTIFACT_UNAVAILABLE')
    assert.is(a!.artifacts.usage().blocks, 4) // three leaves and the root
    await b!.artifacts.addBytes(bytes)
    await a!.artifacts.fetch(cid, { signal: within() })
    await assertHas(a!, cid, bytes)
  }),
)

fetches('a provider that is still fetching serves what it has', () =>
  withNodes([SMALL, SMALL, { ...SMALL, uploadBytesPerSecond: 500_000 }], async (a, b, c) => {
    const bytes = patternBytes(LEAF * 16)
    const { cid } = await c!.artifacts.addBytes(bytes)
    await b!.mesh.connect(c!.mesh)
    a!.mesh.peers = () => []
    const started = Promise.withResolvers<void>()
    const relayed = b!.artifacts.fetch(cid, { signal: within(), onProgress: () => started.resolve() })
    await started.promise
    await a!.artifacts.fetch(cid, { signal: within(), providers: peersOf(b) })
    await relayed
    await assertHas(a!, cid, bytes)
    assert.is(c!.artifacts.usage().sentBytes, b!.artifacts.usage().receivedBytes)
  }),
)

fetches('guests read what is published, and nothing else', () => {
  const published = new Set<string>()
  return withNodes([SMALL, { ...SMALL, published: (cid) => published.has(cid) }], async (a, b) => {
    const open = await b!.artifacts.addBytes(patternBytes(LEAF * 3))
    const closed = await b!.artifacts.addBytes(patternBytes(LEAF * 3, 2))
    published.add(open.cid)
    b!.mesh.role = 'guest'
    await a!.artifacts.fetch(open.cid, { signal: within() })
    assert.is(await codeOf(a!.artifacts.fetch(closed.cid, { signal: within() })), 'ARTIFACT_UNAVAILABLE')
    assert.is(a!.artifacts.usage().blocks, 4)
    b!.mesh.role = 'member'
    await a!.artifacts.fetch(closed.cid, { signal: within() })
  })
})

fetches('an artifact over the disk share is refused before its leaves are sent', () =>
  withNodes([{ ...SMALL, maxBytes: LEAF * 4 }, SMALL], async (a, b) => {
    const large = await b!.artifacts.addBytes(patternBytes(LEAF * 5))
    assert.is(await codeOf(a!.artifacts.fetch(large.cid, { signal: within() })), 'ARTIFACT_TOO_LARGE')
    assert.is(await a!.artifacts.info(large.cid), null)
    assert.is(a!.artifacts.usage().blocks, 0)
    await a!.artifacts.addBytes(patternBytes(LEAF * 2, 2), { pin: 'x' })
    const fits = await b!.artifacts.addBytes(patternBytes(LEAF * 3))
    assert.is(await codeOf(a!.artifacts.fetch(fits.cid, { signal: within() })), 'DISK_FULL')
    assert.ok(a!.artifacts.usage().receivedBytes < LEAF)
  }),
)

fetches('what is pinned is announced to the DHT', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const pinned = await a!.artifacts.addBytes(patternBytes(10), { pin: 'x' })
    await a!.artifacts.addBytes(patternBytes(10, 2))
    const later = await a!.artifacts.addBytes(patternBytes(10, 3))
    await a!.artifacts.pin(later.cid, 'y')
    assert.equal(a!.mesh.provided, [pinned.cid, later.cid])
    await a!.restart()
    assert.equal(a!.mesh.provided, [])
    await a!.mesh.connect(b!.mesh)
    assert.equal(a!.mesh.provided.sort(), [pinned.cid, later.cid].sort())
  }),
)

fetches('a fetch ends when the service stops', () =>
  withNodes([SMALL, { ...SMALL, uploadBytesPerSecond: 50_000 }], async (a, b) => {
    const { cid } = await b!.artifacts.addBytes(patternBytes(LEAF * 40))
    const failed = codeOf(
      a!.artifacts.fetch(cid, { signal: within(), onProgress: () => void a!.artifacts.stop() }),
    )
    assert.is(await failed, 'SHUTTING_DOWN')
  }),
)

fetches('a leaf that a directory names without its size', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const leaf = patternBytes(300)
    const node = dagPb.encode(
      dagPb.prepare({
        Data: new UnixFS({ type: 'directory' }).marshal(),
        Links: [{ Name: 'file', Hash: cidOf(RAW_CODEC, digestOf(leaf)) }],
      }),
    )
    const root = cidOf(DAG_PB_CODEC, digestOf(node))
    const { CarWriter } = await import('@ipld/car')
    const { writer, out } = CarWriter.create([root])
    const writing = (async () => {
      await writer.put({ cid: root, bytes: node })
      await writer.put({ cid: cidOf(RAW_CODEC, digestOf(leaf)), bytes: leaf })
      await writer.close()
    })()
    await b!.artifacts.importCar(out)
    await writing
    const info = await a!.artifacts.fetch(root.toString(), { signal: within() })
    assert.is(info.sizeBytes, 300)
    assert.equal(Buffer.from(await a!.artifacts.read(`${root}/file`)), Buffer.from(leaf))
  }),
)

fetches('a connection that is lost half-way is dialled again', () =>
  withNodes([SMALL, { ...SMALL, uploadBytesPerSecond: 4_000_000 }], async (a, b) => {
    const bytes = patternBytes(LEAF * 40)
    const { cid } = await b!.artifacts.addBytes(bytes)
    let cut = false
    await a!.artifacts.fetch(cid, {
      signal: within(),
      onProgress(doneBytes) {
        if (cut || doneBytes < bytes.byteLength / 2) return
        cut = true
        for (const connection of a!.mesh.host.getConnections()) connection.abort(new Error('cable pulled'))
      },
    })
    assert.ok(cut)
    await assertHas(a!, cid, bytes)
    assert.equal(a!.mesh.opened, [b!.mesh.peerId, b!.mesh.peerId])
    assert.equal(a!.misbehaviour, [])
  }),
)

fetches.run()
