/**
 * Whether members have what they say they hold. It costs nothing to claim a segment, and a claim that is believed keeps others from
 * making a copy. So the member next in line for a segment, and one that is about to drop its copy, asks the holders for a few
 * passages, and compares them with its own copy or with what the owner shows.
 */
import { toVillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { StoredChunk } from '../search-types.ts'
import { decodeChunk } from './answer-wire.ts'
import type { LiveRecord } from './catalogue.ts'
import type { RecordSegment } from './collection-record.ts'
import type { PeerLinks } from './peer-links.ts'
import { encodeChunksRequest } from './query-wire.ts'
import type { ReplicaStore } from './replica-store.ts'
import { inCollection, segmentKey } from './segment-key.ts'

export interface Claim {
  readonly peer: string
  readonly record: LiveRecord
  readonly segment: RecordSegment
}

export interface HolderAudits {
  start(): void
  stop(): Promise<void>
  /** It showed something else, or nothing: until a later look finds it there. */
  isDoubted(peer: string, key: string): boolean
  /** It has shown passages lately. */
  isProven(peer: string, key: string): boolean
  /** Looks at some of these that have not been looked at lately; what is found counts from then on. */
  look(claims: readonly Claim[]): void
}

interface Components {
  readonly links: Pick<PeerLinks, 'ask'>
  readonly host: Pick<IndexHost, 'chunks'>
  readonly replicas: Pick<ReplicaStore, 'holds' | 'directoryOf'>
  /** Members that are here now, this node not among them. */
  readonly present: () => ReadonlySet<string>
  /** Something has come out that was not known before. */
  readonly onFound: () => void
  readonly log: Log
}

interface Init {
  readonly now: () => number
  readonly random: () => number
}

/** Passages that a holder has to show. */
const SHOWN = 4
const AT_ONCE = 2
/** What cannot be compared now (nobody answers) is tried again soon, what was found later. */
const RETRY_MS = 60_000
const DOUBTED_MS = 10 * 60_000
const PROVEN_MS = 3_600_000
const ASK_TIMEOUT_MS = 10_000

interface Finding {
  /** Null: nothing could be compared. */
  readonly holds: boolean | null
  readonly atMs: number
}

export function createHolderAudits(components: Components, init: Init): HolderAudits {
  const { links, host, replicas, present, onFound, log } = components
  /** By peer and key. */
  const findings = new Map<string, Finding>()
  const looking = new Map<string, Promise<void>>()
  let stopping = new AbortController()
  const nameOf = (peer: string, key: string) => `${peer} ${key}`

  function isDue(name: string): boolean {
    const finding = findings.get(name)
    if (finding === undefined) return !looking.has(name)
    const restMs = finding.holds === null ? RETRY_MS : finding.holds ? PROVEN_MS / 2 : DOUBTED_MS
    return !looking.has(name) && init.now() - finding.atMs >= restMs
  }

  async function show(peer: string, claim: Claim, chunks: readonly number[], signal: AbortSignal) {
    const references = chunks.map((chunk) => ({ segment: claim.segment.id, chunk }))
    const request = encodeChunksRequest(inCollection(claim.record.id, references))
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)])
    return (await links.ask(peer, request, limit)).chunks.map(decodeChunk)
  }

  /** By this node's copy or the owner's; empty where neither can be had. */
  async function truth(claim: Claim, chunks: readonly number[], signal: AbortSignal): Promise<StoredChunk[]> {
    const { record, segment } = claim
    if (replicas.holds(record.id, segment.id)) {
      const references = chunks.map((chunk) => ({ segment: segment.id, chunk }))
      const own = await host.chunks(replicas.directoryOf(record.id), references)
      return own.filter((chunk) => chunk !== null)
    }
    return claim.peer !== record.owner && present().has(record.owner)
      ? await show(record.owner, claim, chunks, signal)
      : []
  }

  async function audit(claim: Claim, signal: AbortSignal): Promise<boolean | null> {
    const gone = new Set(claim.segment.deletions)
    const chunks = [
      ...new Set(
        Array.from({ length: 2 * SHOWN }, () => Math.floor(init.random() * claim.segment.chunks)).filter(
          (chunk) => !gone.has(chunk),
        ),
      ),
    ].slice(0, SHOWN)
    try {
      const right = await truth(claim, chunks, signal)
      if (right.length === 0) return null
      const shown = new Map((await show(claim.peer, claim, chunks, signal)).map((one) => [one.chunk, one]))
      return right.every((chunk) => isSame(chunk, shown.get(chunk.chunk)))
    } catch (error) {
      log.debug({ err: toVillageError(error), peer: claim.peer }, 'a holder could not be looked at')
      return null
    }
  }

  function begin(name: string, claim: Claim): void {
    const { signal } = stopping
    const work = audit(claim, signal).then((holds) => {
      looking.delete(name)
      if (signal.aborted) return
      const before = findings.get(name)?.holds ?? null
      findings.set(name, { holds: holds ?? before, atMs: init.now() })
      if (holds === false)
        log.warn({ peer: claim.peer, segment: claim.segment.id }, 'a member does not hold what it says')
      if (holds !== null && holds !== before) onFound()
    })
    looking.set(name, work)
  }

  return {
    start() {
      stopping = new AbortController()
    },
    async stop() {
      stopping.abort()
      await Promise.all(looking.values())
    },
    isDoubted: (peer, key) => findings.get(nameOf(peer, key))?.holds === false,
    isProven(peer, key) {
      const finding = findings.get(nameOf(peer, key))
      return finding?.holds === true && init.now() - finding.atMs < PROVEN_MS
    },
    look(claims) {
      for (const claim of claims) {
        if (looking.size >= AT_ONCE) break
        const name = nameOf(claim.peer, segmentKey(claim.record.id, claim.segment.id))
        if (present().has(claim.peer) && isDue(name)) begin(name, claim)
      }
      if (findings.size > claims.length + MAX_FORGOTTEN) forget(claims)
    },
  }

  /** What is asked about no more. */
  function forget(claims: readonly Claim[]): void {
    const names = new Set(
      claims.map(({ peer, record, segment }) => nameOf(peer, segmentKey(record.id, segment.id))),
    )
    for (const name of findings.keys()) if (!names.has(name)) findings.delete(name)
  }
}

const MAX_FORGOTTEN = 10_000

function isSame(a: StoredChunk, b: StoredChunk | undefined): boolean {
  return b !== undefined && a.text === b.text && a.document === b.document && a.ordinal === b.ordinal
}
