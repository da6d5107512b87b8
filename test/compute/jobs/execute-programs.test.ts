/** Programs of an evaluation, run in the real sandbox. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeLines } from '../../../node/compute/evaluate/evaluation-files.ts'
import { runPrograms } from '../../../node/compute/jobs/execute-programs.ts'
import { sandboxHere } from '../../helpers/sandboxes.ts'

const test = suite('programs of an evaluation')
const sandbox = await sandboxHere({ parallel: 2 })
const signal = new AbortController().signal
test.after(() => sandbox?.stop())

const answers = encodeLines(
  ['double', 'triple'].map((entryPoint, index) => ({
    id: `Own/${index}`,
    group: '',
    entryPoint,
    prompt: `def ${entryPoint}(n):\n    """ ${entryPoint} n. """\n`,
    test: `def check(candidate):\n    assert candidate(4) == ${4 * (index + 2)}\n`,
  })),
)

if (sandbox !== null)
  test('every sample is run, and said how it ended', async () => {
    const completions = [
      ['    return n + n\n', '    return n\n', '    raise ValueError()\n'],
      ['    return 3 * n\n', 'nonsense', '    import os\n    os._exit(0)\n'],
    ]
    const outcomes = await runPrograms(answers, completions, { sandbox, signal })
    assert.equal(
      outcomes.map((own) => own[0]),
      ['passed', 'passed'],
    )
    assert.ok(outcomes.every((own) => own.slice(1).every((outcome) => outcome !== 'passed')))
    assert.is(outcomes[0]![1], 'wrong')
    assert.is(outcomes[1]![1], 'invalid')
  })

test('as many completions as problems are asked for', async () => {
  const never = { parallel: 1, availability: () => assert.unreachable(), run: () => assert.unreachable() }
  await runPrograms(answers, [['']], { sandbox: sandbox ?? (never as never), signal }).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'INVALID_ARGUMENT'),
  )
})

test.run()
