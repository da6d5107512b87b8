/** An evaluation says from its submission on by which suite it is. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { evaluateJob } from '../../../node/compute/jobs/evaluate-job.ts'
import type { JobContext } from '../../../node/compute/jobs/job.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const test = suite('evaluate: settled parameters')

/** One model of that kind; the rest of a context is not asked for. */
const contextWith = (kind: string) =>
  ({ models: { need: async (id: string) => ({ id, kind }) } }) as unknown as JobContext

const settle = async (kind: string, params: object) =>
  (await evaluateJob.settle!(evaluateJob.parseParams({ models: ['m'], ...params }), contextWith(kind))).suite

test('the default is the first that fits the first model, and what is named stays', async () => {
  assert.is(await settle('encoder', {}), 'similarity')
  assert.is(await settle('language', {}), 'likelihood')
  assert.is(await settle('language', { suite: 'mmlu', files: { data: 'x' } }), 'mmlu')
})

test('no suite fits, or the one that does takes none of the options', async () => {
  await rejectsCode(settle('safetensors', {}), 'INVALID_ARGUMENT')
  await rejectsCode(settle('language', { options: { limit: 3 } }), 'INVALID_ARGUMENT')
})

test.run()
