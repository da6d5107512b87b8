/** How to call the routes of runs and federations so that they succeed (test/api/routes.test.ts). */
import { fileURLToPath } from 'node:url'
import { LEDGER_MEDIA_TYPE } from '../../node/api/routes/runs.ts'
import type { Ask, TestApi } from './api-server.ts'

export type Call = Ask & { path: string }

const TOY_RUN = {
  name: 'toy',
  workload: { kind: 'toy', options: { items: 8 } },
  strategy: { name: 'tournament', options: {} },
  population: 4,
  limits: { generations: 2 },
}

async function run({ services }: TestApi): Promise<string> {
  return (await services.rounds.announce(TOY_RUN, new AbortController().signal)).run
}

const GOALS_FILE = fileURLToPath(new URL('../../docs/examples/self-evolution.yaml', import.meta.url))

const FEDERATION = { name: 'digits', strategy: 'fedavg', rounds: 2 }

const federation = async ({ services }: TestApi): Promise<string> =>
  (await services.federations.begin(FEDERATION, { simulate: true })).id

export const FEDERATED_CALLS: Record<string, (server: TestApi) => Promise<Call>> = {
  listRuns: async (server) => {
    await run(server)
    return { path: '/api/v1/runs' }
  },
  announceRun: async () => ({ path: '/api/v1/runs', body: { spec: TOY_RUN } }),
  getRun: async (server) => ({ path: `/api/v1/runs/${await run(server)}` }),
  getRunState: async (server) => ({ path: `/api/v1/runs/${await run(server)}/state` }),
  reportRun: async (server) => ({ path: `/api/v1/runs/${await run(server)}/report` }),
  controlRun: async (server) => ({
    path: `/api/v1/runs/${await run(server)}/control`,
    body: { action: 'pause' },
  }),
  removeRun: async (server) => ({ path: `/api/v1/runs/${await run(server)}` }),
  suggestCandidate: async (server) => ({
    path: `/api/v1/runs/${await run(server)}/candidates`,
    body: { genome: { x: [0.1, 0.2, 0.3, 0.4] } },
  }),
  listBlocks: async (server) => ({ path: `/api/v1/runs/${await run(server)}/blocks?from=1&limit=5` }),
  exportLedger: async (server) => ({ path: `/api/v1/runs/${await run(server)}/ledger` }),
  verifyRun: async (server) => ({ path: `/api/v1/runs/${await run(server)}/verify` }),
  verifyLedger: async (server) => ({
    path: '/api/v1/ledgers/verify',
    body: await server.services.rounds.exportLedger(await run(server)),
    headers: { 'content-type': LEDGER_MEDIA_TYPE },
  }),
  listFederations: async (server) => {
    await federation(server)
    return { path: '/api/v1/federations' }
  },
  beginFederation: async () => ({
    path: '/api/v1/federations',
    body: { config: FEDERATION, simulate: true },
  }),
  getFederation: async (server) => ({ path: `/api/v1/federations/${await federation(server)}` }),
  stopFederation: async (server) => ({
    path: `/api/v1/federations/${await federation(server)}/stop`,
    body: { publish: true },
  }),
  removeFederation: async (server) => ({ path: `/api/v1/federations/${await federation(server)}` }),
  listExamples: async () => ({ path: '/api/v1/examples' }),
  readRecipe: async () => ({
    path: '/api/v1/recipes',
    body: { kind: 'federation', text: 'rounds: 2\nsimulation: { clients: 4 }' },
  }),
  readGoals: async () => ({ path: '/api/v1/recipes/goals', body: { path: GOALS_FILE } }),
  getSelfEvolution: async () => ({ path: '/api/v1/self-evolution' }),
  getGoalHistory: async () => ({ path: '/api/v1/self-evolution/notes' }),
  runGoal: async () => ({ path: '/api/v1/self-evolution/notes/run' }),
  rollbackGoal: async () => ({ path: '/api/v1/self-evolution/notes/rollback', body: { version: 1 } }),
  resumeGoal: async () => ({ path: '/api/v1/self-evolution/notes/resume' }),
}
