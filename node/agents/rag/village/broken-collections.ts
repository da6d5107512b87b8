/** Own collections that cannot be read: a search that leaves one out says so, and one that names it fails with the reason. */
import { type ErrorCode, isErrorCode, VillageError } from '../../../errors.ts'
import type { SearchBackend } from '../search-types.ts'

export interface BrokenCollection {
  readonly id: string
  readonly name: string
  /** As far as is known. */
  readonly chunks: number
  /** An error code. */
  readonly reason: string
}

const errorOf = ({ name, reason }: BrokenCollection): VillageError => {
  const code: ErrorCode = isErrorCode(reason) ? reason : 'INTERNAL'
  return new VillageError(
    code,
    `The collection "${name}" cannot be read: ${new VillageError(code).message}`,
    {
      fields: { collection: name },
    },
  )
}

/**
 * Those that a search goes without. Throws the reason of one that is named, and of one where nothing else is there to be searched:
 * neither is then unknown or empty.
 */
export function brokenAmong(
  broken: readonly BrokenCollection[],
  names: readonly string[] | undefined,
  isNothingElse: boolean,
): readonly BrokenCollection[] {
  const named = broken.find(({ id, name }) => names?.includes(id) === true || names?.includes(name) === true)
  if (named !== undefined) throw errorOf(named)
  if (isNothingElse && broken[0] !== undefined) throw errorOf(broken[0])
  return names === undefined ? broken : []
}

/** The same backend, whose first answer names them as missing. */
export function withBroken(backend: SearchBackend, broken: readonly BrokenCollection[]): SearchBackend {
  if (broken.length === 0) return backend
  const parts = broken.map(({ name, chunks, reason }) => ({ collection: name, segments: 0, chunks, reason }))
  return {
    ...backend,
    async statistics(terms, signal) {
      const answer = await backend.statistics(terms, signal)
      return { ...answer, missing: [...answer.missing, ...parts] }
    },
  }
}
