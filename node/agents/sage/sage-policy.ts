/** How Sage goes about a request: one question to the collections, and an answer out of what they give. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { nearest } from '../../nearest.ts'
import type { PolicyInit } from '../agent.ts'
import type { Action, Observation, Policy, PolicyStep } from '../loop/policy.ts'
import { ASK_PARAMETERS } from '../tools/knowledge-ask.ts'
import { ASK, askerTurns } from './sage.ts'
import { answerOf } from './sage-answer-text.ts'
import { writeFromEvidence } from './write-from-evidence.ts'

const FORMER_TURNS = 8
/** Of every agent: which node answers, and steps that King planned. */
const COMMON_OPTIONS = ['node', 'steps']

function askOptions(options: JsonObject | undefined): JsonObject {
  const known = Object.keys(ASK_PARAMETERS)
  const entries = Object.entries(options ?? {}).filter(([name]) => !COMMON_OPTIONS.includes(name))
  const unknown = entries.find(([name]) => !known.includes(name))
  if (unknown !== undefined) {
    const near = nearest(unknown[0], known)
    throw new VillageError(
      'AGENT_OPTION_INVALID',
      `Sage has no option ${unknown[0].slice(0, 64)}${near === null ? '' : `; is it ${near}?`}`,
      { fields: { option: unknown[0].slice(0, 64) } },
    )
  }
  // null is "not given", as in the API.
  return Object.fromEntries(entries.filter(([, value]) => value !== null))
}

/** The first step: the last words of the asker as the question, those before as what it may lean on. */
function question({ messages }: PolicyStep, options: JsonObject): Action {
  const turns = askerTurns(messages)
  const former = turns.slice(0, -1).slice(-FORMER_TURNS)
  const arguments_ = {
    ...options,
    question: turns.at(-1) ?? '',
    ...(former.length > 0 && { former }),
  }
  const reason = 'The collections may hold an answer.'
  return { kind: 'call', calls: [{ tool: ASK, arguments: arguments_, reason }] }
}

const asked = ({ observations }: PolicyStep): Observation | undefined =>
  observations.findLast(({ call }) => call.tool === ASK)

export function sagePolicy({ request, model, tools }: PolicyInit): Policy {
  const options = askOptions(request.options)
  return {
    model: model?.id ?? null,
    async next(step, signal, onText) {
      signal.throwIfAborted()
      const observation = asked(step)
      if (observation === undefined && tools.includes(ASK))
        return { action: question(step, options), usage: null }
      const extract = answerOf(observation)
      if (model === null || extract.evidence?.isFound !== true) {
        onText(extract.text)
        return { action: { kind: 'answer', ...extract }, usage: null }
      }
      const written = await writeFromEvidence(model, extract.evidence, signal)
      const text = written.text ?? `${extract.text}\n\n${written.note}`
      onText(text)
      return { action: { kind: 'answer', text, evidence: extract.evidence }, usage: written.usage }
    },
  }
}
