/** Routes of King's decision log. */
import type { Decision } from '../../agents/king/decisions.ts'
import { CRITERIA, parseWeights } from '../../agents/king/weigh.ts'
import { VillageError } from '../../errors.ts'
import { amount, anyText, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'agents'
const MAX_LISTED = 1_000
type None = Record<string, never>

const MARKS = object(Object.fromEntries(CRITERIA.map((name) => [name, amount])))
const WAY = object({
  id: anyText,
  estimates: object({
    latencyMs: amount,
    cpuSeconds: amount,
    leavesNode: flag,
    usesOthers: flag,
    quality: amount,
  }),
  marks: MARKS,
  score: amount,
})
const STEP = object({
  id: integer(),
  tool: anyText,
  agent: anyText,
  reason: anyText,
  state: orNull(oneOf('done', 'failed', 'refused', 'skipped')),
})
const DECISION = object({
  id: anyText,
  timeMs: amount,
  asker: object({ kind: oneOf('owner', 'key', 'member'), id: anyText }),
  asked: anyText,
  model: orNull(anyText),
  steps: listOf(STEP),
  notDone: listOf(object({ text: anyText, why: anyText })),
  choices: listOf(
    object({ agent: anyText, ways: listOf(WAY), chosen: anyText, why: anyText, tookMs: orNull(amount) }),
  ),
  endedAtMs: orNull(amount),
  isRunning: flag,
})

const decisionView = (
  decision: Decision,
  agents: { isRunning(request: string): boolean },
): Decision & { readonly isRunning: boolean } => ({
  ...decision,
  isRunning: decision.endedAtMs === null && agents.isRunning(decision.id),
})

export const DECISION_ROUTES: readonly Route[] = [
  route<None, { readonly limit?: number }>({
    method: 'GET',
    path: '/api/v1/decisions',
    scope: 'admin',
    tag,
    id: 'listDecisions',
    summary:
      'What King decided, newest first: what was asked, the steps, who could do them, why one of them did. One that has no end and is not running was cut off. `weights`: by which it weighs now.',
    query: object({ limit: integer(1, MAX_LISTED) }, ['limit']),
    response: { kind: 'json', status: 200, schema: object({ decisions: listOf(DECISION), weights: MARKS }) },
    handle: async ({ query }, { decisions, agents, config }) => ({
      decisions: (await decisions.list(query.limit)).map((decision) => decisionView(decision, agents)),
      weights: parseWeights(config['agents.weights']),
    }),
  }),
  route<{ request: string }>({
    method: 'GET',
    path: '/api/v1/decisions/:request',
    scope: 'admin',
    tag,
    id: 'getDecision',
    summary: 'What King decided for one request.',
    params: object({ request: text(64) }),
    response: { kind: 'json', status: 200, schema: DECISION },
    errors: ['DECISION_UNKNOWN'],
    async handle({ params }, { decisions, agents }) {
      const decision = await decisions.get(params.request)
      if (decision === null) throw new VillageError('DECISION_UNKNOWN')
      return decisionView(decision, agents)
    },
  }),
]
