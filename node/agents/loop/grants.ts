/**
 * Which calls a request may make. The grant is fixed before anything is read: the tools of the agent's row, of the lease, of the
 * asker's scope and of the configuration, and what of them the asker's own words ask for. Nothing that is read later widens it.
 */
import type { AgentRow, Lease } from '../agent.ts'
import { type Asker, scopeAllows } from '../asker.ts'
import type { Tool } from '../tools/tool.ts'

export interface Grant {
  /** By name. */
  readonly tools: ReadonlyMap<string, Tool>
  /** Why a tool that is not granted is not, in one sentence for the agent. */
  whyNot(name: string): string
}

/** `name` itself, or a star at its end for any rest. */
export function matchesTool(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name
}

const listed = (patterns: readonly string[], name: string) =>
  patterns.some((pattern) => matchesTool(pattern, name))

export interface GrantInit {
  readonly tools: readonly Tool[]
  readonly row: Pick<AgentRow, 'name' | 'tools'>
  /** Its own, and those of the requests above it: a step never gives on more than it was given. */
  readonly leases: readonly Pick<Lease, 'tools'>[]
  readonly asker: Asker
  readonly denyTools: readonly string[]
}

export function createGrant({ tools, row, leases, asker, denyTools }: GrantInit): Grant {
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  function refusal(name: string): string | null {
    const tool = byName.get(name)
    if (tool === undefined) return `There is no tool ${name.slice(0, 64)}`
    if (listed(denyTools, name)) return `The owner of this node has denied ${name} (agents.denyTools)`
    if (!listed(row.tools, name)) return `${name} is not a tool of the agent ${row.name}`
    if (!leases.every((lease) => listed(lease.tools, name)))
      return `${name} is not among the tools that this step was given`
    if (!scopeAllows(asker.scope, tool.scope))
      return `${name} needs the scope ${tool.scope}, and the asker has ${asker.scope}`
    return null
  }
  const granted = tools.filter((tool) => refusal(tool.name) === null)
  return {
    tools: new Map(granted.map((tool) => [tool.name, tool])),
    whyNot: (name) => refusal(name) ?? `${name} is granted`,
  }
}
