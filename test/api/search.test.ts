/** Search, ask and passages over HTTP: what is refused and how it is named, and what the answers hold beyond their schemas. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SEARCH_ROUTES } from '../../node/api/routes/search.ts'
import { type Ask, startTestApi, type TestApi } from '../helpers/api-server.ts'
import { SEGMENT } from '../helpers/memory-knowledge.ts'
import { SELF } from '../helpers/memory-services.ts'

const test = suite('search over the API')
const isAnswer = new Ajv2020().compile(
  SEARCH_ROUTES.flatMap(({ id, response }) =>
    id === 'askQuestion' && response.kind === 'json' ? [response.schema] : [],
  )[0]!,
)
let server: TestApi
const signal = new AbortController().signal
const post = (path: string, body: object, init: Ask = {}) =>
  server.ask(`/api/v1/${path}`, { method: 'POST', body, ...init })

test.before(async () => {
  server = await startTestApi()
})
test.after(() => server.close())

test('what is out of bounds is refused, and its field named', async () => {
  const refused: [string, object, string][] = [
    ['search', {}, 'body.query'],
    ['search', { query: '' }, 'body.query'],
    ['search', { query: 'x'.repeat(10_001) }, 'body.query'],
    ['search', { query: 'x', limit: 101 }, 'body.limit'],
    ['search', { query: 'x', mode: 'magic' }, 'body.mode'],
    ['search', { query: 'x', weight: 1.5 }, 'body.weight'],
    ['search', { query: 'x', deadlineMs: 1 }, 'body.deadlineMs'],
    ['search', { query: 'x', collections: [] }, 'body.collections'],
    ['search', { query: 'x', language: 'English' }, 'body.language'],
    ['search', { query: 'x', filters: ['a=1', 'nonsense'] }, 'body.filters.1'],
    ['search', { query: 'x', filters: Array.from({ length: 33 }, () => 'a=1') }, 'body.filters'],
    ['ask', { question: 'x'.repeat(2001) }, 'body.question'],
    ['ask', { question: 'x', threshold: 2 }, 'body.threshold'],
    ['ask', { question: 'x', sources: 21 }, 'body.sources'],
    ['ask', { question: 'x', sentences: 0 }, 'body.sentences'],
    ['ask', { question: 'x', explain: true }, 'body.explain'],
  ]
  for (const [path, body, field] of refused) {
    const { status, json } = await post(path, body)
    assert.is(status, 400, `${path} ${field}`)
    assert.is(json.fields.field, field)
  }
  const blank = await post('ask', { question: '  ' })
  assert.is(blank.json.code, 'INVALID_ARGUMENT')
})

test('filters are objects, or as people write them', async () => {
  for (const filter of ['source=ferry.md', { field: 'source', test: 'equals', value: 'ferry.md' }]) {
    const { json } = await post('search', { query: 'captain island lighthouse', filters: [filter] })
    assert.equal(
      json.hits.map((hit: { record: { source: string } }) => hit.record.source),
      ['ferry.md'],
    )
    assert.is(json.peer, SELF)
  }
})

test('the neighbours of a passage are of its document', async () => {
  const { json } = await server.ask(`/api/v1/passages/${SEGMENT}/3?around=10`)
  assert.is(json.passages.length, 1)
  assert.is(json.passages[0].record.source, 'library-rules.md')
  assert.is((await server.ask(`/api/v1/passages/${SEGMENT}/999`)).json.code, 'PASSAGE_UNKNOWN')
  assert.is((await server.ask('/api/v1/passages/nothex/0')).json.code, 'INVALID_ARGUMENT')
  assert.is((await server.ask(`/api/v1/passages/${SEGMENT}/-1`)).json.code, 'INVALID_ARGUMENT')
  assert.is((await server.ask(`/api/v1/passages/${SEGMENT}/0?around=11`)).json.code, 'INVALID_ARGUMENT')
})

test('an answer in the words of a model has the extract beside it; one without keeps its schema too', async () => {
  // To the services in memory every model that is no encoder writes text.
  const file = path.join(server.directory, 'talker.onnx')
  await writeFile(file, 'talker')
  await server.services.models.add({ path: file }, signal)
  const question = 'Who was the first keeper of the lighthouse?'
  const { json: written } = await post('ask', { question, model: 'talker' })
  assert.match(written.text, /Moira Tallis/)
  assert.match(written.generated.text, /^what was said/)
  assert.is(written.warnings[0].code, 'GENERATION_EXPERIMENTAL')
  const { json: failed } = await post('ask', { question, model: 'nobody' })
  assert.is(failed.generated, null)
  assert.is(failed.warnings[0].code, 'GENERATION_FAILED')
  const { json: weak } = await post('ask', { question: 'Which vitamin prevents scurvy among sailors?' })
  const { json: signs } = await post('ask', { question: '?!' })
  assert.equal([weak.isFound, signs.isFound], [false, false])
  for (const answer of [written, failed, weak, signs])
    assert.ok(isAnswer(answer), JSON.stringify(isAnswer.errors))
})

test.run()
