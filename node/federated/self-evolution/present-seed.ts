/**
 * The genome that stands for what there is now. It has to be among the seeds of the run, which are compared with the winner on the final
 * items: without that there is nothing to say whether the winner is better. Pure.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Genome } from '../evolve/strategy.ts'
import { presentGenome } from '../workloads/agent-workload.ts'
import type { VersionContent } from './goal-record.ts'

/** Weights of a merge are in thousandths, densities in hundredths (workloads/merge-genome.ts). */
const WHOLE_WEIGHT = 1_000
const WHOLE_DENSITY = 100

/** Whether a merge is one parent as it is, or with null the base. */
function isAlone(genome: Genome, parent: number | null): boolean {
  const { w, d } = genome
  const isWhole = d === undefined || (Array.isArray(d) && d.every((one) => one === WHOLE_DENSITY))
  return (
    isWhole &&
    Array.isArray(w) &&
    w.every(
      (row) => Array.isArray(row) && row.every((value, at) => value === (at === parent ? WHOLE_WEIGHT : 0)),
    )
  )
}

type Find = (options: JsonObject, seeds: readonly Genome[], cid: string) => Genome | undefined

const OF_MODELS: Readonly<Record<string, Find>> = {
  merge(options, seeds, cid) {
    if (options.base === cid) return seeds.find((genome) => isAlone(genome, null))
    const parent = Array.isArray(options.parents) ? options.parents.indexOf(cid) : -1
    return parent < 0 ? undefined : seeds.find((genome) => isAlone(genome, parent))
  },
  // The model that is perturbed, with no step taken.
  perturbation: (options, seeds, cid) =>
    options.model === cid ? seeds.find(({ p }) => Array.isArray(p) && p.length === 0) : undefined,
}

/** Options that the workload is given beside those of the goal, before it is settled. */
export const optionsOf = (content: VersionContent): JsonObject =>
  content.kind === 'collection' ? { present: presentGenome(content.settings) } : {}

/**
 * `workload` is settled, `seeds` are those of its space. Throws SELF_EVOLUTION_NO_PRESENT where the goal does not evolve what it is to
 * change.
 */
export function presentSeed(
  content: VersionContent,
  workload: { readonly kind: string; readonly options: JsonObject },
  seeds: readonly Genome[],
): Genome {
  const { options, kind } = workload
  const genome =
    content.kind === 'collection'
      ? isJsonObject(options.present)
        ? options.present
        : undefined
      : OF_MODELS[kind]?.(options, seeds, content.entry.cid)
  if (genome === undefined)
    throw new VillageError('SELF_EVOLUTION_NO_PRESENT', undefined, { fields: { workload: kind } })
  return genome
}
