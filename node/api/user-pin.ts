/** Names of pins that a client may use: those with a colon (`model:…`, `job:…`, `work:…`) are the daemon's own. */
import { VillageError } from '../errors.ts'

/** Throws INVALID_ARGUMENT; `field` is where the name was given. */
export function checkUserPin(name: string | undefined, field: string): void {
  if (name?.includes(':') !== true) return
  throw new VillageError('INVALID_ARGUMENT', `${field} must have no colon: such pins are the daemon's own`, {
    fields: { field },
  })
}
