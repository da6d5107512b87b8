/** One call of an agent: is it granted, are its arguments right, was it made before, who allows it; then it runs. */
import { toVillageError } from '../../errors.ts'
import { canonicalJson } from '../../json.ts'
import type { AgentEvent, AgentName } from '../agent.ts'
import type { Asker } from '../asker.ts'
import type { Tool, ToolContext } from '../tools/tool.ts'
import type { Approvals } from './approvals.ts'
import type { Audit, AuditDecision, AuditStart } from './audit.ts'
import type { CheckArguments } from './check-arguments.ts'
import type { Deadline } from './clock.ts'
import { decideCall, staysHere } from './decide-call.ts'
import type { Grant } from './grants.ts'
import type { Observation, PlannedCall } from './policy.ts'
import type { RequestTrust } from './request-trust.ts'
import { errorText, type RunToolComponents, runTool } from './run-tool.ts'

export interface RunCallComponents extends RunToolComponents {
  readonly audit: Pick<Audit, 'begin' | 'refuse'>
  readonly approvals: Pick<Approvals, 'ask'>
  readonly checkArguments: CheckArguments
  newId(): string
}

export interface RunCallInit {
  /** Id of the request. */
  readonly id: string
  readonly agent: AgentName
  readonly asker: Asker
  readonly grant: Grant
  readonly trust: RequestTrust
  readonly deadline: Deadline
  /** Of the asker. */
  readonly signal: AbortSignal
  readonly approvals: 'wait' | 'refuse'
  readonly repeats: number
  readonly seesPrivate: boolean
  readonly maxResultBytes: number
  onEvent(event: AgentEvent): void
  /** Of what models took for calls. */
  countTokens: ToolContext['countTokens']
}

export interface CallRunner {
  beginTurn(): void
  /** Throws the reason of the asker's signal only; everything else is an observation. */
  run(planned: PlannedCall): Promise<Observation>
  /** Calls were made again and again, although they had been refused for it. */
  isRepeating(): boolean
}

const MAX_PROGRESS = 10_000
const MAX_PROGRESS_UNITS = 200

type Permission =
  | { readonly kind: 'run'; readonly decision: AuditDecision; readonly by: string | null }
  | {
      readonly kind: 'refuse'
      readonly decision: AuditDecision
      readonly by: string | null
      readonly reason: string
    }

export function createCallRunner(components: RunCallComponents, init: RunCallInit): CallRunner {
  const { audit, approvals, checkArguments, clock, countCall, newId } = components
  const { id: request, agent, asker, grant, trust, deadline, signal, onEvent } = init
  const made = new Map<string, number>()
  let refusedRepeats = 0

  async function askPerson(
    call: string,
    tool: Tool,
    planned: PlannedCall,
    reason: string,
  ): Promise<Permission> {
    if (init.approvals === 'refuse')
      return {
        kind: 'refuse',
        decision: 'refused',
        by: null,
        reason: `${reason}: it needs approval, and nobody is there to give it`,
      }
    const goOn = deadline.pause()
    try {
      const given = planned.arguments
      const question = {
        request,
        call,
        agent,
        asker,
        tool: tool.name,
        effect: tool.effect,
        arguments: given,
        reason,
      }
      const { state, by } = await approvals.ask(question, signal, ({ id, expiresAtMs }) =>
        onEvent({ kind: 'approval', approval: id, call, tool: tool.name, arguments: given, expiresAtMs }),
      )
      if (state === 'approved') return { kind: 'run', decision: 'approved', by }
      const refused = state === 'denied' ? 'It was denied' : 'Nobody approved it in time'
      return { kind: 'refuse', decision: state, by, reason: `${refused}. ${reason}` }
    } finally {
      goOn()
    }
  }

  async function permit(call: string, tool: Tool, planned: PlannedCall): Promise<Permission> {
    const key = `${tool.name} ${canonicalJson(planned.arguments)}`
    const times = (made.get(key) ?? 0) + 1
    made.set(key, times)
    if (times > init.repeats) {
      refusedRepeats += 1
      const reason = `The same call was made ${init.repeats} times already: use what it gave`
      return { kind: 'refuse', decision: 'refused', by: null, reason }
    }
    const decision = decideCall(tool, planned.arguments, trust.ground())
    if (decision.kind === 'run') return { kind: 'run', decision: decision.by, by: null }
    return askPerson(call, tool, planned, decision.reason)
  }

  /** What an external server says of its progress is bounded too: whoever follows the request must read it all. */
  function progressOf(call: string): (message: string) => void {
    let told = 0
    return (message) => {
      told += 1
      if (told <= MAX_PROGRESS)
        onEvent({ kind: 'progress', call, message: message.slice(0, MAX_PROGRESS_UNITS) })
    }
  }

  return {
    beginTurn: trust.beginTurn,
    isRepeating: () => refusedRepeats > 1,
    async run(planned) {
      const call = newId()
      const tool = grant.tools.get(planned.tool)
      onEvent({ kind: 'call', call, agent, tool: planned.tool, arguments: planned.arguments })
      const ended = (
        state: 'done' | 'failed' | 'refused',
        summary: string,
        outcome: Observation['outcome'],
      ) => {
        onEvent({ kind: 'result', call, state, summary })
        return { call: planned, outcome }
      }
      const start = (decision: AuditDecision, by: string | null): Omit<AuditStart, 'timeMs'> => ({
        ...{ request, agent, asker, tool: planned.tool, effect: tool?.effect ?? null },
        ...{ arguments: planned.arguments, decision, by },
      })
      const refused = async (reason: string, decision: AuditDecision, by: string | null, code?: string) => {
        await audit.refuse({ ...start(decision, by), timeMs: clock.now() }, code)
        countCall(tool?.name ?? 'unknown', 'refused')
        return ended('refused', reason, { kind: 'refused', reason })
      }
      try {
        if (tool === undefined) return await refused(grant.whyNot(planned.tool), 'refused', null)
        if (planned.problem !== undefined) return await refused(planned.problem, 'refused', null)
        try {
          checkArguments(tool, planned.arguments)
        } catch (thrown) {
          const error = toVillageError(thrown)
          await audit.refuse({ ...start('refused', null), timeMs: clock.now() }, error.code)
          countCall(tool.name, 'failed')
          const { code, message } = error
          return ended('failed', message, { kind: 'error', code, message: errorText(error) })
        }
        const permission = await permit(call, tool, planned)
        if (permission.kind === 'refuse')
          return await refused(permission.reason, permission.decision, permission.by)
        const context: ToolContext = {
          asker,
          request,
          seesPrivate: init.seesPrivate,
          staysHere: staysHere(tool, planned.arguments, trust.ground()),
          countTokens: init.countTokens,
          signal: AbortSignal.any([signal, deadline.signal]),
          progress: progressOf(call),
        }
        const { result, error } = await runTool(components, {
          tool,
          arguments: planned.arguments,
          start: start(permission.decision, permission.by),
          context,
          maxResultBytes: init.maxResultBytes,
        })
        signal.throwIfAborted()
        trust.noteResult(tool, result)
        if (result !== null) return ended('done', result.summary, { kind: 'result', result })
        const { code, message } = error
        return ended('failed', message, { kind: 'error', code, message: errorText(error) })
      } catch (thrown) {
        // What is left: the audit log cannot be written, too many approvals wait, or the asker has gone.
        signal.throwIfAborted()
        const error = toVillageError(thrown)
        countCall(tool?.name ?? 'unknown', 'failed')
        return ended('failed', error.message, { kind: 'error', code: error.code, message: errorText(error) })
      }
    },
  }
}
