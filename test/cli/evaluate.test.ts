/** What `village evaluate` and `village compare` make of their options, and of results. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { evaluationText } from '../../node/cli/evaluation-text.ts'
import { parseEvaluateParams } from '../../node/compute/jobs/evaluate-params.ts'
import { VillageError } from '../../node/errors.ts'
import type { JsonObject } from '../../node/json.ts'
import { withApi } from '../helpers/command-line.ts'
import { throwsCode } from '../helpers/throws.ts'

const test = suite('village evaluate')

test('without options the daemon chooses the suite', () =>
  withApi(async (cli) => {
    const { code, json, err } = await cli('evaluate', 'a', 'b', '--json')
    assert.is(code, 0, err)
    assert.equal(json.params, { models: ['a', 'b'] })
    assert.is(parseEvaluateParams(json.params).suite, null)
  }))

test('data is uploaded and named by its CID; numbers are numbers', () =>
  withApi(async (cli, { directory }) => {
    const [data, shots] = [path.join(directory, 'test.jsonl'), path.join(directory, 'dev.jsonl')]
    await writeFile(data, 'rows\n')
    await writeFile(shots, 'other rows\n')
    const options = ['--data', data, '--shots-data', shots, '--shots', '3', '--limit', '20', '--json']
    const { code, json, err } = await cli('evaluate', 'lm', '--suite', 'mmlu', ...options)
    assert.is(code, 0, err)
    const { files, ...params } = json.params
    assert.equal(params, { models: ['lm'], suite: 'mmlu', options: { shots: 3, limit: 20 } })
    const { artifacts } = (await cli('artifact', 'list', '--all', '--json')).json
    const cids = artifacts.map(({ cid }: { cid: string }) => cid)
    assert.ok(cids.includes(files.data) && cids.includes(files.shotsData))
    assert.not.equal(files.data, files.shotsData)
    parseEvaluateParams(json.params)
  }))

test('a directory is a collection in BEIR’s layout', () =>
  withApi(async (cli, { directory }) => {
    await mkdir(path.join(directory, 'qrels'))
    const names = ['corpus.jsonl', 'queries.jsonl', path.join('qrels', 'test.tsv')]
    for (const name of names) await writeFile(path.join(directory, name), name)
    const { code, json, err } = await cli(
      'evaluate',
      'e',
      '--suite',
      'retrieval',
      '--data',
      directory,
      '--json',
    )
    assert.is(code, 0, err)
    assert.equal(Object.keys(json.params.files), ['data', 'queries', 'judgements'])
    parseEvaluateParams(json.params)
    const missing = await cli(
      'evaluate',
      'e',
      '--suite',
      'retrieval',
      '--data',
      path.join(directory, 'qrels'),
    )
    assert.is.not(missing.code, 0)
    assert.match(missing.err, /has neither qrels\.tsv nor qrels/)
  }))

test('what is no number or no file is said before anything is sent', () =>
  withApi(async (cli, { services }) => {
    for (const args of [
      ['--shots', 'many'],
      ['--limit', '-1'],
      ['--data', '/nowhere/at/all'],
    ])
      assert.is.not((await cli('evaluate', 'lm', '--suite', 'mmlu', ...args)).code, 0, args.join(' '))
    assert.is(services.jobs.list().length, 0)
  }))

const PARAMS: [params: JsonObject, message: RegExp][] = [
  [{ suite: 'mmlu' }, /"files\.data" must be given: the suite "mmlu" needs its data/],
  [{ suite: 'likelihood', files: { data: 'x' } }, /of files the suite "likelihood" takes none/],
  [{ suite: 'similarity', options: { limit: 3 } }, /of options the suite "similarity" takes none/],
  [{ suite: 'mmlu', files: { data: 'x' }, options: { stride: 3 } }, /takes shots, limit/],
  [{ suite: 'mmlu', files: { data: 'x', more: 'y' } }, /"more" must be left out/],
  [{ suite: 'mmlu', files: { data: 'x' }, options: { shots: 1.5 } }, /"shots" must be a whole number/],
  [{ suite: 'humaneval', files: { data: 'x' }, options: { samples: 5, temperature: 0 } }, /above 0/],
  [{ suite: 'mmul', files: { data: 'x' } }, /did you mean "mmlu"/],
  [{ suite: 'custom', files: { data: 'x' }, more: 1 }, /"more" must be left out/],
]
for (const [params, message] of PARAMS)
  test(`parameters are refused: ${message.source}`, () => {
    const error = throwsCode(() => parseEvaluateParams({ models: ['lm'], ...params }), 'INVALID_ARGUMENT')
    assert.match(error.message, message)
  })

test('parameters that were read are read again', () => {
  const given = {
    models: ['a'],
    suite: 'humaneval',
    files: { data: 'x' },
    options: { samples: 4, temperature: 0.5, seed: 1, maxTokens: 9, limit: 2 },
  }
  const once = parseEvaluateParams(given)
  assert.equal(parseEvaluateParams(once), once)
  // As daemons before suites over data stored them.
  assert.equal(parseEvaluateParams({ models: ['a'], suite: 'similarity' }).files, {})
})

const score = (id: number, right: number) =>
  JSON.stringify({ id: `${id}`, group: '', measure: 'right', score: right, weight: 1 })

test('village compare says in a sentence whether a difference can be told', () =>
  withApi(async (cli, { services }) => {
    const { id } = await services.jobs.submit({ kind: 'evaluate', params: { models: ['old', 'new'] } })
    const models = []
    for (const [model, right] of [
      ['old', 0],
      ['new', 1],
    ] as const) {
      const lines = Array.from({ length: 40 }, (_, index) => score(index, index < 12 ? right : index % 2))
      const { cid } = await services.addArtifact(Buffer.from(lines.join('\n')))
      models.push({ model, itemScores: cid })
    }
    services.endJob(id, { suite: 'custom', itemList: 'items', models })
    const better = await cli('compare', 'old', 'new', '--job', id)
    assert.is(better.code, 0, better.err)
    assert.match(better.out, /new is better than old by "right" \(difference 0\.300 \(0\.\d+–0\.\d+\)/)
    assert.match(better.out, /the first alone had 0 right and the second alone 12, McNemar p = 4\.88e-4/)
    const same = await cli('compare', 'old', 'old', '--job', id.slice(0, 6), '--json')
    assert.is(same.json.measures[0].verdict, 'none')
    const unknown = await cli('compare', 'old', 'other', '--job', id)
    assert.match(unknown.err, /did not evaluate "other"/)
    const mixed = await cli('compare', 'old', 'new', '--job', id, '--suite', 'mmlu')
    assert.match(mixed.err, /leave suite, data and their options out/)
  }))

test('village compare makes the evaluation where none is named, and says when it fails', () =>
  withApi(async (cli, { services }) => {
    const waiting = cli('compare', 'a', 'b')
    while (services.jobs.list().length === 0) await new Promise((resolve) => setImmediate(resolve))
    const [job] = services.jobs.list()
    assert.equal(job!.params, { models: ['a', 'b'] })
    await services.jobs.cancel(job!.id)
    assert.is((await waiting).code, 4)
  }))

test('results are shown with their intervals, by group, and with what they rest on', () => {
  const share = (value: number) => ({ value, low: value - 0.1, high: value + 0.1 })
  const metrics = (value: number) => [
    { name: 'acc', title: 'accuracy', ...share(value), groups: { law: { ...share(value), items: 7 } } },
  ]
  const text = evaluationText({
    suite: 'mmlu',
    items: 20,
    reference: 'one',
    about: { shots: 5 },
    models: [
      { model: 'one', metrics: metrics(0.5), comparison: null },
      {
        model: 'two',
        metrics: metrics(0.25),
        comparison: [
          {
            measure: 'right',
            items: 20,
            difference: share(-0.25),
            mcnemar: { onlyFirst: 6, onlySecond: 1, p: 0.125 },
            verdict: 'none',
          },
        ],
      },
    ],
  })
  assert.match(text, /MODEL +ACCURACY\none +0\.500 \(0\.400–0\.600\)\ntwo +0\.250/)
  assert.match(text, /GROUP +ITEMS +one +two\nlaw +7 +0\.500/)
  assert.match(text, /shots +5/)
  assert.match(text, /No difference between one and two can be told by "right"/)
})

test('results of many models keep to 80 columns, and no figure is cut', () => {
  const metrics = ['perplexity by word', 'perplexity by byte', 'bits by byte'].map((title) => ({
    title,
    interval: {},
    value: 12_345.678,
    low: 10_000.123,
    high: 15_000.456,
    groups: {},
  }))
  const models = ['a-model-of-some-length', 'another-model'].map((model) => ({ model, metrics }))
  const text = evaluationText({
    suite: 'perplexity',
    items: 1,
    reference: 'a',
    about: { available: 274, shotsFrom: 'the data' },
    models,
  })
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
  assert.is(text.match(/1\.23e\+4 \(1\.00e\+4–1\.50e\+4\)/g)?.length, 6)
  assert.match(text, /perplexity, 1 item;/)
  assert.match(text, /items in the data +274\nshots from +the data/)
})

test('what the daemon says of its fields is told of the options', () =>
  withApi(async (cli, { services }) => {
    const said: [code: 'field' | 'argument', path: string, message: string, shown: RegExp][] = [
      ['argument', 'files.data', '"files.data" must be given', /: --data must be given/],
      ['argument', 'options.limit', '"options.limit" must be left out', /: --limit must be left out/],
      ['argument', 'maxTokens', '"maxTokens" must be small', /: --max-tokens must be small/],
      ['field', 'body.models.0', 'body.models.0 must be short', /: MODEL must be short/],
      ['argument', 'other', '"other" of the suite "data"', /: "other" of the suite "data"/],
    ]
    for (const [key, path, message, shown] of said) {
      services.jobs.submit = async () => {
        throw new VillageError('INVALID_ARGUMENT', message, { fields: { [key]: path } })
      }
      assert.match((await cli('evaluate', 'lm')).err, shown)
    }
  }))

test.run()
