/** From a folder of files to an answer, through one real daemon: indexed, searched and asked over HTTP. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Answer } from '../../node/agents/rag/answers/answer.ts'
import type { SearchAnswer } from '../../node/agents/rag/query/search-answer.ts'
import { type Client, createClient, findDaemon } from '../../node/client.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { createDaemon, type Daemon } from '../../node/daemon.ts'
import { village } from '../helpers/command-line.ts'
import { temporaryDirectory } from '../helpers/mesh.ts'
import { ANSWERABLE, LIBRARY, UNANSWERABLE } from '../helpers/small-library.ts'
import { rejectsCode } from '../helpers/throws.ts'

const test = suite('ask, through a daemon')
const ending = new AbortController()
let root: string
let daemon: Daemon
let client: Client

const WORDS = 'town-words'
const BOTH = 'town'

interface RunView {
  readonly id: string
  readonly state: string
}

/** Makes a collection of the folder and waits for it by its events. */
async function index(name: string, folder: string, settings: object): Promise<void> {
  await client.send('POST', '/api/v1/collections', { name, ...settings })
  const run = await client.send<RunView>('POST', `/api/v1/collections/${name}/index`, { paths: [folder] })
  const deadline = Date.now() + 60_000
  for (let state = run.state; state !== 'done'; ) {
    assert.ok(Date.now() < deadline && !['failed', 'cancelled'].includes(state), `the run is ${state}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    state = (await client.get<RunView>(`/api/v1/index-runs/${run.id}`)).state
  }
}

test.before(async () => {
  root = await temporaryDirectory()
  const folder = path.join(root, 'town')
  await mkdir(folder)
  for (const { source, text } of LIBRARY) await writeFile(path.join(folder, source), text)
  const directory = path.join(root, 'data')
  daemon = await createDaemon({
    ...DEFAULT_CONFIG,
    'data.dir': directory,
    'log.level': 'silent',
    'api.port': 0,
    'mesh.listen': ['/ip4/127.0.0.1/tcp/0'],
    'mesh.mdns': false,
  })
  await daemon.start()
  const { url, token } = await findDaemon(directory)
  client = createClient({ url, token, directory, signal: ending.signal })
  await index(WORDS, folder, { encoder: null })
  await index(BOTH, folder, {})
})

test.after(async () => {
  ending.abort()
  await daemon?.stop()
  await rm(root, { recursive: true, force: true })
})

const ask = (question: string, collection: string) =>
  client.send<Answer & { peer: string }>('POST', '/api/v1/ask', { question, collections: [collection] })

for (const collection of [WORDS, BOTH])
  test(`twenty questions are answered from their documents, ten are not: ${collection}`, async () => {
    for (const { question, source, answer } of ANSWERABLE) {
      const given = await ask(question, collection)
      assert.ok(given.isFound, `${question}: ${given.confidence}`)
      const sentence = given.sentences.find(({ text }) => text.includes(answer))
      assert.ok(sentence !== undefined, `${question}: ${given.text}`)
      const cited = given.sources.find(({ number }) => number === sentence.citation)!
      assert.is(path.basename(cited.source), source)
      assert.is(cited.collection, collection)
      assert.equal(cited.vouchedBy, [given.peer])
      assert.equal(given.warnings, [])
    }
    for (const question of UNANSWERABLE) {
      const { isFound, text, confidence } = await ask(question, collection)
      assert.not.ok(isFound, `${question}: ${confidence} ${text}`)
    }
  })

test('a hit is opened by its reference, and says how it came about', async () => {
  const { hits, mode } = await client.send<SearchAnswer>('POST', '/api/v1/search', {
    query: 'lighthouse +keeper',
    collections: [BOTH],
    explain: true,
  })
  assert.is(mode, 'hybrid')
  const [hit] = hits
  assert.match(hit!.text, /Moira Tallis/)
  assert.ok(hit!.explain!.terms.some(({ contribution }) => contribution > 0))
  const { passages } = await client.get<{ passages: { text: string; document: string }[] }>(
    `/api/v1/passages/${hit!.segment}/${hit!.chunk}?around=1`,
  )
  assert.ok(passages.some(({ text }) => text === hit!.text))
  assert.ok(passages.every(({ document }) => document === hit!.document))
})

test('what is not there has its code', async () => {
  await rejectsCode(ask('What?', 'nowhere'), 'COLLECTION_UNKNOWN')
  await rejectsCode(client.get(`/api/v1/passages/${'0'.repeat(64)}/0`), 'PASSAGE_UNKNOWN')
  await rejectsCode(
    client.send('POST', '/api/v1/search', { query: 'x', filters: ['nonsense'] }),
    'INVALID_ARGUMENT',
  )
})

test('a language model that is not there is a warning beside the extract', async () => {
  const given = await client.send<Answer>('POST', '/api/v1/ask', {
    question: ANSWERABLE[1]!.question,
    model: 'nobody',
  })
  assert.match(given.text, /Moira Tallis/)
  assert.is(given.generated, null)
  assert.match(given.warnings.at(-1)!.message, /MODEL_UNKNOWN/)
})

test('the command line tells the answer, its source and the collection', async () => {
  const { code, out, err } = await village(
    path.join(root, 'data'),
    'ask',
    '--collection',
    BOTH,
    'Who founded the cottage hospital?',
  )
  assert.is(code, 0, err)
  assert.match(out, /Edith Farran in 1908\. \[1\]/)
  assert.match(out, /\[1\] .*hospital\.txt · .*in town, by this node/)
})

test.run()
