/** Federations in memory: they are begun, listed, stopped and forgotten, and no round is made. */
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import type { FederationView } from '../../node/federated/learn/federation-view.ts'
import { readFederateConfig } from '../../node/federated/learn/read-federate-spec.ts'

export function memoryFederations(init: {
  nowMs: number
}): Pick<ApiComponents, 'federations' | 'federateClient'> {
  const all = new Map<string, FederationView>()
  function need(id: string): FederationView {
    const found = all.get(id)
    if (found === undefined) throw new VillageError('FEDERATION_UNKNOWN')
    return found
  }
  return {
    federateClient: { list: async () => [] },
    federations: {
      async begin(given, { simulate }) {
        const config = readFederateConfig(given, simulate)
        const view: FederationView = {
          id: String(all.size + 1).padStart(32, '0'),
          config,
          modelCid: null,
          elements: 0,
          createdAtMs: init.nowMs,
          finishedAtMs: null,
          state: 'running',
          error: null,
          model: null,
          isSimulated: simulate,
          round: 0,
          attempt: 0,
          asked: 0,
          answered: 0,
          waiting: null,
          clients: {},
          testLossBefore: null,
          rounds: [],
        }
        all.set(view.id, view)
        return view
      },
      list: async () => [...all.values()].map(({ rounds: _rounds, ...summary }) => summary),
      get: async (id) => need(id),
      async end(id) {
        const view = need(id)
        if (view.state !== 'running') throw new VillageError('FEDERATION_ENDED')
        const stopped = { ...view, state: 'stopped', finishedAtMs: init.nowMs } as const
        all.set(id, stopped)
        return stopped
      },
      async remove(id) {
        need(id)
        all.delete(id)
      },
    },
  }
}
