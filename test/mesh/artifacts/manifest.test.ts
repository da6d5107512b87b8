import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { CID as Cid } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cidOf, DAG_PB_CODEC, digestOf, keyOf, RAW_CODEC } from '../../../node/mesh/artifacts/cids.ts'
import { type Manifest, readManifest } from '../../../node/mesh/artifacts/manifest.ts'
import { decodeNode, encodeFileNode } from '../../../node/mesh/artifacts/nodes.ts'
import { codeOf, patternBytes } from '../../helpers/artifact-nodes.ts'

const blocks = new Map<string, Uint8Array>()
function put(codec: number, bytes: Uint8Array): CID {
  const cid = cidOf(codec, digestOf(bytes))
  blocks.set(keyOf(cid), bytes)
  return cid
}
const raw = (sizeBytes: number, seed = 1) => put(RAW_CODEC, patternBytes(sizeBytes, seed))

interface Link {
  cid: CID
  size: number
  name?: string
}
function file(
  links: Link[],
  init: { data?: Uint8Array; sizes?: number[]; type?: 'file' | 'symlink' } = {},
): CID {
  const data = new UnixFS({
    type: init.type ?? 'file',
    blockSizes: (init.sizes ?? links.map((link) => link.size)).map(BigInt),
    ...(init.data === undefined ? {} : { data: init.data }),
  })
  return put(
    DAG_PB_CODEC,
    dagPb.encode({
      Data: data.marshal(),
      Links: links.map((link) => ({ Name: link.name ?? '', Hash: link.cid, Tsize: link.size })),
    }),
  )
}
function directory(
  links: { cid: CID; name: string; size?: number }[],
  type: 'directory' | 'hamt-sharded-directory' = 'directory',
): CID {
  const data = new UnixFS({ type })
  return put(
    DAG_PB_CODEC,
    dagPb.encode(
      dagPb.prepare({
        Data: data.marshal(),
        Links: links.map((link) => ({
          Name: link.name,
          Hash: link.cid,
          ...(link.size === undefined ? {} : { Tsize: link.size }),
        })),
      }),
    ),
  )
}

let reads = 0
const read = (root: CID, maxContentBytes = 2 ** 30): Promise<Manifest> => {
  reads = 0
  return readManifest(
    root,
    {
      ensure: async () => {},
      get: async (cid) => {
        reads += 1
        return blocks.get(keyOf(cid))!
      },
      // As for a fetch: no leaf is here yet.
      sizeOf: () => undefined,
    },
    { maxContentBytes },
  )
}

const manifest = suite('manifests')

manifest('leaves are numbered by first mention, and counted once', async () => {
  const a = raw(10, 1)
  const b = raw(20, 2)
  const inner = file([
    { cid: b, size: 20 },
    { cid: a, size: 10 },
    { cid: b, size: 20 },
  ])
  const root = directory([
    { cid: inner, name: 'x', size: 50 },
    { cid: raw(7, 3), name: 'y', size: 7 },
    { cid: directory([]), name: 'z' },
  ])
  const result = await read(root)
  assert.equal(
    result.leaves.map((leaf) => leaf.sizeBytes),
    [20, 10, 7],
  )
  assert.is(result.sizeBytes, 57)
  assert.equal(
    result.files.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [
      ['x', 50],
      ['y', 7],
    ],
  )
  assert.equal(result.directories, ['z'])
  assert.is(result.nodes.length, 3)
})

manifest('leaves with inline data, as other tools write them, are read', async () => {
  const leaf = file([], { data: patternBytes(100) })
  const root = file([
    { cid: leaf, size: 100 },
    { cid: raw(5), size: 5 },
  ])
  const result = await read(root)
  assert.is(result.sizeBytes, 105)
  assert.equal(
    result.files[0]!.parts.map((part) => part.inline),
    [true, false],
  )
  assert.is((await read(leaf)).sizeBytes, 100)
})

const lies: Record<string, () => CID> = {
  'a parent declares more than its child': () =>
    file([{ cid: file([{ cid: raw(10), size: 10 }]), size: 11 }]),
  'a parent declares less than its child': () => file([{ cid: file([{ cid: raw(10), size: 10 }]), size: 9 }]),
  'an inline leaf of another size': () => file([{ cid: file([], { data: patternBytes(10) }), size: 11 }]),
  'one leaf with two sizes': () => {
    const leaf = raw(10)
    return file([
      { cid: leaf, size: 10 },
      { cid: leaf, size: 12 },
    ])
  },
  'fewer sizes than links': () =>
    file(
      [
        { cid: raw(10), size: 10 },
        { cid: raw(20), size: 20 },
      ],
      { sizes: [10] },
    ),
  'sizes without links': () => file([], { sizes: [10] }),
  'an empty part': () => file([{ cid: raw(0), size: 0 }]),
  'data and links at once': () => file([{ cid: raw(10), size: 10 }], { data: patternBytes(3) }),
  'a link to another codec': () =>
    file([{ cid: Cid.createV1(0x71, createDigest(0x12, digestOf(patternBytes(3)))), size: 3 }]),
  'a link to another hash': () =>
    file([{ cid: Cid.createV1(0x55, createDigest(0x13, new Uint8Array(64))), size: 3 }]),
  'an identity hash': () =>
    file([{ cid: Cid.createV1(0x55, createDigest(0x00, patternBytes(32))), size: 32 }]),
  'a symlink': () => file([], { type: 'symlink', data: new TextEncoder().encode('/etc/passwd') }),
  'a sharded directory': () => directory([], 'hamt-sharded-directory'),
  'a directory inside a file': () => file([{ cid: directory([]), size: 1 }]),
  'no UnixFS data': () => put(DAG_PB_CODEC, dagPb.encode({ Links: [] })),
  'UnixFS data that is noise': () => put(DAG_PB_CODEC, dagPb.encode({ Data: patternBytes(40), Links: [] })),
  'a node that is noise': () => put(DAG_PB_CODEC, patternBytes(400)),
  'over 1,024 links': () => {
    const leaf = raw(1)
    return file(Array.from({ length: 1025 }, () => ({ cid: leaf, size: 1 })))
  },
  'a name that leaves the directory': () => directory([{ cid: raw(1), name: '..', size: 1 }]),
  'an absolute name': () => directory([{ cid: raw(1), name: '/etc/passwd', size: 1 }]),
  'a name with a backslash': () => directory([{ cid: raw(1), name: '..\\x', size: 1 }]),
  'a name with a zero byte': () => directory([{ cid: raw(1), name: 'a\0b', size: 1 }]),
  'an empty name': () => directory([{ cid: raw(1), name: '', size: 1 }]),
  'a name twice': () =>
    put(
      DAG_PB_CODEC,
      dagPb.encode({
        Data: new UnixFS({ type: 'directory' }).marshal(),
        Links: [
          { Name: 'a', Hash: raw(1), Tsize: 1 },
          { Name: 'a', Hash: raw(2), Tsize: 2 },
        ],
      }),
    ),
  'a total that is not the sum': () => {
    // type file (08 02), filesize 99 (18 63), blocksizes 10 (20 0a)
    const data = Uint8Array.from([0x08, 0x02, 0x18, 0x63, 0x20, 0x0a])
    return put(DAG_PB_CODEC, dagPb.encode({ Data: data, Links: [{ Name: '', Hash: raw(10), Tsize: 10 }] }))
  },
  'a size over 2^53': () => {
    const data = Uint8Array.from([0x08, 0x02, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    return put(DAG_PB_CODEC, dagPb.encode({ Data: data, Links: [{ Name: '', Hash: raw(10), Tsize: 10 }] }))
  },
}
for (const [name, make] of Object.entries(lies))
  manifest(`refused: ${name}`, async () => {
    assert.is(await codeOf(read(make())), 'ARTIFACT_INVALID_MANIFEST')
  })

manifest('refused: a file that is deeper than any real one', async () => {
  let node: CID = raw(10)
  for (let depth = 0; depth < 12; depth++) node = file([{ cid: node, size: 10 }])
  assert.is(await codeOf(read(node)), 'ARTIFACT_INVALID_MANIFEST')
})

manifest('refused: directories without an end', async () => {
  let node: CID = directory([])
  for (let depth = 0; depth < 200; depth++) node = directory([{ cid: node, name: 'd' }])
  assert.is(await codeOf(read(node)), 'ARTIFACT_INVALID_MANIFEST')
  assert.ok(reads < 50, `${reads} nodes were read`)
})

manifest('refused early: a bomb of nested nodes that all name the same child', async () => {
  let size = 1
  let node: CID = raw(1)
  for (let depth = 0; depth < 4; depth++) {
    const [cid, childSize] = [node, size]
    node = file(Array.from({ length: 1024 }, () => ({ cid, size: childSize })))
    size *= 1024
  }
  assert.is(await codeOf(read(node, 2 ** 50)), 'ARTIFACT_INVALID_MANIFEST')
  assert.ok(reads < 100, `${reads} nodes were read`)
  let tree: CID = raw(1)
  for (let depth = 0; depth < 8; depth++) {
    const cid = tree
    tree = directory(Array.from({ length: 100 }, (_, index) => ({ cid, name: `${index}`, size: 1 })))
  }
  assert.is(await codeOf(read(tree)), 'ARTIFACT_INVALID_MANIFEST')
  assert.ok(reads < 1000, `${reads} nodes were read`)
})

manifest('refused at the root: more than the disk share', async () => {
  const node = file([{ cid: file([{ cid: raw(10), size: 2 ** 40 }]), size: 2 ** 40 }])
  assert.is(await codeOf(read(node)), 'ARTIFACT_TOO_LARGE')
  assert.is(reads, 1)
})

manifest('padded nodes that are linked again and again are not read without end', async () => {
  const padding = new UnixFS({ type: 'directory', data: new Uint8Array(2 ** 20) })
  const padded = put(DAG_PB_CODEC, dagPb.encode({ Data: padding.marshal(), Links: [] }))
  const links = Array.from({ length: 2_000 }, (_, index) => ({ cid: padded, name: `d${index}` }))
  assert.is(await codeOf(read(directory(links))), 'ARTIFACT_INVALID_MANIFEST')
  assert.ok(reads < 100, `${reads} nodes were read`)
})

manifest('a leaf that no block can hold is refused before it is asked for', async () => {
  const root = file([{ cid: raw(10), size: 2 ** 21 + 1 }])
  assert.is(await codeOf(read(root)), 'ARTIFACT_INVALID_MANIFEST')
})

manifest('files of more than 2 GiB keep their sizes, and smaller ones the bytes of the library', () => {
  const cid = raw(10)
  const children = (sizes: readonly number[]) =>
    sizes.map((contentBytes) => ({ cid, contentBytes, dagBytes: contentBytes + 100 }))
  for (const sizes of [
    [5],
    [2 ** 20, 2 ** 20, 17],
    [2 ** 30, 2 ** 30, 2 ** 20],
    [2 ** 31, 2 ** 32 + 1, 2 ** 40 + 3],
  ]) {
    const bytes = encodeFileNode(children(sizes))
    const node = decodeNode(bytes)
    assert.is(node.type, 'file')
    assert.equal(
      (node as Extract<typeof node, { type: 'file' }>).children.map(({ contentBytes }) => contentBytes),
      sizes,
    )
    if (sizes.every((size) => size < 2 ** 30))
      assert.equal(
        Buffer.from(dagPb.decode(bytes).Data!),
        Buffer.from(new UnixFS({ type: 'file', blockSizes: sizes.map(BigInt) }).marshal()),
      )
  }
})

manifest.run()
