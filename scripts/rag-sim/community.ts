/** Virtual peers over real segments: what each holds, the sketches that all know of each other, and one central index to compare with. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import { createIndexReader, type IndexReader } from '../../node/agents/rag/index/index-reader.ts'
import type { ManifestSegment } from '../../node/agents/rag/index/manifest.ts'
import { writeManifest } from '../../node/agents/rag/index/manifest-file.ts'
import { placeReplicas } from '../../node/agents/rag/routing/placement.ts'
import { readSketch } from '../../node/agents/rag/routing/read-sketch.ts'
import type { RoutedSegment, SegmentHolder } from '../../node/agents/rag/routing/route.ts'
import { writeSegment } from '../../node/agents/rag/segment/write-segment.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import { type Allocation, allocate } from './allocate.ts'
import type { JudgedSet, JudgedText } from './judged-set.ts'

export interface CommunityInit {
  readonly peers: number
  /** The documents of each peer are cut into this many segments. */
  readonly segmentsByPeer: number
  /** Copies of each segment besides its owner's, by rendezvous hashing. */
  readonly replicas: number
  readonly allocation: Allocation
  readonly seed: number
}

export interface Community {
  /** All segments; a peer answers for those that it holds. */
  readonly index: IndexReader
  /** All documents in one segment. */
  readonly central: IndexReader
  readonly segments: readonly RoutedSegment[]
  readonly holders: readonly SegmentHolder[]
  /** Of the sketches of what a peer owns, by peer. */
  readonly sketchBytes: readonly number[]
  close(): void
}

/** Writes two indexes below `directory`, which is the caller's to remove. */
export function createCommunity(set: JudgedSet, directory: string, init: CommunityInit): Community {
  const random = seededRandom(init.seed)
  const owners = allocate(set.documents, { peers: init.peers, allocation: init.allocation, random })
  const peerIds = Array.from({ length: init.peers }, (_, at) => `peer-${at}`)
  const held = new Map(peerIds.map((peer) => [peer, new Set<string>()]))
  const members = peerIds.map((peer) => ({ peer, weight: 1 }))

  const spread = path.join(directory, 'spread')
  const rows: ManifestSegment[] = []
  const ownerOf = new Map<string, string>()
  for (const [at, peer] of peerIds.entries()) {
    const own = set.documents.filter((_, document) => owners[document] === at)
    for (const part of cut(own, init.segmentsByPeer)) {
      const row = writeDocuments(spread, part)
      rows.push(row)
      ownerOf.set(row.id, peer)
      held.get(peer)!.add(row.id)
      const others = members.filter((member) => member.peer !== peer)
      for (const holder of placeReplicas(row.id, others, init.replicas)) held.get(holder)!.add(row.id)
    }
  }
  const settings = { maxSegmentChunks: set.documents.length, dims: null }
  writeManifest(spread, { version: 1, generation: 1, settings, segments: rows })
  const whole = path.join(directory, 'central')
  writeManifest(whole, {
    version: 1,
    generation: 1,
    settings,
    segments: [writeDocuments(whole, set.documents)],
  })

  const index = createIndexReader(spread)
  const central = createIndexReader(whole)
  const segments = rows.map(({ id }) => ({ segment: id, sketch: readSketch(index.sketch(id)) }))
  const ownedBy = Map.groupBy(segments, ({ segment }) => ownerOf.get(segment)!)
  return {
    index,
    central,
    segments,
    holders: peerIds.map((peer) => ({
      peer,
      segments: [...held.get(peer)!],
      latencyMs: 5 + Math.floor(random() * 60),
      load: 0,
      isLocal: false,
    })),
    sketchBytes: peerIds.map((peer) =>
      (ownedBy.get(peer) ?? []).reduce((sum, { sketch }) => sum + sketch.sizeBytes, 0),
    ),
    close() {
      index.close()
      central.close()
    },
  }
}

/** Into at most `parts` runs of like length, none of them empty. */
function cut<T>(list: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) =>
    list.slice(Math.floor((part * list.length) / parts), Math.floor(((part + 1) * list.length) / parts)),
  ).filter((run) => run.length > 0)
}

function writeDocuments(directory: string, documents: readonly JudgedText[]): ManifestSegment {
  const { id, header, sizeBytes } = writeSegment(directory, documents.map(indexedDocument))
  return {
    id,
    chunks: header.chunks,
    documents: header.documents,
    totalLength: header.totalLength,
    sizeBytes,
    deletedChunks: 0,
    deletedDocuments: 0,
    tombstones: null,
    isAway: false,
  }
}

/** One chunk a document, as published figures of these sets have it. */
function indexedDocument({ id, title, text }: JudgedText): IndexedDocument {
  return {
    record: {
      id,
      source: id,
      title: title === '' ? null : title,
      language: 'en',
      mediaType: 'text/plain',
      contentHash: createHash('sha256').update(text).digest('hex'),
      sizeBytes: Buffer.byteLength(text),
      modifiedAtMs: 0,
      fields: {},
    },
    chunks: [{ document: id, ordinal: 0, title, headings: [], text, page: null, start: 0, end: text.length }],
    vectors: null,
  }
}
