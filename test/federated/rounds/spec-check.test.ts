import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../../node/errors.ts'
import { STRATEGIES } from '../../../node/federated/evolve/table.ts'
import { settleRun } from '../../../node/federated/rounds/settling.ts'
import { parseRunSpec } from '../../../node/federated/rounds/spec-check.ts'
import type { WorkloadContext } from '../../../node/federated/workloads/workload.ts'
import { toySpec } from '../../helpers/paper-run.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { toyWorkload } from '../../helpers/toy-workload.ts'

const test = suite('the spec of a run')

test('defaults are filled in, and reading it again changes nothing', () => {
  const spec = parseRunSpec({
    name: 'least',
    workload: { kind: 'toy' },
    strategy: { name: 'tournament' },
    population: 4,
    limits: { generations: 2 },
  })
  assert.equal(parseRunSpec(spec), spec)
  assert.is(spec.minimum, 1)
  assert.is(spec.publish, null)
  assert.is(spec.limits.plateau, null)
})

const REFUSED: Record<string, object> = {
  'a key that is not known': { surprise: 1 },
  'a limit that is not known': { limits: { generations: 2, surprise: 1 } },
  'no candidates': { population: 0 },
  'too many candidates': { population: 256, limits: { generations: 1_000 } },
  'half a generation': { limits: { generations: 1.5 } },
  'half a plateau': { limits: { generations: 2, plateau: 1.5 } },
  'a deadline of a year': { deadlines: { proposeMs: 2 ** 40 } },
  'an id that is no id': { publish: { id: 'No Such' } },
  'a name that moves the cursor': { name: 'toys\u001b[2J' },
  'a name that reads from right to left': { name: 'toys \u202esyot' },
  'a name of two lines': { name: 'toys\ntoys' },
  'a seed that is too large': { seed: 2 ** 53 },
  'another version': { version: 2 },
  'options that are too long': { workload: { kind: 'toy', options: { text: 'x'.repeat(60_000) } } },
}
for (const [what, change] of Object.entries(REFUSED))
  test(`${what} is refused`, () =>
    void throwsCode(() => parseRunSpec({ ...toySpec(), ...change }), 'INVALID_ARGUMENT'))

test('a kind that there is not is a slip of the person here, not a run of a newer member', async () => {
  const tables = { workloads: { toy: toyWorkload() }, strategies: STRATEGIES }
  // Nothing of it is reached.
  const context = {} as WorkloadContext
  const signal = new AbortController().signal
  for (const change of [{ workload: { kind: 'toyy' } }, { strategy: { name: 'cmaes' } }]) {
    const settled = settleRun({ tables, context }, { ...toySpec(), ...change }, signal)
    assert.match((await rejectsCode(settled, 'EVOLVE_CONFIG_INVALID')).message, /did you mean|it knows/)
  }
})

test('whatever comes, it is a spec or INVALID_ARGUMENT', () => {
  const keys = Object.keys(toySpec())
  fc.assert(
    fc.property(fc.constantFrom(...keys), fc.jsonValue(), (key, value) => {
      try {
        const spec = parseRunSpec({ ...toySpec(), [key]: value })
        assert.equal(parseRunSpec(spec), spec)
      } catch (error) {
        if (!(error instanceof VillageError) || error.code !== 'INVALID_ARGUMENT') throw error
      }
    }),
  )
})

test.run()
