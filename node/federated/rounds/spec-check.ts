/** Reads a RunSpec, which may come from a person's configuration or from a peer's announcement: every field named, typed and bounded. */
import { checkModelId } from '../../compute/models/model-ids.ts'
import { invalid, readParams } from '../../compute/tasks/read-params.ts'
import { VillageError } from '../../errors.ts'
import { canonicalJson, type JsonObject } from '../../json.ts'
import type { RunSpec } from './run-spec.ts'

export const MAX_SPEC_BYTES = 48 * 1024
/** Candidates of all generations together: what the history of a run may hold. */
export const MAX_CANDIDATES = 65_536
const MAX_NAME = 80
const MAX_GENERATIONS = 10_000
const MAX_DEADLINE_MS = 24 * 3_600_000

const DEFAULT_DEADLINES = { proposeMs: 10_000, commitMs: 600_000, revealMs: 30_000, buildMs: 900_000 }

function readLimits(input: JsonObject): RunSpec['limits'] {
  const reader = readParams(input)
  const whole = (name: string, max: number): number | null => {
    const value = reader.optionalNumber(name, 1, max)
    if (value !== null && !Number.isInteger(value)) throw invalid(`limits.${name}`, 'a whole number or null')
    return value
  }
  const limits = {
    generations: reader.integer('generations', 1, MAX_GENERATIONS),
    evaluations: whole('evaluations', 2 ** 40),
    durationMs: whole('durationMs', 2 ** 45),
    joules: reader.optionalNumber('joules', 0, 2 ** 50),
    plateau: whole('plateau', MAX_GENERATIONS),
    minGain: reader.optionalNumber('minGain', 0, 1) ?? 0,
  }
  reader.end()
  return limits
}

function readDeadlines(input: JsonObject): RunSpec['deadlines'] {
  const reader = readParams(input)
  const read = (name: keyof typeof DEFAULT_DEADLINES) =>
    reader.integer(name, 1, MAX_DEADLINE_MS, DEFAULT_DEADLINES[name])
  const deadlines = {
    proposeMs: read('proposeMs'),
    commitMs: read('commitMs'),
    revealMs: read('revealMs'),
    buildMs: read('buildMs'),
  }
  reader.end()
  return deadlines
}

function readNamed(input: JsonObject, key: 'kind' | 'name'): { name: string; options: JsonObject } {
  const reader = readParams(input)
  const named = { name: reader.text(key, 40), options: reader.object('options') }
  reader.end()
  return named
}

/**
 * Fills in defaults. Options of the workload and the strategy are for their rows to check. Throws INVALID_ARGUMENT naming the field.
 */
export function parseRunSpec(input: unknown): RunSpec {
  const reader = readParams(input)
  const version = reader.integer('version', 1, 1, 1) as 1
  const workload = readNamed(reader.object('workload'), 'kind')
  const spec: RunSpec = {
    version,
    name: reader.title('name', MAX_NAME),
    workload: { kind: workload.name, options: workload.options },
    strategy: readNamed(reader.object('strategy'), 'name'),
    seed: reader.integer('seed', 0, Number.MAX_SAFE_INTEGER, 1),
    population: reader.integer('population', 1, 256),
    limits: readLimits(reader.object('limits')),
    minimum: reader.integer('minimum', 1, 256, 1),
    scorers: reader.integer('scorers', 1, 64, 2),
    committee: reader.integer('committee', 1, 64, 7),
    deadlines: readDeadlines(reader.object('deadlines')),
    publish: readPublish(reader.object('publish')),
  }
  reader.end()
  if (spec.population * spec.limits.generations > MAX_CANDIDATES)
    throw invalid('population', `at most ${MAX_CANDIDATES} candidates in all generations together`)
  const sizeBytes = Buffer.byteLength(canonicalJson(spec))
  if (sizeBytes > MAX_SPEC_BYTES)
    throw new VillageError('INVALID_ARGUMENT', `A run may be described in ${MAX_SPEC_BYTES} bytes at most`, {
      fields: { argument: 'spec', sizeBytes },
    })
  return spec
}

/** Absent, null and empty mean: the winner is built, and becomes nobody's model by itself. */
function readPublish(input: JsonObject): RunSpec['publish'] {
  if (Object.keys(input).length === 0) return null
  const reader = readParams(input)
  const id = checkModelId(reader.text('id', 64))
  const always = reader.flag('always')
  reader.end()
  return always ? { id, always } : { id }
}
