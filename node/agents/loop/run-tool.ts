/** Runs one call that may run: checked arguments in, a bounded result out, with its line in the audit log before and after. */
import { toVillageError, type VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Tool, ToolContext, ToolResult } from '../tools/tool.ts'
import { inToolSpan } from './agent-spans.ts'
import type { Audit, AuditStart } from './audit.ts'
import { boundContent } from './bound-content.ts'
import type { Clock } from './clock.ts'
import { orAborted } from './or-aborted.ts'

export interface RunToolComponents {
  readonly audit: Pick<Audit, 'begin'>
  readonly clock: Clock
  readonly log: Log
  /** For the metrics. */
  readonly countCall: (tool: string, outcome: 'done' | 'failed' | 'refused') => void
}

export type ToolOutcome =
  | { readonly result: ToolResult; readonly error: null }
  | { readonly result: null; readonly error: VillageError }

/** A tool whose time is over may still say what goes on without it, such as a job; then it is left alone. */
const GRACE_MS = 1_000
const MAX_SUMMARY_UNITS = 400

/** An error's sentence and what to do about it, for the agent; what failed inside says nothing of the inside. */
export function errorText(error: VillageError): string {
  const said = error.message.replace(/\.$/, '')
  return `${said}. ${error.fix}`
}

interface ToolCall {
  readonly tool: Tool
  readonly arguments: JsonObject
  readonly start: Omit<AuditStart, 'timeMs'>
  readonly context: ToolContext
  readonly maxResultBytes: number
}

/** Never throws: what fails is an outcome, also that the call could not be written to the audit log; then it does not run. */
export function runTool(components: RunToolComponents, call: ToolCall): Promise<ToolOutcome> {
  const { tool, start } = call
  const named = { agent: start.agent, tool: tool.name, effect: tool.effect }
  return inToolSpan(named, () => runAudited(components, call))
}

async function runAudited(
  { audit, clock, log, countCall }: RunToolComponents,
  { tool, arguments: given, start, context, maxResultBytes }: ToolCall,
): Promise<ToolOutcome> {
  const startedAtMs = clock.now()
  const spentMs = () => clock.now() - startedAtMs
  try {
    const end = await audit.begin({ ...start, timeMs: startedAtMs })
    try {
      context.signal.throwIfAborted()
      const whole = await orAborted(tool.run(given, context), context.signal, { clock, ms: GRACE_MS })
      const sizeBytes = Buffer.byteLength(JSON.stringify(whole.content))
      await end({ outcome: 'done', code: null, ms: spentMs(), sizeBytes })
      countCall(tool.name, 'done')
      const content = boundContent(whole.content, maxResultBytes)
      return {
        result: { ...whole, content, summary: whole.summary.slice(0, MAX_SUMMARY_UNITS) },
        error: null,
      }
    } catch (thrown) {
      await end({ outcome: 'failed', code: toVillageError(thrown).code, ms: spentMs(), sizeBytes: null })
      throw thrown
    }
  } catch (thrown) {
    const error = toVillageError(thrown)
    countCall(tool.name, 'failed')
    if (error.code === 'INTERNAL') log.error({ err: thrown, tool: tool.name }, 'a tool failed')
    return { result: null, error }
  }
}
