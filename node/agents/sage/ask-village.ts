/**
 * What `village ask` asks: King has the first word, so that the village can be asked about itself; what he sends to the documents, and what his
 * rules find no step for, is Sage's. It never changes anything: whoever asks has the scope `ask` here, whatever else it may do.
 */
import { isErrorCode, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { AgentAnswer, AgentEvent, AgentName } from '../agent.ts'
import type { Agents } from '../agents.ts'
import type { Asker } from '../asker.ts'
import type { Observation } from '../loop/policy.ts'
import type { Answer } from '../rag/answers/answer.ts'

export interface VillageStep {
  readonly agent: AgentName
  readonly tool: string
}

export interface VillageAnswer extends Omit<Answer, 'confidence' | 'threshold'> {
  /** Null where no document was asked. */
  readonly confidence: number | null
  readonly threshold: number | null
  /** What King found out elsewhere, where the documents have an answer too. */
  readonly village: string | null
  readonly agent: AgentName
  /** Id of the request, as the audit has it. */
  readonly request: string
  readonly steps: readonly VillageStep[]
}

export interface VillageQuestion {
  readonly question: string
  readonly asker: Asker
  /** ASK_PARAMETERS (tools/knowledge-ask.ts). */
  readonly options: JsonObject
}

const isOfDocuments = ({ call }: Observation): boolean =>
  call.tool.startsWith('knowledge_') || (call.tool === 'agent_ask' && call.arguments.agent === 'sage')

/** King found something to do besides asking the documents, and did it. */
const isElsewhere = ({ observations }: AgentAnswer): boolean =>
  observations.some((one) => one.outcome.kind === 'result' && !isOfDocuments(one))

/** What kept the documents from being asked; the request fails with it as the search itself would. */
function failureOf({ observations, text }: AgentAnswer): VillageError {
  const outcome = observations.findLast(({ outcome: one }) => one.kind === 'error')?.outcome
  if (outcome?.kind === 'error' && isErrorCode(outcome.code))
    return new VillageError(outcome.code, outcome.message)
  return new VillageError('KNOWLEDGE_UNAVAILABLE', text)
}

const bare = (
  question: string,
  { text, tookMs }: AgentAnswer,
): Omit<VillageAnswer, 'agent' | 'request' | 'steps' | 'village'> => ({
  ...{ question, text, sentences: [], sources: [], confidence: null, threshold: null, isFound: true },
  ...{ missingWords: [], generated: null, queries: [], parts: [], missing: [], warnings: [], tookMs },
})

/** Throws AGENT_BUSY, what kept the collections from being searched, and the signal's reason. */
export async function askVillage(
  { agents }: { readonly agents: Pick<Agents, 'ask'> },
  { question, asker, options }: VillageQuestion,
  signal: AbortSignal,
): Promise<VillageAnswer> {
  const steps: VillageStep[] = []
  let tookMs = 0
  async function asked(agent: AgentName): Promise<AgentAnswer> {
    const onEvent = (event: AgentEvent) => {
      if (event.kind === 'call') steps.push({ agent: event.agent, tool: event.tool })
    }
    const answer = await agents.ask(
      {
        ...{ agent, options, model: null, approvals: 'refuse' },
        messages: [{ role: 'user', content: question }],
        asker: { ...asker, scope: 'ask' },
      },
      signal,
      onEvent,
    )
    tookMs += answer.tookMs
    return answer
  }
  const king = await asked('king')
  const elsewhere = isElsewhere(king)
  let { evidence, id, agent } = king
  let failure = failureOf(king)
  // What sounds like a question about the village may be one about documents: then they have an answer, and both are told.
  if (evidence === null || (elsewhere && !evidence.isFound)) {
    const sage = await asked('sage')
    if (!elsewhere || sage.evidence?.isFound === true) ({ evidence, id, agent } = sage)
    failure = failureOf(sage)
  }
  const own = evidence?.answer
  if (own === undefined && !elsewhere) throw failure
  const isVillage = own === undefined || (elsewhere && !own.isFound)
  return {
    ...(isVillage ? bare(question, king) : own),
    ...{ question, agent, request: id, steps, tookMs },
    village: elsewhere && !isVillage ? king.text : null,
  }
}
