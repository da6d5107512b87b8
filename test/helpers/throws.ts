/** Assertions on errors by code: messages are for people and may change. */
import * as assert from 'uvu/assert'
import { type ErrorCode, VillageError } from '../../node/errors.ts'

function check(error: unknown, code: ErrorCode): void {
  if (!(error instanceof VillageError)) throw error
  assert.is(error.code, code, `${error.code}: ${error.message}`)
}

export function throwsCode(work: () => unknown, code: ErrorCode): VillageError {
  try {
    work()
  } catch (error) {
    check(error, code)
    return error as VillageError
  }
  return assert.unreachable(`nothing was thrown; expected ${code}`) as never
}

export async function rejectsCode(work: Promise<unknown>, code: ErrorCode): Promise<VillageError> {
  try {
    await work
  } catch (error) {
    check(error, code)
    return error as VillageError
  }
  return assert.unreachable(`nothing was thrown; expected ${code}`) as never
}
