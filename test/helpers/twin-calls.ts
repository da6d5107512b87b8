/** How to call the routes of the Twin and of conversations so that they succeed (test/api/routes.test.ts). */
import type { TestApi } from './api-server.ts'
import type { Call } from './federated-calls.ts'

const conversation = async ({ ask }: TestApi): Promise<string> =>
  (await ask('/api/v1/conversations', { method: 'POST' })).json.id

const memory = async ({ services: { twin } }: TestApi): Promise<string> =>
  (await twin.remember({ text: 'I prefer metric units' })).memory.id

export const TWIN_CALLS: Record<string, (server: TestApi) => Promise<Call>> = {
  listConversations: async (server) => {
    await conversation(server)
    return { path: '/api/v1/conversations' }
  },
  createConversation: async () => ({ path: '/api/v1/conversations' }),
  getConversation: async (server) => {
    const id = await conversation(server)
    const body = { text: 'hello', approvals: 'refuse' }
    await server.ask(`/api/v1/conversations/${id}/ask`, { method: 'POST', body })
    return { path: `/api/v1/conversations/${id}` }
  },
  renameConversation: async (server) => ({
    path: `/api/v1/conversations/${await conversation(server)}`,
    body: { title: 'The roof' },
  }),
  eraseConversation: async (server) => ({ path: `/api/v1/conversations/${await conversation(server)}` }),
  cancelAnswer: async (server) => ({ path: `/api/v1/conversations/${await conversation(server)}/cancel` }),
  askInConversation: async (server) => ({
    path: `/api/v1/conversations/${await conversation(server)}/ask`,
    body: { text: 'hello', agent: 'king', model: null, limits: { turns: 3 }, approvals: 'refuse' },
  }),
  listMemories: async (server) => {
    await memory(server)
    return { path: '/api/v1/twin?query=units&limit=5' }
  },
  addMemory: async () => ({ path: '/api/v1/twin', body: { text: 'My sister is called Ada', kind: 'fact' } }),
  editMemory: async (server) => ({
    path: `/api/v1/twin/${await memory(server)}`,
    body: { text: 'I prefer imperial units' },
  }),
  forgetMemory: async (server) => ({ path: `/api/v1/twin/${await memory(server)}` }),
  exportMemories: async (server) => {
    await memory(server)
    return { path: '/api/v1/twin/export' }
  },
  eraseTwin: async (server) => {
    await memory(server)
    return { path: '/api/v1/twin' }
  },
}
