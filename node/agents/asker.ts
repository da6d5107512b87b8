/** On whose behalf an agent works, and what they may cause. */

/**
 * What a key of the API, a person or a member may do; each holds those before it:
 * `read` sees, `ask` makes this node think (search, answers, generation), `operate` starts and changes work, `admin` the rest.
 */
export const SCOPES = ['read', 'ask', 'operate', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

export interface Asker {
  /** `owner`: whoever has the node's own token; `key`: a key that the owner made; `member`: another node of the village. */
  readonly kind: 'owner' | 'key' | 'member'
  /** `owner`, the id of a key, or a peer ID. */
  readonly id: string
  readonly scope: Scope
}

export function scopeAllows(given: Scope, needed: Scope): boolean {
  return SCOPES.indexOf(given) >= SCOPES.indexOf(needed)
}
