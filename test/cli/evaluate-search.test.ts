/** `village evaluate --ranker` and `village collection tune`: what they ask for, and what they print. */
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withApi } from '../helpers/command-line.ts'
import { JUDGED_QUERIES, writeJudgedFolder } from '../helpers/judged-folder.ts'

const test = suite('village evaluate --ranker, village collection tune')

const RETRIEVAL = ['evaluate', '--suite', 'retrieval']

test('search is measured on the queries of a folder', () =>
  withApi(async (cli, { directory }) => {
    await writeJudgedFolder(directory)
    const ended = await cli(...RETRIEVAL, '--data', directory, '--ranker', 'bm25')
    assert.is(ended.code, 0, ended.err)
    assert.match(ended.out, `${JUDGED_QUERIES} queries over 24 documents`)
    assert.match(ended.out, /ndcg@10 +1\.0000 +1\.0000 to 1\.0000/)
    assert.match(ended.out, /recall@100 .*\n.*mrr@10/)
    assert.match(ended.out, /A search took .* ms \(p50\), .* ms \(p95\), .* ms \(p99\)/)
    const { json } = await cli(
      ...RETRIEVAL,
      '--data',
      directory,
      '--ranker',
      'hybrid',
      '--weight',
      '0.25',
      '--feedback',
      '--json',
    )
    assert.equal(
      [json.ranker, json.weight, json.feedback, json.queries.length],
      ['hybrid', 0.25, true, JUDGED_QUERIES],
    )
  }))

test('a collection is asked in the place of the folder’s documents', () =>
  withApi(async (cli, { directory, services }) => {
    await writeJudgedFolder(directory)
    const args = [...RETRIEVAL, '--data', directory, '--collection', 'notes']
    const unknown = await cli(...args)
    assert.is.not(unknown.code, 0)
    assert.match(unknown.err, /COLLECTION_UNKNOWN|no collection/i)
    await services.collections.create({ name: 'notes' })
    const ended = await cli(...args)
    assert.is(ended.code, 0, ended.err)
  }))

test('what does not go together is refused before anything is sent', () =>
  withApi(async (cli, { directory }) => {
    for (const args of [
      ['evaluate'],
      ['evaluate', '--suite', 'mmlu', '--ranker', 'bm25', '--data', directory],
      [...RETRIEVAL, '--ranker', 'bm25'],
      [...RETRIEVAL, 'a', 'b', '--ranker', 'hybrid', '--data', directory],
      [...RETRIEVAL, 'a', '--collection', 'notes', '--data', directory],
      [...RETRIEVAL, '--ranker', 'hybrid', '--weight', '2', '--data', directory],
      [...RETRIEVAL, '--ranker', 'bm25', '--limit', '0', '--data', directory],
      ['collection', 'tune', 'notes'],
    ]) {
      const { code, err } = await cli(...args)
      assert.is(code, 2, `${args.join(' ')}: ${err}`)
    }
    const unknown = await cli(...RETRIEVAL, '--ranker', 'best', '--data', directory)
    assert.is.not(unknown.code, 0)
    const missing = await cli(...RETRIEVAL, '--ranker', 'bm25', '--data', path.join(directory, 'none'))
    assert.match(missing.err, /has neither qrels\.tsv nor qrels/)
  }))

test('tuning says what it gains, and whether it is kept', () =>
  withApi(async (cli, { directory, services }) => {
    await writeJudgedFolder(directory)
    await services.collections.create({ name: 'notes' })
    const args = ['collection', 'tune', 'notes', '--judged', directory]
    const ended = await cli(...args)
    assert.is(ended.code, 0, ended.err)
    assert.match(ended.out, /words alone +0\.6309/)
    assert.match(ended.out, /vectors alone +1\.0000/)
    assert.match(ended.out, /Gain \+0\.3691 \(95% interval .* 2 queries in 2 folds/)
    assert.match(ended.out, /The weight stays 0/)
    const { json } = await cli(...args, '--json')
    assert.equal([json.current, json.isBetter, json.isSaved], [0, true, false])
  }))

test.run()
