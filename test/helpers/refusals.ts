/** Whether a reader of records refuses bytes, as it may. */
import * as assert from 'uvu/assert'
import { VillageError } from '../../node/errors.ts'

/** Reads what is no record any more: refused with one of the two codes for that, or else it must be what was written. */
export function isRefused(read: () => unknown): boolean {
  try {
    read()
    return false
  } catch (error) {
    if (!(error instanceof VillageError)) throw error
    assert.ok(error.code === 'LEDGER_MALFORMED' || error.code === 'LEDGER_UNSIGNED', error.code)
    return true
  }
}
