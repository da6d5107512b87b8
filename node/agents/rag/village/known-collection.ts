/** A collection as this node knows it: its own, or what the signed record of another member says. */
import type { CollectionAccess } from '../collections/collection.ts'

export interface KnownCollection {
  /** 32 hexadecimal digits. */
  readonly id: string
  readonly name: string
  /** How a search names it: `name` of an own one, `name@peer` of another's. */
  readonly label: string
  /** Peer ID. */
  readonly owner: string
  readonly isOwn: boolean
  readonly access: CollectionAccess
  /** CID of the model that made its vectors, or null. */
  readonly encoder: string | null
  /** ISO 639-1. */
  readonly languages: readonly string[]
  /** Share of the vectors in the fused score, 0 to 1. */
  readonly weight: number
  readonly documents: number
  readonly chunks: number
  readonly sizeBytes: number
  readonly segments: number
  /** Members that each segment is meant to lie with, the owner not counted. */
  readonly replicas: number
  /** Of the segment that the fewest have: members that are here now, this node included. 0: a part cannot be searched. */
  readonly holdersPresent: number
  /** Segments that nobody who is here now holds. */
  readonly missingSegments: number
  /** Segments that this node holds. */
  readonly localSegments: number
  /** Of the owner's latest word. */
  readonly updatedAtMs: number
  /** Of an own one: why the village does not learn what it is now. */
  readonly problem: { readonly code: string; readonly message: string } | null
}
