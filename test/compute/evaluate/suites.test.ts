import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GenerateRecord, ItemRecord } from '../../../node/compute/evaluate/item-records.ts'
import type { SuiteReport } from '../../../node/compute/evaluate/item-suite.ts'
import { encodeItems, readItems } from '../../../node/compute/evaluate/items.ts'
import { queryScore } from '../../../node/compute/evaluate/ranking-measures.ts'
import {
  defaultSuite,
  ITEM_SUITES,
  suiteNamed,
  suitesWithoutData,
} from '../../../node/compute/evaluate/suite-table.ts'
import { custom, matches } from '../../../node/compute/evaluate/suites/custom.ts'
import {
  flexibleExtract,
  gsm8k,
  normalised,
  strictMatch,
} from '../../../node/compute/evaluate/suites/gsm8k.ts'
import { humaneval } from '../../../node/compute/evaluate/suites/humaneval.ts'
import { likelihoodKept } from '../../../node/compute/evaluate/suites/likelihood.ts'
import { mmlu } from '../../../node/compute/evaluate/suites/mmlu.ts'
import { perplexity, piecesOf } from '../../../node/compute/evaluate/suites/perplexity.ts'
import { retrieval } from '../../../node/compute/evaluate/suites/retrieval.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('suites')
const directory = mkdtempSync(path.join(tmpdir(), 'village-suites-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

function file(name: string, content: string | readonly object[]): string {
  const target = path.join(directory, name)
  writeFileSync(
    target,
    typeof content === 'string' ? content : content.map((row) => `${JSON.stringify(row)}\n`).join(''),
  )
  return target
}

const near = (actual: number | undefined, expected: number) =>
  assert.ok(Math.abs(actual! - expected) < 1e-9, `${actual} is not ${expected}`)
const metric = (report: SuiteReport, name: string) => report.metrics.find((one) => one.name === name)!
const generated = (text: string): GenerateRecord => ({
  type: 'generate',
  promptTokens: 1,
  dropped: 0,
  samples: [{ tokens: [], finish: 'eos', text }],
})
const chosen = (...logProbabilities: number[]): ItemRecord => ({
  type: 'choice',
  dropped: 0,
  choices: logProbabilities.map((logProbability) => ({ logProbability, tokens: 1, greedy: false })),
})

/** Small data of every suite. */
const DATA: Readonly<Record<string, () => Record<string, string>>> = {
  likelihood: () => ({}),
  mmlu: () => ({
    data: file('m', [{ subject: 's', question: 'q', choices: ['a', 'b', 'c', 'd'], answer: 1 }]),
  }),
  gsm8k: () => ({ data: file('g', [{ question: 'q', answer: '#### 1' }]) }),
  humaneval: () => ({
    data: file('h', [
      { task_id: 't', prompt: 'def f():\n', entry_point: 'f', canonical_solution: '', test: 'x' },
    ]),
  }),
  perplexity: () => ({ data: file('p', 'Some text.\n') }),
  retrieval: () => ({
    data: file('c', [{ _id: 'd', title: '', text: 'a document' }]),
    queries: file('q', [{ _id: 'q', text: 'a question' }]),
    judgements: file('r', 'query-id\tcorpus-id\tscore\nq\td\t1\n'),
  }),
  custom: () => ({ data: file('o', [{ type: 'text', text: 'to read' }]) }),
}

test('every suite makes items that workers can read, and as many answers', () => {
  for (const row of ITEM_SUITES) {
    assert.is(suiteNamed(row.name), row)
    const { items, answers } = row.prepare(DATA[row.name]!(), {})
    assert.ok(items.length > 0, row.name)
    assert.is(items.length, answers.length, row.name)
    writeFileSync(path.join(directory, 'list'), encodeItems(items))
    assert.is(readItems(path.join(directory, 'list'), 0, items.length).length, items.length)
    assert.is(
      new Set(answers.map(({ id, group }) => `${group} ${id}`)).size,
      answers.length,
      'ids are unique',
    )
    for (const option of row.options) assert.type(option, 'string')
    assert.is(row.fits({ kind: 'language' }) !== row.fits({ kind: 'encoder' }), true, row.name)
  }
})

test('a model kind has a default that needs no data; misspelt names are guessed', () => {
  assert.is(defaultSuite({ kind: 'language' })?.name, 'likelihood')
  assert.is(defaultSuite({ kind: 'encoder' })?.name, 'similarity')
  assert.is(defaultSuite({ kind: 'onnx' }), null)
  assert.match(throwsCode(() => suiteNamed('mmul'), 'INVALID_ARGUMENT').message, /did you mean "mmlu"/)
  assert.equal(
    suitesWithoutData().map(({ name }) => name),
    ['similarity', 'likelihood'],
  )
})

test('mmlu is scored by the likeliest letter, in all and by subject', () => {
  const row = (subject: string, answer: number) => ({
    subject,
    question: 'q',
    choices: ['a', 'b', 'c', 'd'],
    answer,
  })
  const data = file('m', [row('x', 1), row('x', 2), row('y', 0)])
  const { answers } = mmlu.prepare({ data }, {})
  const records = [chosen(-3, -1, -2, -4), chosen(-1, -2, -3, -4), chosen(-1, -1, -2, -2)]
  const report = mmlu.report(answers, records, { seed: 1 })
  const { interval, groups } = metric(report, 'acc')
  near(interval.value, 2 / 3)
  near(groups.x!.value, 1 / 2)
  near(groups.y!.value, 1)
  assert.is(groups.x!.items, 2)
  assert.equal(report.facts, { truncated: 0 })
  const cut = records.map((record, index) => ({ ...record, dropped: index })) as ItemRecord[]
  assert.equal(mmlu.report(answers, cut, { seed: 1 }).facts, { truncated: 2 })
  assert.equal(
    report.scores.map(({ score, chosen: letter }) => [score, letter]),
    [
      [1, 1],
      [0, 0],
      [1, 0],
    ],
    'of equals the first',
  )
})

test('gsm8k finds numbers as the two filters of the harness do', () => {
  assert.is(strictMatch('so 5.\n#### 1,234\n#### 9'), '1,234')
  assert.is(strictMatch('#### -3.5.'), '-3.5.')
  assert.is(strictMatch('####7'), '[invalid]')
  assert.is(strictMatch('#### $18'), '[invalid]')
  assert.is(flexibleExtract('He has 3 cats and $1,200.50 left.'), '$1,200.50')
  assert.is(flexibleExtract('It is 7'), '7')
  assert.is(flexibleExtract('It is 7 - no, -8'), '-8')
  assert.is(flexibleExtract('Wait... what?'), '...')
  assert.is(flexibleExtract('none'), '[invalid]')
  assert.is(normalised('a #### b\n#### 1,000'), '1000')
  assert.is(normalised('$18.'), '18')
  assert.is(normalised('1.5.'), '1.5')
  const data = file('g', [
    { question: 'a', answer: 'x\n#### 1,000' },
    { question: 'b', answer: '#### 18' },
    { question: 'c', answer: '#### 5' },
  ])
  const { answers } = gsm8k.prepare({ data }, {})
  const records = [generated(' ok\n#### 1000'), generated(' is $18.'), generated(' 6')]
  const report = gsm8k.report(answers, records, { seed: 1 })
  near(metric(report, 'strict-match').interval.value, 1 / 3)
  near(metric(report, 'flexible-extract').interval.value, 2 / 3)
})

test('humaneval counts programs that passed, unbiased in k', () => {
  const samples = { tokens: [], finish: 'eos' as const, text: '' }
  const record = { ...generated(''), samples: Array.from({ length: 10 }, () => samples) }
  const outcomes = (passed: number) =>
    Array.from({ length: 10 }, (_, at) => (at < passed ? 'passed' : 'wrong'))
  const answers = ['a', 'b'].map((id) => ({ id, group: '', prompt: '', test: '', entryPoint: 'f' }))
  const report = humaneval.report(answers, [record, record], {
    seed: 1,
    outcomes: [outcomes(3), outcomes(0)],
  })
  near(metric(report, 'pass@1').interval.value, 0.15)
  near(metric(report, 'pass@10').interval.value, 0.5)
  assert.is(report.metrics.length, 2, 'pass@100 needs 100 samples')
})

test('perplexities are those of the harness: by word, byte and token', () => {
  const data = file('p', [{ text: 'one two' }, { text: 'é \n' }])
  const { answers, items } = perplexity.prepare({ data }, { stride: 5 })
  assert.equal(
    answers.map(({ words, bytes }) => [words, bytes]),
    [
      [2, 7],
      [2, 4],
    ],
    'the harness counts what stands between runs of white space',
  )
  assert.is((items[0]!.item as { stride: number }).stride, 5)
  const records: ItemRecord[] = [
    { type: 'text', logProbability: -6, tokens: 3, windows: 1 },
    { type: 'text', logProbability: -5, tokens: 2, windows: 1 },
  ]
  const report = perplexity.report(answers, records, { seed: 1 })
  near(metric(report, 'word_perplexity').interval.value, Math.exp(11 / 4))
  near(metric(report, 'byte_perplexity').interval.value, Math.exp(1))
  near(metric(report, 'bits_per_byte').interval.value, 1 / Math.LN2)
  near(metric(report, 'token_perplexity').interval.value, Math.exp(11 / 5))
})

test('a plain text is cut behind lines, and nothing of it is lost', () => {
  const text = `${'word '.repeat(30)}\n`.repeat(9) + 'x'.repeat(300)
  const pieces = piecesOf(text, 200)
  assert.is(pieces.join(''), text)
  assert.ok(pieces.every((piece) => piece.length <= 200))
  assert.ok(pieces.slice(0, 9).every((piece) => piece.endsWith('\n')))
  assert.is(piecesOf('a😀b😀', 2).join(''), 'a😀b😀')
  assert.ok(piecesOf('a😀b😀', 2).every((piece) => piece.isWellFormed()))
})

test('retrieval ranks by cosine and is scored as trec_eval does', () => {
  const one = queryScore(
    'q',
    [4, 2, 9, 1],
    new Map([
      [2, 1],
      [1, 2],
      [7, 1],
    ]),
  )
  const ideal = 2 + 1 / Math.log2(3) + 1 / 2
  near(one.score, (1 / Math.log2(3) + 2 / Math.log2(5)) / ideal)
  near(one.recall, 2 / 3)
  near(one.reciprocalRank, 1 / 2)
  assert.is(queryScore('q', [4], new Map([[2, 1]])).score, 0)
  const files = {
    data: file('c', [
      { _id: 'a', title: 'T', text: 'x' },
      { _id: 'b', text: 'y' },
      { _id: 'q2', text: 'z' },
    ]),
    queries: file('q', [
      { _id: 'q1', text: '1' },
      { _id: 'q2', text: '2' },
      { _id: 'q3', text: 'without judgements' },
    ]),
    judgements: file('r', 'q1\tb\t1\nq2\ta\t2\nq2\tnone\t1\nq3\ta\t0\n'),
  }
  const { items, answers, facts } = retrieval.prepare(files, {})
  assert.equal(
    items.map(({ item }) => (item as { text: string }).text),
    ['T x', 'y', 'z', '1', '2'],
  )
  assert.equal([facts.documents, facts.queries], [3, 2])
  const vector = (...values: number[]): ItemRecord => ({ type: 'embed', vector: Float32Array.from(values) })
  // The query q2 is nearest to the document that is itself, which is no answer.
  const records = [vector(1, 0.3), vector(0, 2), vector(0.9, 1), vector(0.1, 3), vector(0.9, 1)]
  const report = retrieval.report(answers, records, { seed: 1 })
  assert.equal(
    report.scores.map(({ id, score }) => [id, score]),
    [
      ['q1', 1],
      ['q2', 1],
    ],
  )
  near(metric(report, 'mrr').interval.value, 1)
  throwsCode(
    () => retrieval.prepare({ ...files, judgements: file('r', 'q1 b 1\n') }, {}),
    'EVALUATION_DATA_INVALID',
  )
  throwsCode(
    () => retrieval.prepare({ ...files, judgements: file('r', 'q1\tnone\t1\n') }, {}),
    'EVALUATION_DATA_INVALID',
  )
})

test('a suite of one’s own mixes questions, prompts and texts', () => {
  const data = file('o', [
    { type: 'choice', id: 'a', group: 'x', context: 'Q:', choices: [' long answer', ' b'], answer: 0 },
    { type: 'generate', group: 'y', prompt: 'P', answer: '42', match: 'number', stop: ['\n'], maxTokens: 8 },
    { type: 'text', text: 'four words to read' },
  ])
  const { items, answers } = custom.prepare({ data }, {})
  assert.equal(
    items.map(({ item }) => item.type),
    ['choice', 'generate', 'text'],
  )
  const records: ItemRecord[] = [
    chosen(-6, -2),
    generated('it is 1,042 or 42.0'),
    { type: 'text', logProbability: -4, tokens: 4, windows: 1 },
  ]
  const report = custom.report(answers, records, { seed: 1 })
  near(metric(report, 'accuracy').interval.value, 1 / 2)
  near(metric(report, 'accuracy').groups.x!.value, 0)
  near(metric(report, 'accuracy_norm').interval.value, 1)
  near(metric(report, 'word_perplexity').interval.value, Math.E)
  assert.equal(
    report.scores.map(({ id, measure, score }) => [id, measure, score > 0 ? 1 : Math.sign(score)]),
    [
      ['a', 'right', 0],
      ['1', 'right', 1],
      ['2', 'log2 by byte', -1],
    ],
  )
  assert.ok(matches(' yes ', 'yes', 'exact'))
  assert.not.ok(matches('yes!', 'yes', 'exact'))
  assert.ok(matches('oh yes!', 'yes', 'contains'))
  assert.not.ok(matches('none', '4', 'number'))
})

test('what a row of one’s own must not have is named', () => {
  const wrong: [object, RegExp][] = [
    [{ type: 'rank', text: 'a' }, /"type" is not choice, generate, text/],
    [{ type: 'text', text: 'a', colour: 'red' }, /"colour" is not known for the type "text"/],
    [{ type: 'choice', context: '', choices: ['a'], answer: 0 }, /"choices" is not a list of 2/],
    [{ type: 'choice', context: '', choices: ['a', 'b'], answer: 2 }, /"answer" is not a whole number/],
    [{ type: 'generate', prompt: 'p', answer: 'x', match: 'number' }, /"answer" is no number/],
    [{ type: 'generate', prompt: 'p', answer: 'x', match: 'fuzzy' }, /"match" is not one of/],
    [{ type: 'generate', prompt: 'p', answer: 'x', stop: [''] }, /"stop"/],
    [{ type: 'text', text: '' }, /"text" is empty/],
  ]
  for (const [row, message] of wrong)
    assert.match(
      throwsCode(() => custom.prepare({ data: file('o', [row]) }, {}), 'EVALUATION_DATA_INVALID').message,
      message,
    )
  const twice = [
    { type: 'text', id: 'a', text: 'a' },
    { type: 'text', id: 'a', text: 'b' },
  ]
  assert.match(
    throwsCode(() => custom.prepare({ data: file('o', twice) }, {}), 'EVALUATION_DATA_INVALID').message,
    /two items have the id "a"/,
  )
})

test('the share that is kept falls when texts become less likely, and when they become likelier', () => {
  const scores = (nats: number) =>
    Array.from({ length: 20 }, (_, index) => ({
      id: `${index}`,
      group: '',
      measure: 'log2 by byte',
      score: 0,
      weight: 1,
      logProbability: (-3 + nats) * (10 + (index % 3)),
      tokens: 10 + (index % 3),
      bytes: 1,
      words: 1,
    }))
  const moved = { isOwn: false, seed: 1 }
  near(likelihoodKept(scores(0), scores(0), moved).value, 1)
  near(likelihoodKept(scores(0), scores(-0.05), moved).value, Math.exp(-0.05))
  near(likelihoodKept(scores(0), scores(0.5), moved).value, Math.exp(-0.5))
  near(likelihoodKept(scores(0), scores(0.5), { isOwn: true, seed: 1 }).value, 1)
  near(likelihoodKept(scores(0), scores(-0.05), { isOwn: true, seed: 1 }).value, Math.exp(-0.05))
})

test.run()
