/** From an announcement to what a run is computed with. */
import { VillageError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import type { SearchStrategy } from '../evolve/strategy.ts'
import type { Announcement } from '../ledger/announcement.ts'
import type { LedgerMachine } from '../ledger/verify.ts'
import type { Workload } from '../workloads/workload.ts'
import { applyBlock, startState } from './apply-block.ts'
import type { RunRules } from './run-rules.ts'
import type { RunSpec } from './run-spec.ts'
import type { RunState } from './run-state.ts'

/** What this node can evolve, and how. */
export interface RunTables {
  readonly workloads: Readonly<Record<string, Workload>>
  readonly strategies: Readonly<Record<string, SearchStrategy>>
}

export interface OpenedRun {
  readonly rules: RunRules
  readonly workload: Workload
  readonly machine: LedgerMachine<RunState>
}

const named = <T>(
  table: Readonly<Record<string, T>>,
  name: string,
  { what, code }: { what: string; code: 'RUN_UNSUPPORTED' | 'EVOLVE_CONFIG_INVALID' },
): T => {
  if (Object.hasOwn(table, name)) return table[name]!
  const near = nearest(name, Object.keys(table))
  const hint = near === null ? `it knows ${Object.keys(table).join(', ')}` : `did you mean "${near}"?`
  throw new VillageError(code, `This version knows no ${what} "${name}"; ${hint}`, {
    fields: { [what]: name },
  })
}

/** Throws RUN_UNSUPPORTED; `code` for what this node's own person has asked for. */
export const rowsOf = (
  tables: RunTables,
  { workload, strategy }: Pick<RunSpec, 'workload' | 'strategy'>,
  code: 'RUN_UNSUPPORTED' | 'EVOLVE_CONFIG_INVALID' = 'RUN_UNSUPPORTED',
) => ({
  workload: named(tables.workloads, workload.kind, { what: 'workload', code }),
  strategy: named(tables.strategies, strategy.name, { what: 'strategy', code }),
})

/** Throws RUN_UNSUPPORTED, and INVALID_ARGUMENT for options that workload or strategy do not take. */
export function rulesOf(
  tables: RunTables,
  run: string,
  spec: RunSpec,
): { rules: RunRules; workload: Workload } {
  const { workload, strategy } = rowsOf(tables, spec)
  const options = workload.parseOptions(spec.workload.options)
  const parsed: RunSpec = {
    ...spec,
    workload: { kind: spec.workload.kind, options },
    strategy: { name: spec.strategy.name, options: strategy.parseOptions(spec.strategy.options) },
  }
  return { rules: { run, spec: parsed, space: workload.space(options), workload, strategy }, workload }
}

/** The last block that was applied is remembered: a member computes it for its vote, and again when it is decided. */
export function runMachine(rules: RunRules): LedgerMachine<RunState> {
  let last: { before: RunState; hash: string; after: RunState } | null = null
  return {
    start: ({ announcer, timeMs, hash }) => startState(rules, { announcer, timeMs, hash }),
    apply(before, block) {
      if (last?.before === before && last.hash === block.hash) return last.after
      last = { before, hash: block.hash, after: applyBlock(rules, before, block) }
      return last.after
    },
    committee: ({ committee }) => committee,
  }
}

export function openRun(tables: RunTables, announcement: Announcement): OpenedRun {
  const { rules, workload } = rulesOf(tables, announcement.run, announcement.spec)
  return { rules, workload, machine: runMachine(rules) }
}
