/** The strategies, by name. */
import { VillageError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import { cmaEsStrategy } from './cma-es.ts'
import { mapElitesStrategy } from './map-elites.ts'
import { nsga2Strategy } from './nsga2.ts'
import type { SearchStrategy } from './strategy.ts'
import { tournamentStrategy } from './tournament.ts'

const ROWS: readonly SearchStrategy[] = [tournamentStrategy, cmaEsStrategy, nsga2Strategy, mapElitesStrategy]

export const STRATEGIES: Readonly<Record<string, SearchStrategy>> = Object.fromEntries(
  ROWS.map((row) => [row.name, row]),
)

/** Throws INVALID_ARGUMENT, with the nearest known name. */
export function strategyNamed(name: string): SearchStrategy {
  const found = ROWS.find((row) => row.name === name)
  if (found !== undefined) return found
  const names = ROWS.map((row) => row.name)
  const near = nearest(name, names)
  throw new VillageError(
    'INVALID_ARGUMENT',
    `There is no strategy "${name.slice(0, 64)}"${near === null ? `: one of ${names.join(', ')}` : `; did you mean "${near}"?`}`,
    { fields: { argument: 'strategy.name' } },
  )
}
