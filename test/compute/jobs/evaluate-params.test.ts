/** What is refused when an evaluation is submitted, not after the models have answered. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { suiteNamed } from '../../../node/compute/evaluate/suite-table.ts'
import { checkEvaluable, parseEvaluateParams } from '../../../node/compute/jobs/evaluate-params.ts'
import type { JobContext } from '../../../node/compute/jobs/job.ts'
import type { ModelEntry } from '../../../node/compute/models/model-entry.ts'
import { VillageError } from '../../../node/errors.ts'
import { rejectsCode } from '../../helpers/throws.ts'

test('a suite that runs programs asks first whether the sandbox has what it runs', async () => {
  const asked: string[] = []
  const context = {
    models: { need: async () => ({ id: 'm', cid: 'c', kind: 'language' }) as ModelEntry },
    artifacts: { has: async () => true },
    sandbox: {
      async check(program: string) {
        asked.push(program)
        throw new VillageError('SANDBOX_PROGRAM_MISSING')
      },
    },
    // Nothing else of them is asked for.
  } as unknown as Pick<JobContext, 'models' | 'artifacts' | 'sandbox'>
  const params = (suite: string) => parseEvaluateParams({ models: ['m'], suite, files: { data: 'd' } })
  const humaneval = checkEvaluable(params('humaneval'), suiteNamed('humaneval'), context)
  await rejectsCode(humaneval, 'SANDBOX_PROGRAM_MISSING')
  assert.equal(asked, ['python3'])
  assert.equal(await checkEvaluable(params('perplexity'), suiteNamed('perplexity'), context), [
    { id: 'm', cid: 'c' },
  ])
  assert.is(asked.length, 1)
})

test.run()
