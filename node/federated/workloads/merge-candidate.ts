/** A merged model from a genome: tensor by tensor from parents that stay in memory. Runs in worker threads. */

import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { MergeMethod, Parameters } from '../merge/methods/method.ts'
import type { LayerGroups } from './layer-groups.ts'
import { groupOf } from './layer-groups.ts'
import { type MergeCandidate, needMethod } from './merge-genome.ts'
import type { ModelTensors, TensorCache } from './model-tensors.ts'
import { type CandidateName, writeCandidate } from './write-candidate.ts'

const LEAST_DENSITY = 0.01

export interface MergeCandidateRequest {
  /** Model directories. */
  readonly parents: readonly string[]
  readonly base: string | null
  readonly layerGroups: LayerGroups
  readonly candidate: MergeCandidate
  /** Of what is dropped at random: the same for all candidates of a run, so that like genomes give like models. */
  readonly seed: number
  readonly outDir: string
  readonly card: CandidateName | null
}

function isSame(a: Float32Array, b: Float32Array): boolean {
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Parameters that the genome does not state have their defaults; task vectors are added up, never divided by their weights. */
function globalsOf(method: MergeMethod): Parameters {
  const values = Object.entries(method.global).map(([name, { absent }]) => [
    name,
    name === 'normalize' && method.base === 'required' ? false : absent!,
  ])
  return Object.fromEntries(values) as Parameters
}

const isNone = (weights: readonly number[]): boolean => weights.every((weight) => weight === 0)

function weightsOf(method: MergeMethod, weights: readonly number[]): readonly number[] {
  // A mean needs a weight: without any (and without a base, which would stand then), all count alike.
  return method.base !== 'required' && isNone(weights) ? weights.map(() => 1) : weights
}

/** Throws EVOLVE_MODELS_DIFFER naming tensor and reason. */
export function checkMergeable(models: readonly ModelTensors[]): void {
  const [first, ...rest] = models
  const differ = (tensor: string, why: string) =>
    new VillageError('EVOLVE_MODELS_DIFFER', `The tensor "${tensor}" ${why}`, { fields: { tensor } })
  for (const other of rest) {
    for (const [name, { dims }] of first!.infos) {
      const found = other.infos.get(name)
      if (found === undefined) throw differ(name, 'is not in all of the models')
      if (found.dims.join() !== dims.join()) throw differ(name, 'has not the same shape in all of the models')
    }
    const stray = [...other.infos.keys()].find((name) => !first!.infos.has(name))
    if (stray !== undefined) throw differ(stray, 'is not in all of the models')
  }
}

/** Writes the merged model. Memory: the cache, one output tensor, and what the method needs beside it. */
export async function buildMerge(cache: TensorCache, request: MergeCandidateRequest): Promise<JsonObject> {
  const { layerGroups, candidate, seed, outDir, card } = request
  const method = needMethod(candidate.method)
  const parents = request.parents.map((directory) => cache.open(directory))
  const base = request.base === null ? null : cache.open(request.base)
  const models = base === null ? parents : [base, ...parents]
  checkMergeable(models)
  const globals = globalsOf(method)
  let merged = 0

  function mergeTensor(name: string, dims: readonly number[]): Float32Array {
    const first = models[0]!.read(name)
    // Constants of the graph and what no training has touched.
    if (models.every((model) => isSame(model.read(name), first))) return first
    const { weights, density } = candidate.groups[groupOf(name, layerGroups)]!
    if (base !== null && isNone(weights)) return base.read(name)
    merged += 1
    return method.merge({
      name,
      dims,
      models: parents.length,
      read: (index) => parents[index]!.read(name),
      readBase: base === null || method.base === 'none' ? null : () => base.read(name),
      parameters: weightsOf(method, weights).map((weight) => parametersOf(method, weight, density)),
      globals,
      seed,
    })
  }

  const values = new Map(
    [...models[0]!.infos].map(([name, { dims }]) => [name, () => mergeTensor(name, dims)] as const),
  )
  const modelDir = request.base ?? request.parents[0]!
  await writeCandidate({ modelDir, outDir, values, card })
  return { tensors: values.size, merged }
}

/** DELLA keeps elements with a probability of density ± ε, which has to be one. */
function densityFor({ byModel }: MergeMethod, density: number): number {
  const epsilon = byModel.epsilon?.absent
  if (typeof epsilon !== 'number' || density >= 1) return density
  return Math.min(1 - epsilon, Math.max(epsilon + LEAST_DENSITY, density))
}

function parametersOf(method: MergeMethod, weight: number, density: number): Parameters {
  const given: Parameters = { weight, density: densityFor(method, density) }
  const values = Object.entries(method.byModel).map(([name, { absent }]) => [name, given[name] ?? absent!])
  return Object.fromEntries(values) as Parameters
}
