/**
 * Spans of artifacts (docs/observability.md): publishing, fetching with its verification, and serving, which is a part of the fetch on
 * another machine. Of an artifact they hold its CID and sizes, never its name.
 */
import { inSpan, isTracing, type Span, startSpan } from '../../tracing.ts'
import type { Role } from '../membership/records.ts'
import type { Manifest } from './manifest.ts'
import type { ArtifactInfo } from './records.ts'

const NAMES = {
  cid: 'village.artifact.cid',
  sizeBytes: 'village.artifact.size_bytes',
  leaves: 'village.artifact.leaves',
  sentBytes: 'village.artifact.sent_bytes',
  peer: 'village.peer',
} as const

const NO_CONTEXT = new Uint8Array(0)

/** What is added to this node: read, hashed and stored. */
export function publishSpan(add: () => Promise<ArtifactInfo>): Promise<ArtifactInfo> {
  return inSpan('publish artifact', {}, async (span) => {
    const info = await add()
    span.set({ [NAMES.cid]: info.cid, [NAMES.sizeBytes]: info.sizeBytes })
    return info
  })
}

export function fetchSpan(cid: string, fetch: (span: Span) => Promise<Manifest>): Promise<Manifest> {
  return inSpan('fetch artifact', { kind: 'client', attributes: { [NAMES.cid]: cid } }, async (span) => {
    const manifest = await fetch(span)
    span.set({ [NAMES.sizeBytes]: manifest.sizeBytes, [NAMES.leaves]: manifest.leaves.length })
    return manifest
  })
}

/** Blocks are held to their hashes as they come; here those that were there before are, and the sizes of all. */
export const verifySpan = <T>(verify: () => Promise<T>): Promise<T> => inSpan('verify artifact', {}, verify)

/** A provider sent what it should not have. */
export const noteRefused = (span: Span, peer: string, code: string): void =>
  span.event('provider refused', { [NAMES.peer]: peer, 'error.type': code })

/** For a provider: members are told what the request is a part of, guests are not. */
export const contextFor = (span: Span, role: Role | null): Uint8Array =>
  role === null || role === 'guest' ? NO_CONTEXT : (span.context ?? NO_CONTEXT)

export interface ServeSpan {
  sent(sizeBytes: number): void
  end(): void
}

const NO_SERVING: ServeSpan = { sent: () => {}, end: () => {} }

/** One root served on one stream. Who gives no context traces nothing, and this node nothing for it. */
export function serveSpan(init: {
  readonly cid: string
  readonly peer: string
  readonly role: Role
  readonly context: Uint8Array
}): ServeSpan {
  const { cid, peer, role, context } = init
  if (!isTracing() || context.byteLength === 0 || role === 'guest') return NO_SERVING
  const attributes = { [NAMES.cid]: cid, [NAMES.peer]: peer }
  const span = startSpan('serve artifact', { kind: 'server', parent: context, attributes })
  let sentBytes = 0
  return {
    sent(sizeBytes) {
      sentBytes += sizeBytes
    },
    end() {
      span.set({ [NAMES.sentBytes]: sentBytes })
      span.end()
    },
  }
}
