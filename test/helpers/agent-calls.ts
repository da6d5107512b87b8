/** How to call the routes of agents so that they succeed (test/api/routes.test.ts). */
import type { TestApi } from './api-server.ts'
import type { Call } from './federated-calls.ts'
import { DECIDED } from './memory-agents.ts'

const asking = (content: string): object => ({ messages: [{ role: 'user', content }] })

/** A call that waits for a decision, with a request that waits for it. */
async function waiting({ ask, services }: TestApi): Promise<string> {
  // It is answered when the test's server closes at the latest: nobody waits for it here.
  ask('/api/v1/agents/king/ask', { method: 'POST', body: asking('write notes/a.md') }).catch(() => {})
  for (;;) {
    const [first] = services.approvals.list({ kind: 'owner', id: 'owner', scope: 'admin' })
    if (first !== undefined) return first.id
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

export const AGENT_CALLS: Record<string, (server: TestApi) => Promise<Call>> = {
  listAgents: async () => ({ path: '/api/v1/agents' }),
  askAgent: async () => ({
    path: '/api/v1/agents/king/ask',
    body: { ...asking('hello'), model: null, limits: { turns: 3 }, approvals: 'refuse' },
  }),
  listChatModels: async () => ({ path: '/api/v1/chat-models' }),
  listTools: async () => ({ path: '/api/v1/tools' }),
  listApprovals: async (server) => {
    await waiting(server)
    return { path: '/api/v1/approvals' }
  },
  previewApproval: async (server) => ({ path: `/api/v1/approvals/${await waiting(server)}/preview` }),
  decideApproval: async (server) => ({
    path: `/api/v1/approvals/${await waiting(server)}`,
    body: { decision: 'deny' },
  }),
  listAudit: async (server) => {
    await server.ask('/api/v1/agents/king/ask', {
      method: 'POST',
      body: { ...asking('write notes/a.md'), approvals: 'refuse' },
    })
    return { path: '/api/v1/audit?limit=5&tool=file_write' }
  },
  clearAudit: async () => ({ path: '/api/v1/audit' }),
  listDecisions: async () => ({ path: '/api/v1/decisions?limit=5' }),
  getDecision: async () => ({ path: `/api/v1/decisions/${DECIDED}` }),
}
