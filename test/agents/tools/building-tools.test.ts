/** What tools make of the few words that a model of any size can be told by, for the jobs that take many. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { buildingTools, compressParams } from '../../../node/agents/tools/building-tools.ts'
import { jobFigures } from '../../../node/agents/tools/job-figures.ts'
import { parseCompressParams } from '../../../node/compute/jobs/compress-params.ts'
import type { JobSummary } from '../../../node/compute/jobs/job.ts'
import { VillageError } from '../../../node/errors.ts'
import { MERGE_METHODS } from '../../../node/federated/merge/methods/table.ts'
import { parseRecipe } from '../../../node/federated/merge/recipe.ts'
import type { JsonObject } from '../../../node/json.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { createToolServices, type ToolServices, waitable } from '../../helpers/tool-services.ts'

const test = suite('building tools')

test('targets and codecs mean what they mean on the command line', () => {
  const parsed = (given: Parameters<typeof compressParams>[0]) => {
    const { codec, params, target, id } = parseCompressParams(compressParams(given))
    return { codec, params, target, id }
  }
  assert.is(parsed({ model: 'm' }).codec, 'int4')
  assert.equal(parsed({ model: 'm', ratio: 8 }).target, { ratio: 8 })
  assert.equal(parsed({ model: 'm', quality: 0.95 }).target, { quality: 0.95 })
  assert.equal(parsed({ model: 'm', bits: 3 }).target, { bits: 3 })
  assert.equal(parsed({ model: 'm', codec: 'seedlm', bits: 3, id: 'small' }), {
    ...{ codec: 'seedlm', target: null, id: 'small' },
    params: parsed({ model: 'm', codec: 'seedlm', bits: 3 }).params,
  })
  throwsCode(() => parsed({ model: 'm', ratio: 8, maxBytes: 5 }), 'INVALID_ARGUMENT')
  throwsCode(() => parsed({ model: 'm', codec: 'int4', ratio: 8 }), 'INVALID_ARGUMENT')
})

test('a merge of named models is a recipe that every method takes', async () => {
  for (const method of Object.keys(MERGE_METHODS)) {
    const tools = createToolServices()
    // The queue in memory knows no merges: what it is given is caught.
    let recipe: JsonObject | null = null
    tools.services.jobs.submit = async ({ params }) => {
      recipe = params.recipe as JsonObject
      throw new VillageError('JOB_KIND_UNKNOWN')
    }
    const { base, models } = MERGE_METHODS[method]!
    const merged = models.max === 1 ? ['a'] : ['a', 'b']
    const given = { models: merged, method, ...(base === 'required' && { base: 'c' }) }
    await rejectsCode(mergeWith(tools, given), 'JOB_KIND_UNKNOWN')
    const parsed = parseRecipe(recipe!)
    assert.is(parsed.method, method)
  }
})

/** The tool was made before the queue was changed: it is made anew over the changed one. */
async function mergeWith(tools: ToolServices, given: JsonObject): Promise<unknown> {
  const { services } = tools
  const made = buildingTools({ ...services, jobs: waitable(services) })
  return made
    .find(({ name }) => name === 'model_merge')!
    .run(given, {
      asker: { kind: 'owner', id: 'owner', scope: 'admin' },
      request: 'r',
      seesPrivate: true,
      staysHere: false,
      countTokens: () => {},
      signal: new AbortController().signal,
      progress: () => undefined,
    })
}

test('merging needs models or a recipe, and a method that there is', async () => {
  const tools = createToolServices()
  await rejectsCode(tools.run('model_merge', {}), 'INVALID_ARGUMENT')
  await rejectsCode(tools.run('model_merge', { models: ['a', 'b'], recipe: {} }), 'INVALID_ARGUMENT')
  await rejectsCode(tools.run('model_merge', { models: ['a', 'b'], method: 'magic' }), 'MERGE_RECIPE_INVALID')
})

test('figures of each kind of job are numbers and ids', () => {
  const job = (kind: string, result: JsonObject) => jobFigures({ id: 'j', kind, result } as JobSummary)
  assert.equal(
    job('evaluate', {
      suite: 's',
      items: 3,
      models: [{ model: 'm', metrics: [{ name: 'right', value: 0.5, low: 0, high: 1, title: 'words' }] }],
    }),
    {
      ...{ job: 'j', suite: 's', items: 3, reference: null, score: 0.5 },
      models: [{ model: 'm', score: 0.5, metrics: [{ name: 'right', value: 0.5, low: 0, high: 1 }] }],
    },
  )
  assert.is(job('train', { id: 'm', best: { heldOutLoss: 2.5, step: 3 }, loss: 2 }).heldOutLoss, 2.5)
  assert.equal(job('merge', { id: 'm', method: 'linear', files: { a: 1 } }), {
    job: 'j',
    model: 'm',
    method: 'linear',
  })
  const geometry = job('geometry', {
    models: [{ model: 'm', layers: null, matrices: [{ stableRank: 2 }, { stableRank: 4 }] }],
    pairs: [],
  })
  assert.equal(geometry.models, [{ model: 'm', layers: [], meanStableRank: 3, meanTailExponent: null }])
  assert.equal(job('unknown', { text: 'words' }), { job: 'j' })
})

test.run()
