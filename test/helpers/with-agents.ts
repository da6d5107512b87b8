/** A test's API whose agents, rows and tools are the test's own. */
import * as assert from 'uvu/assert'
import { startTestApi, type TestApi } from './api-server.ts'
import { memoryAgents } from './memory-agents.ts'

export async function withAgents(
  given: Parameters<typeof memoryAgents>[0],
  work: (api: TestApi) => Promise<void>,
): Promise<void> {
  const api = await startTestApi({ services: memoryAgents(given) })
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

/** The secret of a new key. */
export async function keyOf(api: TestApi, scope: string): Promise<string> {
  const { json, status } = await api.ask('/api/v1/keys', { method: 'POST', body: { name: scope, scope } })
  assert.is(status, 201)
  return json.secret
}
