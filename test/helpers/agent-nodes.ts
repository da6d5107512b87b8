/** Nodes that offer agents to each other in tests, and the frames of one that lies. */
import type { AgentAnswer } from '../../node/agents/agent.ts'
import type { AnswerRequest } from '../../node/agents/village/answer-members.ts'
import { createVillageAgents, type VillageAgents } from '../../node/agents/village/village-agents.ts'
import { type Config, DEFAULT_CONFIG } from '../../node/config.ts'
import type { ReplyFrame } from '../../node/mesh/protocols/agents.ts'
import { type MeshNode, TEST_LOG } from './mesh.ts'

export const OFFER: Partial<Config> = { 'agents.offer': ['sage', 'magi'], 'agents.offerRequestsByHour': 40 }

export const ANSWER: AgentAnswer = {
  id: 'request-1',
  agent: 'sage',
  node: 'here',
  model: null,
  text: 'Seven [1].',
  finish: 'answer',
  evidence: {
    question: 'how many?',
    queries: ['how many'],
    items: [
      {
        number: 1,
        collection: 'notes',
        document: 'd1',
        title: null,
        source: 'a.md',
        page: null,
        headings: ['Counting'],
        start: 3,
        end: 9,
        text: 'Seven.',
        score: 2.5,
        vouchedBy: ['somebody else'],
      },
    ],
    confidence: 0.75,
    threshold: 0.5,
    isFound: true,
    missing: ['one collection'],
  },
  observations: [],
  usage: { promptTokens: 5, cachedTokens: 2, completionTokens: 3 },
  turns: 2,
  tookMs: 12,
}

export const NO_FRAME: ReplyFrame = {
  text: undefined,
  plan: undefined,
  call: undefined,
  progress: undefined,
  result: undefined,
  alive: undefined,
  answer: undefined,
  code: undefined,
}

export const RIGHT = {
  ...{ id: 'x', model: undefined, text: 'yes', finish: 1, evidence: undefined },
  ...{ promptTokens: 0, cachedTokens: 0, completionTokens: 0, turns: 1, tookMs: 1 },
}

/** For `prepare` of a mesh node: it announces what the configuration offers, and answers by `answer`. */
export function offersAgents(
  config: Partial<Config>,
  answer: AnswerRequest,
  made: (village: VillageAgents) => void,
): (mesh: MeshNode['mesh']) => void {
  return (mesh) => {
    const village = createVillageAgents(
      { mesh, log: TEST_LOG, answer },
      { config: { ...DEFAULT_CONFIG, ...config }, aliveEveryMs: 20 },
    )
    made(village)
    mesh.advertise(() => ({
      version: '0.0.0',
      cores: 1,
      memoryBytes: 1,
      power: 'mains',
      profile: 'laptop',
      native: false,
      accepting: false,
      load: 0,
      taskKinds: [],
      models: [],
      agents: village.announced(),
    }))
  }
}
