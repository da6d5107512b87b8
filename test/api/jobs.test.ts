/** Running a job again, and what its parameters have to stand for that. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCompressParams } from '../../node/compute/jobs/compress-params.ts'
import { parseEvaluateParams } from '../../node/compute/jobs/evaluate-params.ts'
import { trainJob } from '../../node/compute/jobs/train-job.ts'
import { parseGeometryParams } from '../../node/federated/geometry/geometry-params.ts'
import { parseMergeParams } from '../../node/federated/merge/merge-params.ts'
import type { JsonObject } from '../../node/json.ts'
import { startTestApi } from '../helpers/api-server.ts'

const test = suite('jobs again')

test('a job that has ended is submitted again as it was; one that runs is not', async () => {
  const server = await startTestApi()
  try {
    const { jobs } = server.services
    const params = { model: 'encoder', codec: 'int4' }
    const { id } = await jobs.submit({ kind: 'compress', params, priority: 7 })
    const retry = (body: object) => server.ask(`/api/v1/jobs/${id}/retry`, { method: 'POST', body })
    assert.is((await retry({})).json.code, 'JOB_RUNNING')
    await jobs.cancel(id)
    assert.is((await retry({ resume: true })).json.code, 'INVALID_ARGUMENT')
    const { status, json } = await retry({})
    assert.is(status, 201)
    assert.is.not(json.id, id)
    assert.equal([json.kind, json.params, json.priority, json.state], ['compress', params, 7, 'running'])
    assert.is(jobs.get(id)!.state, 'cancelled')
  } finally {
    await server.close()
  }
})

const WISHES: readonly [name: string, parse: (input: unknown) => JsonObject, wish: JsonObject][] = [
  ['compress', parseCompressParams, { model: 'm', codec: 'auto', target: { ratio: 8 } }],
  ['compress forced', parseCompressParams, { model: 'm', codec: 'ternary', force: true }],
  [
    'evaluate',
    parseEvaluateParams,
    { models: ['m'], suite: 'custom', files: { data: 'c' }, options: { limit: 3 } },
  ],
  ['train', trainJob.parseParams, { model: 'm', data: ['/texts/a.txt'], steps: 3 }],
  ['geometry', parseGeometryParams, { models: ['m'] }],
  [
    'merge',
    parseMergeParams,
    {
      recipe: {
        merge_method: 'linear',
        models: [
          { model: 'a', parameters: { weight: 1 } },
          { model: 'b', parameters: { weight: 1 } },
        ],
      },
      models: { a: { cid: 'c', id: 'a', directory: null } },
    },
  ],
]

for (const [name, parse, wish] of WISHES)
  test(`parameters of a stored job are taken again: ${name}`, () => {
    const stored = JSON.parse(JSON.stringify(parse(wish)))
    assert.equal(JSON.parse(JSON.stringify(parse(stored))), stored)
  })

test.run()
