/**
 * Job kind `geometry-run`: the geometry of the best candidate of each generation of a run. Runs keep genomes, never weights: each is
 * built again from the artifacts that the run was announced with, looked at, and let go.
 */
import path from 'node:path'
import type { JobContext, JobKind } from '../../compute/jobs/job.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { formatOf } from '../../compute/models/weight-source.ts'
import type { Pool } from '../../compute/pool.ts'
import { readParams } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Genome } from '../evolve/strategy.ts'
import type { FederatedOperations } from '../operations.ts'
import type { RunState } from '../rounds/run-state.ts'
import { withCandidateDirectory } from '../workloads/candidate-directory.ts'
import { workloadNamed } from '../workloads/table.ts'
import type { WorkloadContext } from '../workloads/workload.ts'

export interface RunHistoryComponents {
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
  /** Throws RUN_UNKNOWN. */
  readonly runState: (run: string) => RunState
}

export interface RunHistoryParams extends JsonObject {
  readonly run: string
  /** Generations that had ended when the job was submitted; null until it is settled. */
  readonly generations: number | null
}

const TEXTS = 512
const MAX_GENERATIONS = 100_000

export interface GenerationBest {
  readonly generation: number
  readonly id: string
  readonly mean: number
  readonly genome: Genome
}

/** Those that were scored, in the order of the generations. Pure. */
function bestByGeneration(state: Pick<RunState, 'history'>): GenerationBest[] {
  return state.history.flatMap(({ generation, best, candidates }) => {
    const row = candidates.find(({ id }) => id === best?.id)
    return best === null || row === undefined ? [] : [{ generation, ...best, genome: row.genome }]
  })
}

export function runHistoryJob({ pool, runState }: RunHistoryComponents): JobKind {
  /** Throws RUN_UNKNOWN, GEOMETRY_MODEL_UNSUITABLE. */
  function stateOf(run: string): RunState {
    const state = runState(run)
    if (!workloadNamed(state.spec.workload.kind).builds)
      throw new VillageError('GEOMETRY_MODEL_UNSUITABLE', 'The candidates of this run are no models', {
        fields: { run },
      })
    return state
  }

  /** Builds a candidate, looks at it, and lets it go. */
  async function look(
    { spec, run }: RunState,
    best: GenerationBest,
    context: JobContext,
  ): Promise<JsonObject> {
    const { artifacts, models, modelsDirectory, workDirectory, signal, log, stagePin: pin } = context
    const workload: WorkloadContext = { artifacts, models, pool, modelsDirectory, workDirectory, log }
    const { kind, options } = spec.workload
    const init = { id: `${run}-${best.id}`, pin }
    const built = await workloadNamed(kind).build(options, best.genome, workload, init, signal)
    if (built === null)
      throw new VillageError('GEOMETRY_MODEL_UNSUITABLE', 'The candidates of this run are no models')
    const stored = await artifacts.materialize(built.cid, modelsDirectory)
    const from = { data: null, texts: TEXTS }
    return withCandidateDirectory(workDirectory, async (unpacked) => {
      const isPacked = formatOf(path.join(stored, MODEL_FILE)) === 'packed'
      if (isPacked)
        await pool.run('packed.unpack', { packedDir: stored, outDir: unpacked, runtime: 'float' }, { signal })
      const request = { modelDirectory: isPacked ? unpacked : stored, workDirectory: modelsDirectory, from }
      return pool.run('geometry.snapshot', request, { signal })
    })
  }

  return {
    kind: 'geometry-run',
    parseParams(input): RunHistoryParams {
      const reader = readParams(input)
      const run = reader.text('run', 64)
      const generations = reader.optionalNumber('generations', 0, MAX_GENERATIONS)
      reader.end()
      return { run, generations }
    },
    // What ends while the job is under way does not belong to it: planned again after a restart, it is the same job.
    async settle(given) {
      const { run } = given as RunHistoryParams
      return { run, generations: stateOf(run).history.length }
    },
    async plan(given) {
      stateOf((given as RunHistoryParams).run)
      return []
    },
    async assemble(given, _results, context) {
      const { run, generations } = given as RunHistoryParams
      const state = stateOf(run)
      const rows = bestByGeneration({ history: state.history.slice(0, generations ?? 0) })
      const looks = new Map<string, JsonObject>()
      const lines: string[] = []
      for (const best of rows) {
        context.signal.throwIfAborted()
        // The best of a generation is often that of the one before.
        const seen = looks.get(best.id) ?? (await look(state, best, context))
        looks.set(best.id, seen)
        const { generation, id, mean } = best
        lines.push(`${JSON.stringify({ generation, id, mean, ...seen })}\n`)
      }
      const bytes = new TextEncoder().encode(lines.join(''))
      const name = `${state.spec.name}.geometry.jsonl`
      const { cid } = await context.artifacts.addBytes(bytes, { name, pin: context.pin, private: true })
      return { run, name: state.spec.name, generations: rows.length, candidates: looks.size, geometry: cid }
    },
  }
}
