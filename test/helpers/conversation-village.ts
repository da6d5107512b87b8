/** Conversations over an agent that says what a test has it say, with the Twin beside them. */
import type { AgentAnswer, AgentEvent, AgentRequest } from '../../node/agents/agent.ts'
import type { Asker } from '../../node/agents/asker.ts'
import { type Conversations, createConversations } from '../../node/agents/conversations/conversations.ts'
import type { Kept, Speaker } from '../../node/agents/twin/erasure.ts'
import { createTwin, type Twin } from '../../node/agents/twin/twin.ts'
import { createLog } from '../../node/log.ts'
import type { SealedStore } from '../../node/sealed-store.ts'
import { memorySealedStore } from './memory-sealed-store.ts'
import { toyEncoder } from './toy-encoder.ts'

export const NEVER = new AbortController().signal
export const OWNER: Asker = { kind: 'owner', id: 'owner', scope: 'admin' }
export const KEY: Asker = { kind: 'key', id: 'k1', scope: 'ask' }
const log = createLog({ level: 'silent' })

type Ask = (
  request: AgentRequest,
  signal: AbortSignal,
  onEvent: (event: AgentEvent) => void,
) => Promise<Partial<AgentAnswer>>

export interface ConversationVillage {
  readonly conversations: Conversations
  readonly twin: Twin
  readonly store: SealedStore
  readonly requests: AgentRequest[]
  eraseAll(speaker: Speaker): Promise<void>
}

export function conversationVillage(
  init: { learns?: boolean; store?: SealedStore; ask?: Ask; now?: () => number } = {},
): ConversationVillage {
  const { store = memorySealedStore(), learns = false } = init
  const erasers: ((speaker: Speaker) => Promise<void>)[] = []
  const erasure = {
    onErase: (_: string, __: Kept, erase: (speaker: Speaker) => Promise<void>) => void erasers.push(erase),
  }
  const twin = createTwin(
    { store: memorySealedStore(), encoder: toyEncoder(), erasure, log },
    { isEnabled: true, mayLeave: false },
  )
  const requests: AgentRequest[] = []
  let clock = 0
  const now = () => {
    clock += 1
    return clock
  }
  const ask: Ask = init.ask ?? (async ({ messages }) => ({ text: `heard ${messages.at(-1)?.content}` }))
  const conversations = createConversations(
    {
      ...{ store, twin, erasure, log },
      agents: {
        async ask(request, signal, onEvent = () => {}) {
          requests.push(request)
          return {
            ...{
              id: 'r',
              agent: request.agent,
              node: 'n',
              model: null,
              text: '',
              finish: 'answer',
              evidence: null,
            },
            ...{ observations: [], turns: 1, tookMs: 1 },
            usage: { promptTokens: 0, cachedTokens: 0, completionTokens: 0 },
            ...(await ask(request, signal, onEvent)),
          }
        },
      },
    },
    { learns, now: init.now ?? now, withholds: async (model) => model?.startsWith('far/') === true },
  )
  return {
    ...{ conversations, twin, store, requests },
    async eraseAll(speaker) {
      for (const erase of erasers) await erase(speaker)
    },
  }
}
