/** Magi without a language model: one call that the words ask for, then what came of it. */
import type { JsonValue } from '../../json.ts'
import { isJsonObject } from '../../json.ts'
import type { Plan } from '../king/plan.ts'
import type { Observation, Policy } from '../loop/policy.ts'
import type { Work } from './plan-work.ts'

const field = (content: JsonValue, name: string): string => {
  const value = isJsonObject(content) ? content[name] : undefined
  return typeof value === 'string' ? value : ''
}

const block = (title: string, text: string) =>
  text.trim() === '' ? '' : `${title}\n\`\`\`\n${text.trimEnd()}\n\`\`\`\n`

function aboutRun(content: JsonValue): string {
  const said = field(content, 'said')
  const isOk = isJsonObject(content) && content.ok === true
  const [stdout, stderr] = [field(content, 'stdout'), field(content, 'stderr')]
  const files = isJsonObject(content) && isJsonObject(content.files) ? Object.keys(content.files) : []
  const left = files.length === 0 ? '' : `It left: ${files.join(', ')}.\n`
  if (isOk && stderr.trim() === '' && files.length === 0)
    return stdout.trim() === '' ? `${said}, and printed nothing.` : stdout.trimEnd()
  return `${isOk ? '' : `${said[0]?.toUpperCase() ?? ''}${said.slice(1)}.\n`}${block('It printed:', stdout)}${block('Its errors:', stderr)}${left}`.trimEnd()
}

function answerFrom({ call, outcome }: Observation): string {
  switch (outcome.kind) {
    case 'error':
      return `That could not be done: ${outcome.message} (${outcome.code})`
    case 'refused':
      return `That was not done: ${outcome.reason}`
    default: {
      const { content } = outcome.result
      return call.tool === 'calculate'
        ? `${String(call.arguments.expression)} = ${field(content, 'text')}`
        : aboutRun(content)
    }
  }
}

/** `tools`: those of the request. */
export function createRulesPolicy(work: Work, tools: readonly string[]): Policy {
  return {
    model: null,
    async next({ observations }, signal, onText) {
      signal.throwIfAborted()
      const done = observations.at(-1)
      if (done === undefined && work.kind === 'call' && tools.includes(work.call.tool))
        return { action: { kind: 'call', calls: [work.call] }, usage: null }
      const text =
        done !== undefined
          ? answerFrom(done)
          : work.kind === 'none'
            ? work.why
            : `That takes ${work.call.tool}, which this request may not use.`
      onText(text)
      return { action: { kind: 'answer', text }, usage: null }
    },
  }
}

/** The same policy, whose answer ends with what of the goal was understood and is not done. */
export function sayNotDone(policy: Policy, notDone: Plan['notDone']): Policy {
  if (notDone.length === 0) return policy
  return {
    model: policy.model,
    async next(step, signal, onText) {
      const decided = await policy.next(step, signal, onText)
      if (decided.action.kind !== 'answer') return decided
      const rest = notDone.map(({ text, why }) => `Not done: "${text}". ${why}`).join('\n')
      onText(`\n${rest}`)
      return { ...decided, action: { ...decided.action, text: `${decided.action.text}\n${rest}` } }
    },
  }
}
