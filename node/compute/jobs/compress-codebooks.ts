/** The stages of a `compress` job that train codebooks, for weights whose codec has one (vptq). */
import type { JsonObject } from '../../json.ts'
import { codecByName } from '../codecs/table.ts'
import { layoutOf } from '../codecs/vptq.ts'
import { codebookHash } from '../codecs/vptq-codebook.ts'
import { type CodebookGroup, codebookGroups } from '../codecs/vptq-groups.ts'
import type { VptqBits } from '../codecs/vptq-layouts.ts'
import { codebookTaskParams } from '../tasks/codebook-task.ts'
import { calibrationOf } from './compress-calibration.ts'
import type { ChosenWeight } from './compress-choice.ts'
import { type Codebook, type CompressStages, latest, modelCid, surveyOf } from './compress-state.ts'
import type { Stage } from './job.ts'
import { readJobFile, writeJobFile } from './job-files.ts'

/** Stated, so that anybody can train the same codebook. */
const SEED = 20260722

/** Groups of the weights that need a codebook, by their bits. */
async function groupsOf(at: CompressStages): Promise<CodebookGroup[]> {
  const chosen = await readJobFile<ChosenWeight[]>(at.context, latest(at, 'choose'), 'chosen')
  const { weights } = await surveyOf(at)
  const usesOf = new Map(weights.map(({ name, uses }) => [name, uses]))
  const needing = chosen.filter(({ codec }) => codecByName(codec).aids.includes('codebook'))
  const layoutKey = ({ params }: ChosenWeight) => {
    const { bits, name } = layoutOf(params)
    return `${bits} ${name}`
  }
  return [...Map.groupBy(needing, layoutKey).values()].flatMap((alike) => {
    const { bits, name } = layoutOf(alike[0]!.params)
    const given = alike.map((weight) => ({ ...weight, uses: usesOf.get(weight.name)! }))
    // The default is a large codebook; where a small one is better for so few weights, it is taken instead.
    const isDefault = name === layoutOf(codecByName('vptq').parseParams({ bits })).name
    return codebookGroups(given, { bits: bits as VptqBits, ...(isDefault ? {} : { layout: name }) })
  })
}

/** One task a codebook; null where no weight needs one. */
export async function codebookStage(at: CompressStages): Promise<Stage | null> {
  const groups = await groupsOf(at)
  if (groups.length === 0) return null
  const init = { model: await modelCid(at), calibration: calibrationOf(at), seed: SEED }
  const tasks = groups.map((group) => {
    const params: JsonObject = codebookTaskParams(group, init)
    const label = `codebook of ${group.weights[0]!.name} and ${group.weights.length - 1} more`
    return { kind: 'codebook', params, after: [], label }
  })
  return { name: 'codebook', tasks, facts: {} }
}

/** A stage without tasks whose fact is which codebook each weight has. */
export async function codebooksStage(at: CompressStages): Promise<Stage> {
  const { context } = at
  const groups = await groupsOf(at)
  const { results } = latest(at, 'codebook')!
  const codebooks: Record<string, Codebook> = {}
  for (const [index, { layout, weights }] of groups.entries()) {
    const bytes = await results[index]!.read()
    const { cid } = await context.artifacts.addBytes(bytes, { pin: context.stagePin, private: true })
    const params = { bits: layout.bits, layout: layout.name, codebook: codebookHash(bytes) }
    for (const { name } of weights) codebooks[name] = { cid, params }
  }
  return { name: 'codebooks', tasks: [], facts: { codebooks: await writeJobFile(context, codebooks) } }
}
