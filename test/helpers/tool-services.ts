/** The tools of a node over services in memory, with a job queue that can be waited for. */
import type { Asker } from '../../node/agents/asker.ts'
import { createTools, type ToolInit } from '../../node/agents/tools/table.ts'
import type { Tool, ToolContext, ToolResult } from '../../node/agents/tools/tool.ts'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import type { Jobs } from '../../node/compute/jobs/jobs.ts'
import type { JsonObject } from '../../node/json.ts'
import { createMemoryServices, type MemoryServices } from './memory-services.ts'

export interface ToolServices {
  readonly services: MemoryServices
  readonly tools: readonly Tool[]
  readonly progress: string[]
  tool(name: string): Tool
  run(name: string, given: JsonObject, context?: Partial<ToolContext>): Promise<ToolResult>
}

const OWNER: Asker = { kind: 'owner', id: 'owner', scope: 'admin' }

/** As the real queue has it, over the events of the one in memory. */
export function waitable({
  jobs,
  events,
}: Pick<MemoryServices, 'jobs' | 'events'>): MemoryServices['jobs'] & Pick<Jobs, 'wait'> {
  return {
    ...jobs,
    wait(id, { signal }) {
      const over = Promise.withResolvers<JobSummary>()
      const look = () => {
        const job = jobs.get(id)!
        if (job.state !== 'running') over.resolve(job)
      }
      const unsubscribe = events.subscribe((event) => {
        if (event.type === 'job:changed' && event.data.job === id) look()
      })
      const abort = () => over.reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      if (signal.aborted) abort()
      else look()
      return over.promise.finally(() => {
        unsubscribe()
        signal.removeEventListener('abort', abort)
      })
    },
  }
}

export function createToolServices(init: Partial<ToolInit> = {}): ToolServices {
  const services = createMemoryServices()
  const { collections } = services
  const progress: string[] = []
  const tools = createTools(
    {
      ...services,
      jobs: waitable(services),
      mesh: { ...services.mesh, peerId: services.identity.peerId },
      collections: { ...collections, get: (name) => collections.need(name).catch(() => null) },
      twin: { ...services.twin, named: () => [] },
      sandbox: { run: () => Promise.reject(new Error('no program is run here')) },
    },
    { folders: [], dataDirectory: '/nonexistent', version: '1.2.3', now: () => 1_000_000_000_000, ...init },
  )
  const tool = (name: string): Tool => tools.find((one) => one.name === name)!
  return {
    services,
    tools,
    progress,
    tool,
    run: (name, given, context = {}) =>
      tool(name).run(given, {
        asker: OWNER,
        request: 'r1',
        seesPrivate: true,
        staysHere: false,
        countTokens: () => {},
        signal: new AbortController().signal,
        progress: (message) => progress.push(message),
        ...context,
      }),
  }
}
