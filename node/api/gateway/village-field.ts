/** The one field of this gateway's own, for requests to agents: `village`. */
import type { AgentRequest, LoopLimits } from '../../agents/agent.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { numberOf, objectOf, refuse, textOf, wrong } from './read-fields.ts'

export const APPROVALS_HEADER = 'x-village-approvals'

export type AgentWish = Pick<AgentRequest, 'approvals' | 'limits' | 'model' | 'options'>

const LIMITS: readonly (keyof LoopLimits)[] = ['turns', 'ms', 'tokens', 'repeats']

function readLimits(given: JsonObject): Partial<LoopLimits> {
  const range = { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true }
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, numberOf(value, `village.limits.${name}`, range)]),
  )
}

/**
 * A client of the gateway is a program: nobody is there to approve, so calls that need it are refused, unless the header
 * `x-village-approvals: wait` or `village.approvals` says that somebody decides (`village approvals`, the dashboard).
 */
export function readAgentWish(
  body: JsonObject,
  header: string | string[] | undefined,
  isAgent: boolean,
): AgentWish {
  if (!isAgent) return body.village === undefined ? {} : refuse('village', 'is for agents')
  const given =
    body.village === undefined
      ? {}
      : objectOf(body.village, 'village', ['approvals', 'model', 'options', 'limits'])
  const approvals = given.approvals ?? header ?? 'refuse'
  if (approvals !== 'wait' && approvals !== 'refuse')
    return wrong(
      given.approvals === undefined ? APPROVALS_HEADER : 'village.approvals',
      'must be refuse or wait',
    )
  const { options } = given
  if (options !== undefined && !isJsonObject(options)) return wrong('village.options', 'must be an object')
  return {
    approvals,
    // `none` stands for rules: null is a field that was left out.
    ...(given.model !== undefined && {
      model: given.model === 'none' ? null : textOf(given.model, 'village.model'),
    }),
    ...(options !== undefined && { options }),
    ...(given.limits !== undefined && {
      limits: readLimits(objectOf(given.limits, 'village.limits', LIMITS)),
    }),
  }
}
