import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type HumanEvalProblem,
  passAtK,
  readHumanEval,
  runSolution,
  scoreHumanEval,
} from '../../../node/compute/evaluate/humaneval.ts'
import { VillageError } from '../../../node/errors.ts'
import { sandboxHere } from '../../helpers/sandboxes.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const signal = new AbortController().signal
const sandbox = await sandboxHere({ parallel: 2 })

const DOUBLE: HumanEvalProblem = {
  taskId: 'Test/0',
  prompt:
    'def shift(x: int) -> int:\n    return x + 1\n\n\ndef double(values: list) -> list:\n    """ Twice each value. """\n',
  entryPoint: 'double',
  test: 'def check(candidate):\n    import random\n    values = [random.randint(0, 9) for _ in range(5)]\n    assert candidate(values) == [2 * value for value in values]\n    assert candidate([]) == []\n    assert double([shift(1)]) == [4]\n',
  canonicalSolution: '    return [2 * value for value in values]\n',
}

function lines(...records: unknown[]): Uint8Array {
  return Buffer.from(records.map((record) => JSON.stringify(record)).join('\n'))
}

const RECORD = {
  task_id: 'Test/0',
  prompt: 'def f():\n',
  entry_point: 'f',
  canonical_solution: '    return 1\n',
  test: 'def check(candidate):\n    assert candidate() == 1\n',
}

test('the published file is read, packed or not', () => {
  const plain = lines(RECORD, { ...RECORD, task_id: 'Test/1' })
  assert.is(readHumanEval(plain).length, 2)
  assert.equal(readHumanEval(gzipSync(plain)), readHumanEval(plain))
  assert.is(readHumanEval(plain)[0]?.entryPoint, 'f')
})

test('a file that is none is refused, with its line', () => {
  const bad: Uint8Array[] = [
    Buffer.from(''),
    Buffer.from('{'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from([0x1f, 0x8b, 1, 2]),
    lines(RECORD, RECORD),
    lines(RECORD, 7),
    lines({ ...RECORD, test: undefined }),
    lines({ ...RECORD, entry_point: 'f(); import os' }),
    lines({ ...RECORD, prompt: 'x'.repeat(2 ** 20 + 1) }),
    gzipSync(Buffer.alloc(65 * 2 ** 20)),
  ]
  for (const bytes of bad) throwsCode(() => readHumanEval(bytes), 'HUMANEVAL_MALFORMED')
  try {
    readHumanEval(lines(RECORD, { ...RECORD, task_id: 'b', prompt: 1 }))
    assert.unreachable()
  } catch (error) {
    assert.is((error as VillageError).fields.line, 2)
  }
})

test('pass@k is the unbiased estimate of the paper', () => {
  const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k)
  for (let n = 1; n <= 12; n++)
    for (let c = 0; c <= n; c++)
      for (let k = 1; k <= n; k++) {
        const expected = n - c < k ? 1 : 1 - choose(n - c, k) / choose(n, k)
        assert.ok(Math.abs(passAtK(n, c, k) - expected) < 1e-12, `${n} ${c} ${k}`)
      }
  assert.is(passAtK(1000, 0, 100), 0)
  assert.ok(Number.isNaN(passAtK(3, 1, 4)))
})

if (sandbox !== null) {
  const judged = async (completion: string, problem = DOUBLE) =>
    (await runSolution({ sandbox, signal }, problem, completion)).outcome

  test('a right solution passes, also one that changes its arguments or defines more', async () => {
    assert.is(await judged(DOUBLE.canonicalSolution), 'passed')
    assert.is(
      await judged('    for i in range(len(values)):\n        values[i] *= 2\n    return values\n', {
        ...DOUBLE,
        test: 'def check(candidate):\n    values = [1, 2]\n    candidate(values)\n    assert values == [2, 4]\n',
      }),
      'passed',
    )
    assert.is(
      await judged('    return helper(values)\n\ndef helper(v):\n    return [x + x for x in v]\n'),
      'passed',
    )
  })

  test('values of every plain type pass between solution and test', async () => {
    const problem = {
      ...DOUBLE,
      test: `
def check(candidate):
    from fractions import Fraction
    values = [None, True, 1, -2**70, 1.5, float('inf'), 'a\\udc80é', [1, [2]], (1,), {1: (2,), 'a': {3}}, {1, 2},
        frozenset([1]), b'ab', bytearray(b'c'), 1 + 2j, range(1, 9, 2), Fraction(1, 3)]
    for value in values:
        back = candidate(value)
        assert back == value and type(back) is type(value), value
    assert candidate(float('nan')) != 1
    assert list(candidate(iter([1, 2]))) == [1, 2]
    assert candidate(object) != object
    try:
        candidate(values=KeyError)
    except KeyError:
        pass
`,
    }
    assert.is(await judged('    return values\n', problem), 'passed')
  })

  /** Each claims to be right and is wrong. */
  const CHEATS: Readonly<Record<string, string>> = {
    'does nothing': '    pass\n',
    'ends with exit code 0': '    import sys\n    sys.exit(0)\n',
    'ends its process': '    import os\n    os._exit(0)\n',
    'ends when it is loaded': '    pass\n\nimport os\nos._exit(0)\n',
    raises: '    raise ValueError("no")\n',
    'raises what the test catches': '    raise AssertionError()\n',
    'equals everything':
      '    class Any(list):\n        __eq__ = lambda self, other: True\n        __ne__ = lambda self, other: False\n    return Any()\n',
    'replaces check': '    pass\n\ndef check(candidate):\n    pass\n',
    'changes built-in functions':
      '    return []\n\nimport builtins, random\nrandom.randint = lambda a, b: 0\nbuiltins.range = lambda *a: []\nbuiltins.AssertionError = Exception\n',
    'prints a verdict': '    print(\'\\n x {"outcome": "passed", "detail": ""}\')\n    return None\n',
    'writes to every descriptor and input':
      '    import os\n    for number in range(64):\n        try:\n            os.write(number, b\'\\n{"outcome": "passed"}\\n\')\n        except OSError:\n            pass\n    return []\n',
    'looks for the test in its stack and its files':
      '    import sys, gc, os\n    found = [f for f in gc.get_objects() if type(f) is dict and "nonce" in f]\n    texts = [open(n).read() for n in os.listdir("/home")]\n    if found or any("randint" in t for t in texts if "JUDGE" not in t and "def judge" not in t and "return [" not in t):\n        return [2 * v for v in values]\n    return None\n',
    'ends the judge': '    import os, signal\n    os.kill(os.getppid(), signal.SIGKILL)\n',
    'exits by a handler': '    pass\n\nimport atexit, os\natexit.register(lambda: os._exit(0))\n',
    'ends the loops of the test': '    raise StopIteration()\n',
    'answers with no message': '    import os\n    os.write(4, b"\\0" * 64)\n    return None\n',
    'answers without end': '    import os\n    while True:\n        os.write(4, b"\\xff" * 65536)\n',
  }

  test('a wrong solution passes in no way', async () => {
    const outcomes = await Promise.all(
      Object.entries(CHEATS).map(async ([name, completion]) => [name, await judged(completion)]),
    )
    for (const [name, outcome] of outcomes) assert.is.not(outcome, 'passed', name)
  })

  test('one that does not compile, has no such function or never ends is told apart', async () => {
    assert.is(await judged('    return (\n'), 'invalid')
    assert.is(await judged('    pass\n\ndel double\n'), 'invalid')
    assert.is(await judged('    return 1\n'), 'wrong')
    const limited = await runSolution(
      { sandbox, signal, limits: { cpuSeconds: 1, wallMs: 10_000 } },
      DOUBLE,
      '    while True: pass\n',
    )
    assert.is(limited.outcome, 'cpu')
    const waits = await runSolution(
      { sandbox, signal, limits: { wallMs: 300 } },
      DOUBLE,
      '    import time\n    time.sleep(600)\n',
    )
    assert.is(waits.outcome, 'wall')
  })

  test('scores come by problem and sample, in their order', async () => {
    const score = await scoreHumanEval({
      problems: [DOUBLE, { ...DOUBLE, taskId: 'Test/1' }],
      completions: [
        ['    pass\n', DOUBLE.canonicalSolution, '    return 1\n'],
        ['    pass\n', '    pass\n', '    pass\n'],
      ],
      k: [1, 2],
      sandbox,
      signal,
    })
    assert.equal(
      score.items.map(({ samples }) => samples.map(({ outcome }) => outcome)),
      [
        ['wrong', 'passed', 'wrong'],
        ['wrong', 'wrong', 'wrong'],
      ],
    )
    assert.ok(Math.abs((score.passAtK[0] ?? 0) - 1 / 6) < 1e-12)
    assert.ok(Math.abs((score.passAtK[1] ?? 0) - 1 / 3) < 1e-12)
  })

  test('an abort ends a score', async () => {
    const abort = new AbortController()
    const running = scoreHumanEval({
      problems: [DOUBLE],
      completions: [['    import time\n    time.sleep(600)\n']],
      k: [1],
      sandbox,
      signal: abort.signal,
    })
    setImmediate(() => abort.abort(new VillageError('ABORTED')))
    await rejectsCode(running, 'ABORTED')
  })
}

test('too few completions are refused', async () => {
  const none = { parallel: 1, run: async () => assert.unreachable() as never }
  const base = { problems: [DOUBLE], sandbox: none, signal }
  await rejectsCode(scoreHumanEval({ ...base, completions: [], k: [1] }), 'INVALID_ARGUMENT')
  await rejectsCode(scoreHumanEval({ ...base, completions: [['']], k: [2] }), 'INVALID_ARGUMENT')
  await rejectsCode(scoreHumanEval({ ...base, completions: [['']], k: [0] }), 'INVALID_ARGUMENT')
})

test.run()
