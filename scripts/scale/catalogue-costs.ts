/** Records of collections, holdings and sketches: the real catalogues, and the real exchange between them. */
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import { buildSketch } from '../../node/agents/rag/routing/sketch.ts'
import { type Catalogue, createCatalogue } from '../../node/agents/rag/village/catalogue.ts'
import {
  type CollectionRecord,
  createCollectionRecord,
} from '../../node/agents/rag/village/collection-record.ts'
import {
  createCollectionsClient,
  createCollectionsServer,
} from '../../node/agents/rag/village/collections-exchange.ts'
import { createExchangeBudget, EXCHANGE_LIMITS } from '../../node/agents/rag/village/exchange-budget.ts'
import type { Holding } from '../../node/agents/rag/village/holdings.ts'
import { createLog } from '../../node/log.ts'
import { cidOf, DAG_PB_CODEC, digestOf, RAW_CODEC } from '../../node/mesh/artifacts/cids.ts'
import { peerOf } from '../../node/mesh/membership/keys.ts'
import { START_MS, signerOf } from '../../test/helpers/village.ts'
import type { CostCase, CostRow } from './cost.ts'
import { memoryStore } from './memory-store.ts'
import { createTally, streamPair, type Tally } from './virtual-streams.ts'

const LOG = createLog({ level: 'silent' })
const VILLAGE = 'the village'
/** Collections by member of the village, and segments by collection. */
const SEGMENTS = 2
const TERMS = 2_000
/** 64 digests of 16 bytes with tag and length: what an asker says that it knows. */
const KNOWN_BYTES = 64 * 18 + 5
/** An entry of a catalogue, and a hash that is asked for. */
const ENTRY_BYTES = 92
const HASH_BYTES = 34
const KEY_BYTES = 50
const signal = new AbortController().signal

function recordOf(owner: string, name: string, generation = 1): CollectionRecord {
  const signer = signerOf(owner)
  const id = collectionId(peerOf(signer.publicKey), name)
  const segments = Array.from({ length: SEGMENTS }, (_, index) => {
    const seed = Buffer.from(`${owner} ${name} ${generation} ${index}`)
    return {
      id: Buffer.from(digestOf(seed)).toString('hex'),
      cid: cidOf(DAG_PB_CODEC, digestOf(seed)).toString(),
      sketchCid: cidOf(RAW_CODEC, digestOf(seed)).toString(),
      ...{
        sketchBytes: 4_624,
        chunks: 400,
        documents: 100,
        totalLength: 40_000,
        sizeBytes: 400_000,
        deletions: [],
      },
    }
  })
  const facts = {
    ...({
      name,
      access: 'village',
      encoder: null,
      dims: null,
      languages: ['en'],
      weight: 0.5,
      replicas: 2,
    } as const),
    ...{ keepsCopy: true, segments },
  }
  return createCollectionRecord(signer, { village: VILLAGE, id, generation, timeMs: START_MS, facts })
}

async function catalogueOf(records: readonly CollectionRecord[]): Promise<Catalogue> {
  const catalogue = createCatalogue(
    { store: memoryStore(), roleOf: () => 'member', log: LOG },
    { self: 'self', now: () => START_MS },
  )
  await catalogue.load(VILLAGE)
  for (const { bytes } of records) await catalogue.apply(bytes)
  return catalogue
}

function holdingOf(records: readonly CollectionRecord[], count: number): Holding {
  const all = records.flatMap(({ id, facts }) => facts!.segments.map((segment) => `${id}${segment.id}`))
  return { segments: new Set(all.slice(0, count)), capacityBytes: 2 ** 30, usedBytes: 2 ** 20 }
}

/** `asker` asks the other side for records, and for holdings where it knows some. */
async function exchange(
  asker: Catalogue,
  answerer: { catalogue: Catalogue; holding: Holding },
  known: Holding | null,
): Promise<Tally> {
  const tally = createTally()
  const [ours, theirs] = streamPair(tally, 'asker', 'answerer')
  const budget = createExchangeBudget({ ...EXCHANGE_LIMITS, now: () => START_MS })
  const serve = createCollectionsServer({
    ...answerer,
    ownHoldings: () => answerer.holding,
    budget,
    log: LOG,
  })
  const serving = serve(theirs, { peer: 'asker', role: 'member', signal })
  const client = createCollectionsClient({
    mesh: { open: async () => ours, roleOf: () => 'member', peerId: 'asker' },
    catalogue: asker,
    log: LOG,
  })
  const parts = { catalogue: known === null, holdings: known !== null, before: known }
  const learned = await client.exchange('answerer', parts, signal)
  await serving
  if (known !== null && learned?.segments.size !== answerer.holding.segments.size)
    throw new Error('holdings differ')
  return tally
}

const made: CollectionRecord[] = []
/** One collection by member. */
function collections(count: number): CollectionRecord[] {
  while (made.length < count) made.push(recordOf(`owner ${made.length}`, 'papers'))
  return made.slice(0, count)
}

function sketchBytes(terms: number): number {
  const rows = Array.from({ length: terms }, (_, index) => ({
    ...{ term: `word ${index}`, df: 1 + (index % 50), maxFrequency: 1 + (index % 4), minLength: 80 },
  }))
  return buildSketch(rows, { chunks: 400, totalLength: 400 * 100 }).byteLength
}

export const catalogueCosts: CostCase = {
  name: 'collections',
  async run(peers): Promise<CostRow[]> {
    const records = collections(peers)
    const changed = [...records.slice(0, -1), recordOf(`owner ${peers - 1}`, 'papers', 2)]
    const recordBytes = changed.at(-1)!.bytes.byteLength
    const asker = await catalogueOf(records)
    const answerer = await catalogueOf(changed)
    const held = Math.min(peers * SEGMENTS, 2 * SEGMENTS * Math.ceil(Math.log2(peers + 1)))
    const holding = holdingOf(changed, held)
    const update = await exchange(asker, { catalogue: answerer, holding }, null)
    if (Buffer.compare(asker.digest(), answerer.digest()) !== 0) throw new Error('catalogues differ')
    const fetched = await exchange(asker, { catalogue: answerer, holding }, holdingOf(changed, held - 1))
    const whole = await exchange(await catalogueOf([]), { catalogue: answerer, holding }, null)
    const row = { peers, unit: 'bytes' }
    return [
      {
        ...row,
        cost: 'a changed collection, by member',
        measured: update.bytes,
        // The old record and the new one fall into two buckets: their entries, one hash, one record.
        formula: KNOWN_BYTES + ENTRY_BYTES * (1 + (2 * peers) / 64) + HASH_BYTES + recordBytes + 10,
        tolerance: 0.35,
      },
      {
        ...row,
        cost: 'the catalogue of a newcomer',
        measured: whole.bytes,
        formula: KNOWN_BYTES + peers * (ENTRY_BYTES + HASH_BYTES + recordBytes + 3),
        tolerance: 0.1,
      },
      {
        ...row,
        cost: 'a holder has one segment more, by member',
        measured: fetched.bytes,
        formula: KNOWN_BYTES + KEY_BYTES * (1 + held / 64) + 20,
        tolerance: 0.1,
      },
      {
        ...row,
        cost: 'sketches of all collections, by member',
        measured: peers * SEGMENTS * sketchBytes(TERMS),
        formula: peers * SEGMENTS * (124 + 2.25 * TERMS),
        tolerance: 0.02,
      },
    ]
  },
}
