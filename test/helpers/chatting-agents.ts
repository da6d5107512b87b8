/** Agents that play a small part each way: stream a text, cite, call a tool that needs approval, or think until they are cancelled. */
import type { AgentName, AgentRow } from '../../node/agents/agent.ts'
import type { EvidencePack } from '../../node/agents/evidence.ts'
import type { Policy } from '../../node/agents/loop/policy.ts'
import type { Tool } from '../../node/agents/tools/tool.ts'
import { own, type RecordingTool, toolNamed } from './agent-parts.ts'
import { type MemoryAgents, memoryAgents } from './memory-agents.ts'

const EVIDENCE: EvidencePack = {
  question: 'q',
  queries: ['q'],
  items: [1, 2].map((number) => ({
    ...{
      number,
      collection: 'notes',
      document: 'd',
      title: `Paper ${number}`,
      source: `p${number}.pdf`,
      page: number,
    },
    ...{ headings: [], start: 0, end: 1, text: 'x', score: 1, vouchedBy: [] },
  })),
  confidence: 0.9,
  threshold: 0.5,
  isFound: true,
  missing: [],
}

export interface ChattingAgents extends MemoryAgents {
  readonly writes: RecordingTool
  /** Resolves when an agent begins to think without end. */
  readonly thinking: Promise<void>
}

/** `tools`: more of them; `file` has the king write `notes/a.md` by one that is called `file_write`. */
export function chattingAgents({ tools = [] }: { tools?: readonly Tool[] } = {}): ChattingAgents {
  const thinking = Promise.withResolvers<void>()
  const reads = toolNamed('note_read', { run: async () => own({}, 'read one note') })
  const writes = toolNamed('note_write', {
    effect: 'change',
    scope: 'operate',
    run: async () => own({}, 'wrote it'),
  })
  const policy: (name: AgentName) => Policy = (name) => ({
    model: null,
    async next({ messages, observations }, signal, onText) {
      const said = messages.at(-1)?.content ?? ''
      const call = (tool: string, given = {}) => ({
        action: { kind: 'call' as const, calls: [{ tool, arguments: given, reason: 'it is the part' }] },
        usage: null,
      })
      if (said === 'think') {
        thinking.resolve()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      if (said === 'file' && observations.length === 0)
        return call('file_write', { path: 'notes/a.md', content: 'one\nTWO <b>\nthree\n', replace: true })
      if (said === 'write' && observations.length === 0)
        return call('note_write', { text: 'hello', to: 'a.md' })
      if (said === 'cite') {
        if (observations.length === 0) return call('note_read', { name: 'a' })
        return { action: { kind: 'answer', text: 'It is so [2].', evidence: EVIDENCE }, usage: null }
      }
      const outcome = observations.at(-1)?.outcome.kind
      const text = outcome === undefined ? `${name} heard ${messages.length}: ${said}` : `it was ${outcome}`
      for (const part of text.split(/(?<= )/)) onText(part)
      return { action: { kind: 'answer', text }, usage: null }
    },
  })
  const rows: AgentRow[] = (['king', 'sage'] as const).map((name) => ({
    ...{ name, description: `${name} of the test`, tools: ['*'] },
    policy: () => policy(name),
  }))
  return {
    ...memoryAgents({ rows, tools: () => [reads, writes, ...tools] }),
    writes,
    thinking: thinking.promise,
  }
}
