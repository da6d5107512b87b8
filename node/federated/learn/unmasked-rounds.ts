/**
 * Of which rounds an update of this node was in a secure sum. Two sums of one round with and without somebody would show the
 * difference, however the server makes the two look different: so rounds only rise, whatever else a task says. Kept for good, also when the
 * federation is forgotten.
 */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { JsonTable, Store } from '../../store.ts'

interface Unmasked extends JsonObject {
  /** The highest. */
  readonly round: number
  readonly rounds: number
}

export interface UnmaskedRounds {
  /** How many there were. Throws FEDERATION_ROUND_STALE for a round that is not above all of them. */
  check(federation: string, round: number): Promise<number>
  /** Of several that claim a round at the same moment one gets it. Durable when it resolves. Throws FEDERATION_ROUND_STALE. */
  claim(federation: string, round: number): Promise<void>
}

export function createUnmaskedRounds(store: Pick<Store, 'json'>): UnmaskedRounds {
  const table: JsonTable<Unmasked> = store.json('federate-unmasked')
  let last: Promise<unknown> = Promise.resolve()

  async function above(federation: string, round: number): Promise<number> {
    const { round: highest, rounds } = (await table.get(federation)) ?? { round: -1, rounds: 0 }
    if (round <= highest) throw new VillageError('FEDERATION_ROUND_STALE')
    return rounds
  }

  return {
    check: above,
    claim(federation, round) {
      const claimed = last.then(async () => {
        const rounds = await above(federation, round)
        await table.put(federation, { round, rounds: rounds + 1 }, { sync: true })
      })
      // One that is refused holds up nobody.
      last = claimed.catch(() => undefined)
      return claimed
    },
  }
}
