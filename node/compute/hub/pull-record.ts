/** What is kept of a pull, so that it goes on after a crash. */
import { createHash } from 'node:crypto'
import { canonicalJson, type JsonObject } from '../../json.ts'
import type { HubFile } from './hub-api.ts'

/** What was asked for; equal requests are one pull. */
export interface PullRequest extends JsonObject {
  readonly kind: 'hub' | 'village'
  /** `OWNER/NAME` of a hub, or the CID of a shared model. */
  readonly name: string
  readonly revision: string
  /** URL of the hub; empty for the village. */
  readonly hub: string
  readonly file: string | null
  readonly include: readonly string[]
  readonly weightsOnly: boolean
  readonly adapters: boolean
  readonly id: string | null
}

/** `interrupted`: the daemon stopped, it goes on by itself. `failed` ones go on when they are asked for again. */
export type PullState = 'running' | 'interrupted' | 'done' | 'failed'

export interface PullRecord {
  readonly id: string
  readonly request: PullRequest
  readonly state: PullState
  readonly startedAtMs: number
  readonly finishedAtMs: number | null
  /** Of a hub: which commit the revision was when the pull began. */
  readonly commit: string | null
  readonly doneBytes: number
  /** 0 until it is known. */
  readonly totalBytes: number
  /** What it is at, for people. */
  readonly stage: string
  /** Id of the model that came of it. */
  readonly model: string | null
  readonly error: { readonly code: string; readonly message: string } | null
}

export interface StoredPull extends PullRecord {
  readonly files: readonly HubFile[] | null
}

const ID_LENGTH = 16

export function pullId(request: PullRequest): string {
  return createHash('sha256').update(canonicalJson(request)).digest('hex').slice(0, ID_LENGTH)
}

export function newPull(request: PullRequest, nowMs: number): StoredPull {
  return {
    id: pullId(request),
    request,
    state: 'running',
    startedAtMs: nowMs,
    finishedAtMs: null,
    commit: null,
    doneBytes: 0,
    totalBytes: 0,
    stage: 'asking',
    model: null,
    error: null,
    files: null,
  }
}

/** Without what only the pull itself needs. */
export function pullView({ files: _, ...record }: StoredPull): PullRecord {
  return record
}
