import { CarReader, CarWriter } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import { cidOf, digestOf, RAW_CODEC } from '../../../node/mesh/artifacts/cids.ts'
import { type ArtifactNode, codeOf, patternBytes, withNodes } from '../../helpers/artifact-nodes.ts'

const SMALL = { leafBytes: 500 }
const collectBytes = async (source: AsyncIterable<Uint8Array>) => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
async function* inPieces(bytes: Uint8Array, size = 333) {
  for (let offset = 0; offset < bytes.byteLength; offset += size) yield bytes.subarray(offset, offset + size)
}
function varint(value: number): Uint8Array {
  const out: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out.push((rest & 0x7f) | 0x80)
  return Uint8Array.from([...out, rest])
}
const section = (bytes: Uint8Array) => Buffer.concat([varint(bytes.byteLength), bytes])
const header = (roots: CID[], version = 1) => section(dagCbor.encode({ roots, version }))

async function exported(
  node: ArtifactNode,
  ...contents: Uint8Array[]
): Promise<{ car: Buffer; cids: string[] }> {
  const cids: string[] = []
  for (const bytes of contents) cids.push((await node.artifacts.addBytes(bytes, { pin: 'x' })).cid)
  return { car: await collectBytes(node.artifacts.exportCar(cids)), cids }
}

const car = suite('CAR files')

car('what is exported is read by the IPFS library, and imported elsewhere', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const contents = [patternBytes(4321), Buffer.concat([patternBytes(2000), patternBytes(77, 2)])]
    const { car, cids } = await exported(a!, ...contents)
    const reader = await CarReader.fromBytes(car)
    assert.equal((await reader.getRoots()).map(String), cids)
    let blocks = 0
    for await (const block of reader.blocks()) {
      blocks += 1
      assert.equal(digestOf(block.bytes), Buffer.from(block.cid.multihash.digest))
    }
    // Shared leaves are written once.
    assert.is(blocks, a!.artifacts.usage().blocks)

    const infos = await b!.artifacts.importCar(inPieces(car), { pin: 'usb' })
    assert.equal(
      infos.map((info) => [info.cid, info.complete, info.pins]),
      cids.map((cid) => [cid, true, ['usb']]),
    )
    for (const [index, cid] of cids.entries())
      assert.equal(Buffer.from(await b!.artifacts.read(cid)), Buffer.from(contents[index]!))
    assert.equal(b!.artifacts.usage().sizeBytes, a!.artifacts.usage().sizeBytes)
    // Byte for byte the same again.
    assert.ok((await collectBytes(b!.artifacts.exportCar(cids))).equals(car))
  }),
)

car('archives of the IPFS library are imported; blocks that belong to no root are dropped', () =>
  withNodes([SMALL], async (node) => {
    const bytes = patternBytes(100)
    const root = cidOf(RAW_CODEC, digestOf(bytes))
    const other = patternBytes(100, 2)
    const { writer, out } = CarWriter.create([root])
    const writing = (async () => {
      await writer.put({ cid: cidOf(RAW_CODEC, digestOf(other)), bytes: other })
      await writer.put({ cid: root, bytes })
      await writer.close()
    })()
    const [info] = await node!.artifacts.importCar(out)
    await writing
    assert.is(info?.cid, root.toString())
    assert.is(node!.artifacts.usage().blocks, 1)
  }),
)

car('every truncation is refused and leaves nothing', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const { car } = await exported(a!, patternBytes(1700))
    for (let end = 0; end < car.byteLength; end += end < 120 ? 1 : 97) {
      const code = await codeOf(b!.artifacts.importCar(inPieces(car.subarray(0, end))))
      assert.is(code, 'CAR_MALFORMED', `${end} bytes`)
      assert.is(b!.artifacts.usage().blocks, 0, `${end} bytes`)
    }
    assert.equal(await b!.artifacts.list(), [])
  }),
)

car('any changed byte is refused or changes nothing', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const { car, cids } = await exported(a!, patternBytes(1700))
    const codes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: car.byteLength - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const changed = Buffer.from(car)
          changed[at]! ^= change
          try {
            const infos = await b!.artifacts.importCar(inPieces(changed))
            // A change may make other roots, never other content under the same CID.
            for (const info of infos) await b!.artifacts.remove(info.cid)
            assert.not.equal(
              infos.map((info) => info.cid),
              cids,
            )
          } catch (error) {
            if (!(error instanceof VillageError)) throw error
            codes.add(error.code)
          }
          assert.is(b!.artifacts.usage().blocks, 0)
        },
      ),
      { numRuns: 300 },
    )
    for (const code of codes)
      assert.ok(['CAR_MALFORMED', 'ARTIFACT_INVALID_MANIFEST', 'ARTIFACT_TOO_LARGE'].includes(code), code)
  }),
)

const bytes = patternBytes(100)
const root = cidOf(RAW_CODEC, digestOf(bytes))
const block = section(Buffer.concat([root.bytes, bytes]))
const refused: Record<string, Uint8Array> = {
  noise: patternBytes(3000),
  'a header that claims to be huge': Buffer.concat([varint(2 ** 40), patternBytes(100)]),
  'a length without an end': Buffer.alloc(40, 0xff),
  'version 2': Buffer.concat([header([root], 2), block]),
  'no roots': Buffer.concat([header([]), block]),
  'a root of another codec': Buffer.concat([header([CID.createV1(0x71, root.multihash)]), block]),
  'a block that claims 3 MiB': Buffer.concat([header([root]), varint(3 * 2 ** 20), bytes]),
  'a block under a wrong CID': Buffer.concat([
    header([root]),
    section(Buffer.concat([root.bytes, patternBytes(99)])),
  ]),
  'a block that is only a CID in part': Buffer.concat([header([root]), section(root.bytes.subarray(0, 20))]),
  'an empty section': Buffer.concat([header([root]), Uint8Array.of(0), block]),
  'a root without its block': header([root]),
  'a header that is no map': Buffer.concat([section(dagCbor.encode([1])), block]),
  'a header that is null': Buffer.concat([section(dagCbor.encode(null)), block]),
}
for (const [name, archive] of Object.entries(refused))
  car(`refused: ${name}`, () =>
    withNodes([{}], async (node) => {
      assert.is(await codeOf(node!.artifacts.importCar(inPieces(archive))), 'CAR_MALFORMED')
      assert.is(node!.artifacts.usage().blocks, 0)
      assert.equal(await node!.artifacts.list(), [])
    }),
  )

car('what was there before a refused import stays', () =>
  withNodes([SMALL, SMALL], async (a, b) => {
    const { car } = await exported(a!, patternBytes(1700))
    const { cid } = await b!.artifacts.addBytes(patternBytes(1000), { pin: 'mine' }) // shares two leaves
    const before = b!.artifacts.usage()
    assert.is(await codeOf(b!.artifacts.importCar(inPieces(car.subarray(0, -5)))), 'CAR_MALFORMED')
    assert.equal(b!.artifacts.usage(), before)
    assert.is((await b!.artifacts.read(cid)).byteLength, 1000)
  }),
)

car('an archive over the disk share is refused and leaves nothing', () =>
  withNodes([SMALL, { ...SMALL, maxBytes: 2000 }], async (a, b) => {
    const { car } = await exported(a!, patternBytes(5000))
    assert.is(await codeOf(b!.artifacts.importCar(inPieces(car))), 'DISK_FULL')
    assert.is(b!.artifacts.usage().blocks, 0)
  }),
)

car('only what is here whole can be exported', () =>
  withNodes([SMALL], async (node) => {
    assert.is(await codeOf(collectBytes(node!.artifacts.exportCar([root.toString()]))), 'ARTIFACT_MISSING')
    assert.is(await codeOf(collectBytes(node!.artifacts.exportCar([]))), 'INVALID_ARGUMENT')
  }),
)

car('an export that is left early lets go', () =>
  withNodes([SMALL], async (node) => {
    const { cid } = await node!.artifacts.addBytes(patternBytes(5000))
    for await (const chunk of node!.artifacts.exportCar([cid])) {
      assert.ok(chunk.byteLength > 0)
      break
    }
    await node!.artifacts.collect()
    assert.is(node!.artifacts.usage().blocks, 0)
  }),
)

car.run()
