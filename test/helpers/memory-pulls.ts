/** Pulls without a hub, for tests of the API and of the command line: they stay under way until they are told to end. */
import { newPull, type PullRecord, pullView } from '../../node/compute/hub/pull-record.ts'
import type { Pulls } from '../../node/compute/hub/pulls.ts'
import { VillageError } from '../../node/errors.ts'
import type { Events } from '../../node/events.ts'

const NOW_MS = 1_800_000_000_000

export interface MemoryPulls extends Pick<Pulls, 'pull' | 'list' | 'need' | 'cancel'> {
  change(id: string, fields: Partial<PullRecord>): void
}

export function memoryPulls(components: { events: Pick<Events, 'emit'> }): MemoryPulls {
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
    change(id, fields) {
      const record = { ...need(id), ...fields }
      pulls.set(id, record)
      const { request, state, stage, doneBytes, totalBytes, model } = record
      components.events.emit('pull:changed', {
        pull: id,
        name: request.name,
        state,
        stage,
        doneBytes,
        totalBytes,
        model,
      })
    },
  }
}
