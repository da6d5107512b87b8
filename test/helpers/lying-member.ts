/** A member that speaks the protocols of collections and search as it pleases. */
import { NO_ANSWER } from '../../node/agents/rag/village/answer-wire.ts'
import type { CollectionRecord } from '../../node/agents/rag/village/collection-record.ts'
import { loadIdentity } from '../../node/identity.ts'
import { publicKeyOf, type Signer, signerFromIdentity } from '../../node/mesh/membership/keys.ts'
import {
  CataloguePage,
  COLLECTIONS_PROTOCOL,
  COLLECTIONS_TOPIC,
  CollectionsAnnouncement,
  CollectionsRequest,
  CollectionsRequestKind,
  HoldingsPage,
  RecordsPage,
} from '../../node/mesh/protocols/collections.ts'
import { SEARCH_PROTOCOL, SearchRequestFrame, SearchResponseFrame } from '../../node/mesh/protocols/search.ts'
import { type MeshNode, startMeshNode, TEST_LOG, temporaryDirectory } from './mesh.ts'

export interface LyingMember {
  readonly mesh: MeshNode
  readonly peer: string
  readonly signer: Signer
  /** What it says; change it, then announce. */
  readonly says: {
    records: CollectionRecord[]
    /** Keys of segments, hexadecimal. */
    holds: string[]
    capacityBytes: number
    answer: (
      request: SearchRequestFrame,
    ) => Partial<SearchResponseFrame> | Promise<Partial<SearchResponseFrame>>
  }
  /** Questions so far: frequencies, searches, passages. */
  readonly asked: { statistics: number; search: number; chunks: number }
  announce(): Promise<void>
}

/** With a peer ID before all of `others`: of holders that nobody has asked yet, it is asked first. */
async function directoryBefore(others: readonly string[]): Promise<string> {
  for (;;) {
    const directory = await temporaryDirectory()
    const { peerId } = await loadIdentity({ log: TEST_LOG }, { directory })
    if (others.every((other) => peerId < other)) return directory
  }
}

export async function startLyingMember(name: string, others: readonly string[] = []): Promise<LyingMember> {
  const says: LyingMember['says'] = { records: [], holds: [], capacityBytes: 0, answer: () => ({}) }
  const asked = { statistics: 0, search: 0, chunks: 0 }
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
  let signer: Signer | null = null
  let announced = 0
  const mesh = await startMeshNode({
    name,
    directory: await directoryBefore(others),
    prepare(mesh, { identity }) {
      signer = signerFromIdentity(identity.privateKey)
      mesh.subscribe(COLLECTIONS_TOPIC, {
        ...{ maxBytes: 256, validate: () => 'ignore', handle: () => undefined },
      })
      mesh.handle(COLLECTIONS_PROTOCOL, async (stream) => {
        for (;;) {
          const request = await stream.receive(CollectionsRequest)
          if (request === null) return
          const { records, holds, capacityBytes } = says
          if (request.kind === CollectionsRequestKind.catalogue) {
            const entries = records.map(({ owner, id, generation, hash }) => ({
              ...{ owner: publicKeyOf(owner), id: bytes(id), generation, hash: bytes(hash) },
            }))
            await stream.send(CataloguePage, { entries, more: false })
          } else if (request.kind === CollectionsRequestKind.records)
            await stream.send(RecordsPage, { records: records.map((record) => record.bytes), more: false })
          else {
            const whole = { more: false, partial: false, buckets: [] }
            const page = { segments: holds.map(bytes), capacityBytes, usedBytes: 0, ...whole }
            await stream.send(HoldingsPage, page)
          }
        }
      })
      mesh.handle(SEARCH_PROTOCOL, async (stream) => {
        for (;;) {
          const request = await stream.receive(SearchRequestFrame)
          if (request === null) return
          asked[request.statistics ? 'statistics' : request.search ? 'search' : 'chunks'] += 1
          await stream.send(SearchResponseFrame, { ...NO_ANSWER, ...(await says.answer(request)) })
        }
      })
    },
  })
  return {
    ...{ mesh, says, asked, signer: signer!, peer: mesh.mesh.peerId },
    async announce() {
      const digest = new Uint8Array(32).fill(++announced)
      // As versions do that say nothing of their own records.
      const own = new Uint8Array(0)
      const announcement = { timeMs: Date.now(), catalogue: digest, holdings: digest, own }
      await mesh.mesh.publish(COLLECTIONS_TOPIC, CollectionsAnnouncement.encode(announcement))
    },
  }
}
