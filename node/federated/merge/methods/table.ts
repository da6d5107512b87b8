/** The merge methods, a row each; names are those of mergekit's recipes. */
import { breadcrumbs, breadcrumbsTies } from './breadcrumbs.ts'
import { dareLinear, dareTies } from './dare.ts'
import { della, dellaLinear } from './della.ts'
import { karcher } from './karcher.ts'
import { linear } from './linear.ts'
import type { MergeMethod } from './method.ts'
import { modelStock } from './model-stock.ts'
import { nuslerp } from './nuslerp.ts'
import { passthrough } from './passthrough.ts'
import { sce } from './sce.ts'
import { slerp } from './slerp.ts'
import { taskArithmetic } from './task-arithmetic.ts'
import { ties } from './ties.ts'

const ROWS: readonly MergeMethod[] = [
  linear,
  slerp,
  nuslerp,
  karcher,
  taskArithmetic,
  ties,
  dareLinear,
  dareTies,
  dellaLinear,
  della,
  breadcrumbs,
  breadcrumbsTies,
  modelStock,
  sce,
  passthrough,
]

/** By name. */
export const MERGE_METHODS: Readonly<Record<string, MergeMethod>> = Object.fromEntries(
  ROWS.map((method) => [method.name, method]),
)

export function methodNamed(name: string): MergeMethod | undefined {
  return Object.hasOwn(MERGE_METHODS, name) ? MERGE_METHODS[name] : undefined
}
