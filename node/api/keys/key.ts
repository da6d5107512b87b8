/** What is known of a key of the API: never the secret itself. */
import type { Scope } from '../../agents/asker.ts'

/** null: no limit. */
export interface KeyLimits {
  readonly requestsByMinute: number | null
  readonly requestsByDay: number | null
  /** Tokens of prompts and answers together. A request that begins below the quota is finished. */
  readonly tokensByDay: number | null
}

export interface KeyUsage {
  readonly requests: number
  readonly promptTokens: number
  readonly completionTokens: number
}

export interface Key extends KeyLimits {
  readonly id: string
  readonly name: string
  readonly scope: Scope
  readonly createdAtMs: number
  readonly expiresAtMs: number | null
  readonly lastUsedAtMs: number | null
  /** Since midnight UTC. */
  readonly today: KeyUsage
  readonly total: KeyUsage
}

export const NO_USAGE: KeyUsage = { requests: 0, promptTokens: 0, completionTokens: 0 }
export const DAY_MS = 86_400_000
export const MINUTE_MS = 60_000

/** `[a-z0-9][a-z0-9._-]{0,63}`: how the owner calls it. */
export const KEY_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/
/** Where the secret can be told from other texts, by people and by scanners of leaked secrets. */
export const SECRET_PREFIX = 'vk_'
