/** Paths of this machine as the asker writes them. The daemon has a working directory of its own, so that relative ones mean nothing. */
import { homedir } from 'node:os'
import path from 'node:path'
import { VillageError } from '../../errors.ts'

/** Absolute and normal; `~/` is the home of whoever runs the daemon. Throws INVALID_ARGUMENT. */
export function ownPath(given: string, argument: string): string {
  const whole = given === '~' || given.startsWith('~/') ? path.join(homedir(), given.slice(1)) : given
  if (path.isAbsolute(whole) && !whole.includes('\0')) return path.resolve(whole)
  throw new VillageError('INVALID_ARGUMENT', `${argument} must be an absolute path, or begin with ~/`, {
    fields: { argument },
  })
}
