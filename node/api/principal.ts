/** Who sent a request, as the bearer token tells. */
import { type Asker, type Scope, scopeAllows } from '../agents/asker.ts'
import { VillageError } from '../errors.ts'

/** Fits where an agent's `Asker` is wanted. */
export interface Principal extends Asker {
  /** `owner`: the node's own token. `key`: one of keys.ts. Members do not come over HTTP. */
  readonly kind: 'owner' | 'key'
}

export const OWNER: Principal = { kind: 'owner', id: 'owner', scope: 'admin' }

/** Throws API_SCOPE. For what a route allows to some of those who may call it; the route's own scope is checked before. */
export function needScope(principal: Principal, needed: Scope): void {
  if (scopeAllows(principal.scope, needed)) return
  throw new VillageError('API_SCOPE', `This needs a key of scope ${needed}; the key has ${principal.scope}`, {
    fields: { needed, given: principal.scope },
  })
}
