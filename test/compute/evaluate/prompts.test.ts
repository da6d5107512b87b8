import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChoiceItem, GenerateItem, PreparedItem } from '../../../node/compute/evaluate/items.ts'
import { gsm8k } from '../../../node/compute/evaluate/suites/gsm8k.ts'
import { humaneval } from '../../../node/compute/evaluate/suites/humaneval.ts'
import { mmlu } from '../../../node/compute/evaluate/suites/mmlu.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('prompts')
const directory = mkdtempSync(path.join(tmpdir(), 'village-prompts-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/evaluate/prompts.json', import.meta.url), 'utf8'),
) as {
  mmlu: { data: object[]; shots: object[]; count: number; contexts: string[]; choices: string[] }
  gsm8k: { data: object[]; count: number; prompts: string[]; stop: string[]; maxTokens: number }
  humaneval: { data: { prompt: string }[]; stop: string[]; maxTokens: number }
}

function file(name: string, rows: readonly object[]): string {
  const target = path.join(directory, name)
  writeFileSync(target, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return target
}

const choiceOf = ({ prefix, item }: PreparedItem) => {
  const { context, choices } = item as ChoiceItem
  return { context: prefix + context, choices: [...choices] }
}
const generateOf = ({ prefix, item }: PreparedItem) => ({
  ...(item as GenerateItem),
  prompt: prefix + (item as GenerateItem).prompt,
})

test('mmlu asks what the harness asks, byte for byte', () => {
  const { data, shots, count, contexts, choices } = vectors.mmlu
  const files = { data: file('mmlu.jsonl', data), shotsData: file('mmlu-dev.jsonl', shots) }
  const prepared = mmlu.prepare(files, { shots: count })
  assert.equal(
    prepared.items.map(choiceOf),
    contexts.map((context) => ({ context, choices })),
  )
  assert.equal(
    prepared.answers.map(({ answer, group }) => [answer, group]),
    [
      [0, 'garden_tools'],
      [3, 'deep_sea'],
    ],
  )
  assert.is(prepared.facts.fewestShots, 1, 'one subject has fewer examples, and the report says so')
})

test('mmlu without examples has the description alone in front', () => {
  const files = { data: file('mmlu.jsonl', vectors.mmlu.data) }
  const [first] = mmlu.prepare(files, { shots: 0 }).items.map(choiceOf)
  assert.is(
    first!.context,
    'The following are multiple choice questions (with answers) about garden tools.\n\nWhich of these cuts grass?\nA. A scythe\nB. A bucket\nC.  a hose\nD. A\tglove\nAnswer:',
  )
})

test('gsm8k asks what the harness asks, byte for byte, never with the answer in its examples', () => {
  const { data, count, prompts, stop, maxTokens } = vectors.gsm8k
  const prepared = gsm8k.prepare({ data: file('gsm.jsonl', data) }, { shots: count })
  assert.equal(
    prepared.items.map(generateOf),
    prompts.map((prompt) => ({
      type: 'generate',
      prompt,
      stop,
      maxTokens,
      samples: 1,
      temperature: 0,
      seed: 0,
    })),
  )
})

test('humaneval asks the prompt as it is', () => {
  const { data, stop, maxTokens } = vectors.humaneval
  const files = { data: file('he.jsonl', data) }
  const [item] = humaneval.prepare(files, {}).items.map(generateOf)
  assert.is(item!.prompt, data[0]!.prompt)
  assert.equal(item!.stop, stop)
  assert.is(item!.maxTokens, maxTokens)
  assert.equal([item!.samples, item!.temperature], [1, 0])
  const [drawn] = humaneval.prepare(files, { samples: 5, seed: 3 }).items.map(generateOf)
  assert.equal([drawn!.samples, drawn!.temperature, drawn!.seed], [5, 0.8, 3])
})

test('a limit takes items evenly from the whole of the data', () => {
  const data = Array.from({ length: 10 }, (_, index) => ({
    question: `q${index}`,
    answer: `#### ${index}`,
  }))
  const { answers } = gsm8k.prepare({ data: file('ten.jsonl', data) }, { limit: 4, shots: 0 })
  assert.equal(
    answers.map(({ id }) => id),
    ['0', '2', '5', '7'],
  )
})

test('data that is not right is named by file and line', () => {
  const rows = vectors.mmlu.data
  const wrong: [object, RegExp][] = [
    [{ ...rows[0], choices: ['a', 'b', 'c'] }, /bad\.jsonl, line 3: "choices" has not 4 texts/],
    [{ ...rows[0], answer: 4 }, /line 3: "answer"/],
    [{ ...rows[0], question: 7 }, /line 3: "question" is not a text/],
    [['a list'], /line 3: this is not an object/],
  ]
  for (const [row, message] of wrong) {
    const error = throwsCode(
      () => mmlu.prepare({ data: file('bad.jsonl', [...rows, row]) }, {}),
      'EVALUATION_DATA_INVALID',
    )
    assert.match(error.message, message)
  }
  const broken = path.join(directory, 'broken.jsonl')
  writeFileSync(broken, `${JSON.stringify(rows[0])}\n\n{"subject":`)
  const error = throwsCode(() => mmlu.prepare({ data: broken }, {}), 'EVALUATION_DATA_INVALID')
  assert.match(error.message, /broken\.jsonl, line 3/)
  writeFileSync(broken, '')
  throwsCode(() => mmlu.prepare({ data: broken }, {}), 'EVALUATION_DATA_INVALID')
  writeFileSync(broken, `{"question":"${'x'.repeat(2 ** 20)}"}\n`)
  assert.match(
    throwsCode(() => gsm8k.prepare({ data: broken }, {}), 'EVALUATION_DATA_INVALID').message,
    /line 1: has more than 1048576 bytes/,
  )
})

test.run()
