/** How to call each route of the gateway so that it succeeds. */
import type { TestApi } from './api-server.ts'
import type { Call } from './federated-calls.ts'

async function response({ ask }: TestApi): Promise<string> {
  const { json } = await ask('/v1/responses', {
    method: 'POST',
    body: { model: 'echo', input: 'hello there' },
  })
  return json.id
}

export const GATEWAY_CALLS: Record<string, (server: TestApi) => Promise<Call>> = {
  listGatewayModels: async () => ({ path: '/v1/models' }),
  getGatewayModel: async () => ({ path: '/v1/models/king' }),
  createChatCompletion: async () => ({
    path: '/v1/chat/completions',
    body: { model: 'echo', messages: [{ role: 'user', content: 'hello there' }] },
  }),
  createResponse: async () => ({ path: '/v1/responses', body: { model: 'echo', input: 'hello there' } }),
  getResponse: async (server) => ({ path: `/v1/responses/${await response(server)}` }),
  deleteResponse: async (server) => ({ path: `/v1/responses/${await response(server)}` }),
  listResponseInput: async (server) => ({
    path: `/v1/responses/${await response(server)}/input_items?order=asc`,
  }),
  createEmbeddings: async ({ services }) => {
    await services.models.add({ embedded: 'encoder' })
    return { path: '/v1/embeddings', body: { model: 'encoder', input: ['one', 'two words'] } }
  },
}
