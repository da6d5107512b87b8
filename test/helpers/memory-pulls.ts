/** Pulls without a hub, for tests of the API: they are taken and stay under way. */

import { newPull, type PullRecord, pullView } from '../../node/compute/hub/pull-record.ts'
import type { Pulls } from '../../node/compute/hub/pulls.ts'
import { VillageError } from '../../node/errors.ts'

const NOW_MS = 1_800_000_000_000

export function memoryPulls(): Pick<Pulls, 'pull' | 'list' | 'need' | 'cancel'> {
  const pulls = new Map<string, PullRecord>()
  const need = (id: string): PullRecord => {
    const found = pulls.get(id)
    if (found === undefined) throw new VillageError('PULL_UNKNOWN')
    return found
  }
  return {
    need,
    list: () => [...pulls.values()],
    async pull({ source, id = null, file = null, include = [], hub, weightsOnly = false, adapters = true }) {
      const [name = '', revision = 'main'] = source.split('@')
      const request = {
        kind: 'hub' as const,
        name,
        revision,
        hub: hub ?? 'https://hub.test',
        id,
        file,
        include,
        weightsOnly,
        adapters,
      }
      const record = pullView(newPull(request, NOW_MS))
      pulls.set(record.id, record)
      return record
    },
    async cancel(id) {
      need(id)
      pulls.delete(id)
    },
  }
}
