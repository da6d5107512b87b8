/** Records of collections: what is signed, and that nothing else is believed. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../../../node/agents/rag/collections/collection.ts'
import {
  type CollectionFacts,
  createCollectionRecord,
  parseCollectionRecord,
  supersedes,
} from '../../../../node/agents/rag/village/collection-record.ts'
import { decodeDeletions, encodeDeletions } from '../../../../node/agents/rag/village/deletions.ts'
import { cidOf, DAG_PB_CODEC, digestOf, RAW_CODEC } from '../../../../node/mesh/artifacts/cids.ts'
import {
  CollectionRecordMessage,
  MAX_COLLECTION_RECORD_BYTES,
  MAX_COLLECTION_SEGMENTS,
} from '../../../../node/mesh/protocols/collections.ts'
import { throwsCode } from '../../../helpers/throws.ts'
import { peerNamed, signerOf } from '../../../helpers/village.ts'

const VILLAGE = 'the village'
const ann = signerOf('ann')
const annPeer = peerNamed('ann')
const ID = collectionId(annPeer, 'papers')
const digest = (text: string) => digestOf(Buffer.from(text))

const FACTS: CollectionFacts = {
  name: 'papers',
  access: 'village',
  encoder: null,
  dims: null,
  languages: ['de', 'en'],
  weight: 0.25,
  replicas: 2,
  keepsCopy: true,
  segments: [
    {
      id: Buffer.from(digest('one')).toString('hex'),
      cid: cidOf(DAG_PB_CODEC, digest('one directory')).toString(),
      sketchCid: cidOf(RAW_CODEC, digest('one sketch')).toString(),
      sketchBytes: 900,
      chunks: 400,
      documents: 12,
      totalLength: 40_000,
      sizeBytes: 123_456,
      deletions: [0, 3, 200],
    },
  ],
}

const make = (facts: CollectionFacts | null = FACTS, generation = 1) =>
  createCollectionRecord(ann, { village: VILLAGE, id: ID, generation, timeMs: 1_700_000_000_000, facts })

/** A record whose message was changed and signed again, as a hostile owner would. */
function resigned(change: Partial<CollectionRecordMessage>): Uint8Array {
  const unsigned = {
    ...CollectionRecordMessage.decode(make().bytes),
    ...change,
    signature: new Uint8Array(0),
  }
  const signature = ann.sign('village/collection/1', CollectionRecordMessage.encode(unsigned))
  return CollectionRecordMessage.encode({ ...unsigned, signature })
}

test('a record says what was put in', () => {
  const { facts, owner, id, generation } = parseCollectionRecord(make().bytes, VILLAGE)
  assert.equal(facts, FACTS)
  assert.equal([owner, id, generation], [annPeer, ID, 1])
})

test('a removal holds nothing', () => {
  const removed = make(null, 2)
  assert.is(removed.facts, null)
  assert.ok(removed.bytes.byteLength < 200)
  assert.not.ok(Buffer.from(removed.bytes).includes('papers'))
  assert.ok(supersedes(removed, make()))
  assert.not.ok(supersedes(make(), removed))
})

test('the bytes are those of the golden vector', () => {
  const file = path.join(import.meta.dirname, '../../../vectors/rag/collection-records.json')
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as { live: string; removed: string }
  assert.is(Buffer.from(make().bytes).toString('hex'), vectors.live)
  assert.is(Buffer.from(make(null, 2).bytes).toString('hex'), vectors.removed)
})

test('one changed byte makes it worthless', () => {
  const { bytes } = make()
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes)
    changed[at]! ^= 1
    assert.throws(() => parseCollectionRecord(changed, VILLAGE), undefined, `byte ${at}`)
  }
})

test('what an owner may not say, though it signs it', () => {
  const { segments } = CollectionRecordMessage.decode(make().bytes)
  const segment = (change: object) => ({ segments: [{ ...segments[0]!, ...change }] })
  const changes: [string, Partial<CollectionRecordMessage>][] = [
    ['another village', { village: 'elsewhere' }],
    ["another owner's id", { id: Buffer.from(collectionId(peerNamed('bob'), 'papers'), 'hex') }],
    ['a name that is not of the id', { name: 'other' }],
    ['a name with an escape sequence', { name: 'pa\u001b[31mpers' }],
    ['no access', { access: 0 }],
    ['private access', { access: 3 }],
    ['no generation', { generation: 0 }],
    ['a weight over 1', { weight: 1.5 }],
    ['no weight', { weight: Number.NaN }],
    ['a hundred replicas', { replicas: 100 }],
    ['vectors without end', { dims: 1_000_000 }],
    ['a language that is none', { languages: ['en', '../x'] }],
    ['a removal with segments', { removed: true }],
    ['a segment twice', { segments: [segments[0]!, segments[0]!] }],
    ['a segment without an id', segment({ id: new Uint8Array(3) })],
    ['a segment that is a file', segment({ cid: cidOf(RAW_CODEC, digest('x')).bytes })],
    ['a segment that is no artifact', segment({ cid: new Uint8Array(36) })],
    ['no chunks', segment({ chunks: 0 })],
    ['more documents than chunks', segment({ documents: 401 })],
    ['longer than possible', segment({ totalLength: Number.MAX_SAFE_INTEGER })],
    ['longer than its files', segment({ totalLength: 123_457 })],
    ['more chunks than bytes for them', segment({ chunks: 10_000, documents: 1 })],
    ['larger than files can be', segment({ sizeBytes: 2 ** 40 })],
    ['a sketch that is too small to be one', segment({ sketchBytes: 10 })],
    ['a sketch of more terms than there are', segment({ totalLength: 100 })],
    ['a sketch of a gigabyte', segment({ sketchBytes: 2 ** 30 })],
    ['a deletion of what is not there', segment({ deletions: encodeDeletions([400]) })],
    ['deletions cut off', segment({ deletions: Uint8Array.of(0x80) })],
  ]
  for (const [what, change] of changes)
    assert.throws(() => parseCollectionRecord(resigned(change), VILLAGE), undefined, what)
  assert.ok(parseCollectionRecord(resigned({}), VILLAGE))
})

test('somebody else cannot sign for the owner', () => {
  const bob = signerOf('bob')
  const value = { ...CollectionRecordMessage.decode(make().bytes), signature: new Uint8Array(0) }
  const signature = bob.sign('village/collection/1', CollectionRecordMessage.encode(value))
  const bytes = CollectionRecordMessage.encode({ ...value, signature })
  throwsCode(() => parseCollectionRecord(bytes, VILLAGE), 'PROTOCOL_MALFORMED')
})

test('a record with the most segments fits', () => {
  const segments = Array.from({ length: MAX_COLLECTION_SEGMENTS }, (_, index) => ({
    ...FACTS.segments[0]!,
    id: Buffer.from(digest(`segment ${index}`)).toString('hex'),
  }))
  assert.ok(make({ ...FACTS, segments }).bytes.byteLength <= MAX_COLLECTION_RECORD_BYTES)
})

test('bytes from anywhere never do worse than be refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.throws(() => parseCollectionRecord(bytes, VILLAGE))
    }),
    { numRuns: 300 },
  )
})

test('of two records of one generation all members keep the same', () => {
  const a = make()
  const b = make({ ...FACTS, weight: 0.5 })
  assert.is.not(supersedes(a, b), supersedes(b, a))
  assert.not.ok(supersedes(a, a))
})

test('deletions come back as they were, and have one spelling', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(100_000), { maxLength: 60 }), (list) => {
      const rising = list.sort((a, b) => a - b)
      assert.equal(decodeDeletions(encodeDeletions(rising), 100_001), rising)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      let list: number[]
      try {
        list = decodeDeletions(bytes, 1_000)
      } catch {
        return
      }
      assert.equal([...encodeDeletions(list)], [...bytes])
    }),
  )
})

test.run()
