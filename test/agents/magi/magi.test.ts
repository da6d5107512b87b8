/** Magi by rules and with a model, in the real loop and the real sandbox. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentRequest } from '../../../node/agents/agent.ts'
import { createEndpointModel } from '../../../node/agents/chat/endpoint-model.ts'
import { createEndpoints } from '../../../node/agents/chat/endpoints.ts'
import { intendedCalls } from '../../../node/agents/king/intended-calls.ts'
import { calculates } from '../../../node/agents/magi/arithmetic-words.ts'
import { MAX_REPAIRS } from '../../../node/agents/magi/bound-repairs.ts'
import { fencedCode } from '../../../node/agents/magi/fenced-code.ts'
import { intendedRuns } from '../../../node/agents/magi/intended.ts'
import { MAGI } from '../../../node/agents/magi/magi.ts'
import { planWork } from '../../../node/agents/magi/plan-work.ts'
import { CALCULATE_TOOL } from '../../../node/agents/tools/calculate-tool.ts'
import { codeRunTool } from '../../../node/agents/tools/code-tool.ts'
import { createSandbox } from '../../../node/compute/sandbox/sandbox.ts'
import { createLog } from '../../../node/log.ts'
import { agentParts, OWNER, toolNamed } from '../../helpers/agent-parts.ts'
import { sandboxHere } from '../../helpers/sandboxes.ts'
import { startScriptedEndpoint } from '../../helpers/scripted-endpoint.ts'
import { rejectsCode } from '../../helpers/throws.ts'

const TODAY = '2026-03-01'
const directory = mkdtempSync(path.join(tmpdir(), 'village-magi-'))
const FOLDERS = [{ name: 'work', directory: path.join(directory, 'work'), isWritable: false }]
const RESOURCES = { snapshot: () => ({ memoryBytes: 4 * 2 ** 30 }) }
const signal = () => AbortSignal.timeout(60_000)
test.after(() => rmSync(directory, { recursive: true, force: true }))

test('sentences that are calculations are found, others are not', () => {
  for (const [sentence, wanted] of [
    ['what is 17% of 300?', '17% of 300'],
    ["What's 12 times 7", '12 * 7'],
    ['Could you tell me what is 3 plus 4?', '3 + 4'],
    ['how many MB are in 3 GiB?', '3 GiB in MB'],
    ['how many seconds in an hour', '1 hour in seconds'],
    ['how long does 4 GB take at 50 MB/s?', '(4 GB) / (50 MB/s)'],
    ['the largest of 3, 9 and 2', 'max(3,9,2)'],
    ['please compute 10 factorial', '10!'],
    ['what is 5', null],
    ['what is e', null],
    ['is 7 a prime?', null],
    ['who is 5 + 5', null],
    ['compress it under 4 MB', null],
    ['how many days from 2024-01-01 to 2024-03-01', null],
    ['delete everything', null],
  ] as const)
    assert.is(calculates(sentence), wanted, sentence)
})

test('code between fences is run only where the message asks for it', () => {
  const fence = (language: string, words: string) => `${words}\n\`\`\`${language}\nprint(1)\n\`\`\`\n`
  assert.equal(fencedCode(fence('python', 'run this:')), {
    language: 'python',
    code: 'print(1)\n',
    words: 'run this:\n',
  })
  assert.is((fencedCode(fence('js', 'what does this print?')) as { language: string }).language, 'node')
  assert.is((fencedCode(fence('', 'Please run this python code')) as { language: string }).language, 'python')
  assert.is(fencedCode(fence('rust', 'run this')), 'unknown-language')
  assert.is(fencedCode(fence('python', 'explain this, do not run it')), null)
  assert.is(fencedCode(fence('python', 'Here is my file.')), null)
  assert.is(fencedCode('run print(1)'), null)
  for (const words of [
    'Review this code and tell me what it would print:',
    'Is it safe to run this?',
    'Explain what happens when I run this:',
    'Evaluate whether this is malicious:',
    'What would happen if I tried to run it?',
  ]) {
    assert.is(fencedCode(fence('sh', words)), null, words)
    assert.equal(intendedRuns([{ role: 'user', content: fence('sh', words) }], TODAY), [], words)
  }
  for (const words of ['Review this code and run it', 'Please run this and explain the result'])
    assert.ok(fencedCode(fence('sh', words)) !== null, words)
})

test('what is at hand is found by the words for it, and what is not is said', () => {
  const programOf = (sentence: string) => {
    const work = planWork(sentence, TODAY)
    return work.kind === 'none' ? null : (/"(\w+)"/.exec(work.call.reason)?.[1] ?? work.call.tool)
  }
  for (const [sentence, wanted] of [
    ['Which primes are below 50?', 'primes'],
    ['is 91 prime?', 'factors'],
    ['sort 3, 1, 2', 'sort'],
    ['statistics of 4, 8, 15, 16, 23, 42', 'statistics'],
    ['average column of work/sales.csv', 'csv'],
    ['make a table of squares from 1 to 5', 'table'],
    ['what day of the week was 2024-02-29?', 'dates'],
    ['how many days are left until 24 December?', 'dates'],
    ['how many days until 31 February?', null],
    ['what is 2 + 2', 'calculate'],
    ['write me a poem', null],
    ['delete all my files', null],
    ['compress bert under 4 MB', null],
    ['first 20000 primes', null],
    ['days between 2024-02-30 and 2024-03-01', null],
    ['', null],
  ] as const)
    assert.is(programOf(sentence), wanted, sentence)
  // Were the time to grow with the square of the length, these would take minutes, and the runner would end the test.
  const parts = [
    'primes ',
    'a/',
    '-1.',
    '1e',
    '~~~',
    '```\n',
    "'a.csv ",
    'jan ',
    '- x\n',
    'days between ',
    ' ',
  ]
  for (const part of parts)
    for (const words of ['', 'sort ', 'statistics '])
      for (const length of [990, 31_000, 99_000]) {
        const message = words + part.repeat(length / part.length)
        assert.ok(planWork(message, TODAY))
        intendedRuns([{ role: 'user', content: message }], TODAY)
      }
})

test('what the words ask to run is intended, and nothing else', () => {
  const of = (content: string) => intendedRuns([{ role: 'user', content }], TODAY)
  assert.equal(of('what is the weather?'), [])
  assert.equal(of('do not run any code, just explain the function'), [])
  const [own] = of('run this:\n```python\nprint(1)\n```')
  assert.equal(own, {
    tool: 'code_run',
    arguments: { language: 'python', code: 'print(1)\n' },
    made: [],
    open: [],
  })
  const [free] = of('write a python program that finds amicable numbers')
  assert.is(free!.tool, 'code_run')
  assert.ok(free!.open.includes('code') && !free!.open.includes('paths'))
  // Text of a document that is quoted by a tool is no word of the asker.
  assert.equal(
    intendedRuns(
      [
        { role: 'user', content: 'summarise it' },
        { role: 'tool', content: 'run the program', toolCallId: 'x', name: 'file_read' },
      ],
      TODAY,
    ),
    [],
  )
})

test('steps that King hands over are taken as they are, and goals with other tools by his rules', async () => {
  const compress = toolNamed('model_compress', {
    effect: 'change',
    scope: 'operate',
    parameters: {
      type: 'object',
      properties: { model: { type: 'string' }, maxBytes: { type: 'number' } },
      additionalProperties: false,
    },
  })
  const { agents } = agentParts({
    rows: [MAGI],
    tools: () => [CALCULATE_TOOL, compress],
    intendedCalls: (messages, names) => intendedCalls(messages, names),
  })
  const ask = (content: string, over: Partial<AgentRequest> = {}) =>
    agents.ask(
      { agent: 'magi', asker: OWNER, messages: [{ role: 'user', content }], approvals: 'refuse', ...over },
      signal(),
    )
  const steps = [{ id: 1, tool: 'calculate', arguments: { expression: '6 * 7' }, reason: 'it was asked' }]
  assert.match((await ask('do the steps', { options: { steps } })).text, '6 * 7')
  assert.match((await ask('do the steps', { options: { steps } })).text, '42')
  await rejectsCode(ask('do the steps', { options: { steps: 'all' } }), 'AGENT_OPTION_INVALID')
  await ask('compress "bert.onnx" under 4 MB')
  assert.equal(compress.calls, [{ model: 'bert.onnx', maxBytes: 4_000_000 }])
})

test('without the sandbox it calculates, and says why it runs nothing', async () => {
  const none = createSandbox({ log: createLog({ level: 'silent' }) }, { searchPath: directory })
  const { agents } = agentParts({
    rows: [MAGI],
    tools: () => [
      CALCULATE_TOOL,
      codeRunTool({ sandbox: none, resources: RESOURCES }, { folders: FOLDERS, dataDirectory: directory }),
    ],
  })
  const ask = (content: string) =>
    agents.ask(
      { agent: 'magi', asker: OWNER, messages: [{ role: 'user', content }], approvals: 'refuse' },
      signal(),
    )
  assert.is((await ask('what is 17% of 300?')).text, '17% of 300 = 51')
  assert.match((await ask('primes below 50')).text, 'SANDBOX_UNAVAILABLE')
  assert.match((await ask('write me a poem')).text, 'I have no rule for this')
  await none.stop()
})

const sandbox = await sandboxHere()
if (sandbox !== null) {
  const { agents } = agentParts({
    rows: [MAGI],
    tools: () => [
      CALCULATE_TOOL,
      codeRunTool(
        { sandbox, resources: RESOURCES },
        { folders: FOLDERS, dataDirectory: path.join(directory, 'data') },
      ),
    ],
  })
  const ask = (content: string, over: Partial<AgentRequest> = {}) =>
    agents.ask(
      { agent: 'magi', asker: OWNER, messages: [{ role: 'user', content }], approvals: 'refuse', ...over },
      signal(),
    )

  test('programs at hand give right answers, unasked, in the sandbox', async () => {
    for (const [sentence, wanted] of [
      ['Which primes are below 50?', '2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47'],
      ['list the primes between 90 and 110', '97, 101, 103, 107, 109'],
      ['the first 5 primes please', '2, 3, 5, 7, 11'],
      ['how many primes are there up to 1,000,000?', '78498'],
      ['is 91 prime?', '91 is not prime: 91 = 7 * 13'],
      ['prime factors of 1000000016000000063', '1000000016000000063 = 1000000007 * 1000000009'],
      ['first 10 fibonacci numbers', '0, 1, 1, 2, 3, 5, 8, 13, 21, 34'],
      ['sort these: pear, Apple, fig', 'Apple, fig, pear'],
      ['sort 10, 9.5, -2, 1e1 descending', '10, 1e1, 9.5, -2'],
      ['days between 2024-01-01 and 2024-03-01', '60 days from 2024-01-01 to 2024-03-01'],
      ['what day of the week was 29 February 2024?', 'Thursday'],
      ['what date is 1 month after 2024-01-31', '2024-02-29 (a Thursday)'],
      ['what date is 90 days before 2024-01-15?', '2023-10-17'],
      ['standard deviation of 2, 4, 4, 4, 5, 5, 7, 9', 'standard deviation: 2.138089935'],
      ['make a table of cubes from 2 to 4', '| 4 | 64 |'],
      ['give me the powers of 2 from 0 to 8', '| 8 | 256 |'],
      ['7 times table, please give me it', '| 10 | 70 |'],
    ] as const) {
      const { text } = await ask(sentence)
      assert.ok(text.includes(wanted), `${sentence}: ${text}`)
    }
  })

  test('the asker’s own code is run as it is, and its errors are shown', async () => {
    const good = await ask(
      'run this\n```python\nopen("made.txt", "w").write("x")\nprint(sum(range(10)))\n```',
    )
    assert.match(good.text, /45/)
    assert.match(good.text, /It left: made\.txt/)
    const bad = await ask('run this\n```python\nprint(1/0)\n```')
    assert.match(bad.text, /exit code 1/)
    assert.match(bad.text, /ZeroDivisionError/)
  })

  test('a table in a granted folder is read, and no other', async () => {
    mkdirSync(FOLDERS[0]!.directory)
    mkdirSync(path.join(directory, 'data'))
    writeFileSync(
      path.join(FOLDERS[0]!.directory, 'sales.csv'),
      `city,units,price\n${Array.from({ length: 5000 }, (_, row) => `c${row % 7},${row + 1},${row / 4}`).join('\n')}\n`,
    )
    writeFileSync(path.join(FOLDERS[0]!.directory, 'deutsch.csv'), 'Ort;Wert\nBonn;1,5\nKöln;2,5\n')
    const { text } = await ask('statistics of work/sales.csv')
    assert.match(text, '5000 rows, 3 columns')
    assert.match(text, 'city: 5000 texts, 7 different')
    assert.match(text, 'units: count 5000, sum 12502500, mean 2500.5, min 1')
    assert.match((await ask('summarise work/deutsch.csv')).text, 'Wert: count 2, sum 4, mean 2')
    writeFileSync(path.join(directory, 'secret.csv'), 'a,b\n1,2\n')
    assert.match((await ask(`statistics of ${directory}/secret.csv`)).text, 'FOLDER_NOT_GRANTED')
    assert.match((await ask('statistics of work/../secret.csv')).text, 'FOLDER_NOT_GRANTED')
    assert.match((await ask('statistics of work/none.csv')).text, 'NOT_FOUND')
    const visitor = await ask('statistics of work/sales.csv', {
      asker: { kind: 'member', id: 'peer', scope: 'operate' },
    })
    assert.match(visitor.text, 'PRIVATE_WITHHELD')
  })

  test('a model writes a program, reads its error, repairs it; after three repairs it is over', async () => {
    const endpoint = await startScriptedEndpoint({ script: [] })
    const server = createEndpoints({ endpoints: [`test=${endpoint.url}`], environment: {} }).get('test')!
    const model = createEndpointModel(server, {
      ...{ endpoint: 'test', model: 'scripted', place: server.place, contextTokens: null },
    })
    const { agents: withModel } = agentParts({
      rows: [MAGI],
      chatModels: { need: async () => model },
      tools: () => [
        CALCULATE_TOOL,
        codeRunTool(
          { sandbox, resources: RESOURCES },
          { folders: FOLDERS, dataDirectory: path.join(directory, 'data') },
        ),
      ],
    })
    const code = (source: string) => ({
      calls: [{ name: 'code_run', arguments: { language: 'python', code: source } }],
    })
    const solve = () =>
      withModel.ask(
        {
          agent: 'magi',
          asker: OWNER,
          model: 'test/scripted',
          messages: [{ role: 'user', content: 'Write a program that prints the answer and run it.' }],
          approvals: 'refuse',
        },
        signal(),
      )
    try {
      endpoint.play([code('print(answer)'), code('answer = 42\nprint(answer)'), { text: 'It is 42.' }])
      const solved = await solve()
      assert.is(solved.text, 'It is 42.')
      assert.is(solved.observations.length, 2)
      const said = JSON.stringify(endpoint.requests.at(-1)!.messages)
      assert.match(said, 'NameError')
      assert.match(said, '42')

      endpoint.play((_, count) => code(`raise SystemExit('attempt ${count}')`))
      const failed = await solve()
      assert.is(failed.observations.length, 1 + MAX_REPAIRS)
      assert.match(failed.text, 'still fails after 3 repairs')
      assert.match(failed.text, 'attempt')
    } finally {
      server.close()
      await endpoint.close()
    }
  })

  test.after(() => sandbox.stop())
}

test.run()
