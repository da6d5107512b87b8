/** `village search` and `village ask`, against an API over the real search in memory, and on texts that mean harm. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask } from '../../node/cli/ask.ts'
import type { CommandContext } from '../../node/cli/command.ts'
import { piecesOf, styleOf, widthOf, wrapped } from '../../node/cli/passage-text.ts'
import { runCommandLine } from '../../node/cli/run.ts'
import { search } from '../../node/cli/search.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('search and ask')

/** Escape sequences, a bell, a carriage return, a text that is turned round, a link of a terminal. */
const HOSTILE =
  'red\u001b[31m bell\u0007 back\rback turn\u202ern\u2066 link\u001b]8;;http://x\u001b\\ next\u0085line'
/** Everything a terminal would obey but for line ends and the styles of this program. */
const OBEYED = /[^\P{C}\n]/u
const STYLES = [1, 2, 22, 33, 39].map((code) => `\u001b[${code}m`)
const withoutStyle = (given: string) => STYLES.reduce((text, style) => text.replaceAll(style, ''), given)

function contextOf(
  answer: object,
  over: Partial<CommandContext> = {},
): CommandContext & { notes: string[]; sent: { target: string; body: Record<string, unknown> }[] } {
  const notes: string[] = []
  const sent: { target: string; body: Record<string, unknown> }[] = []
  const client = {
    async send(_method: string, target: string, body: Record<string, unknown>) {
      sent.push({ target, body })
      return answer
    },
    // Every model that is asked for is there.
    get: async () => ({}),
  }
  return {
    args: ['lighthouse', 'keeper'],
    options: {},
    signal: new AbortController().signal,
    json: false,
    sources: { named: null, shipped: null, environment: {}, arguments: {} },
    onHangup: () => () => {},
    config: () => Promise.reject(new Error('not asked for')),
    client: async () => client as never, // only these are used
    progress: () => ({ update() {}, stop() {} }),
    columns: 60,
    styled: true,
    write() {},
    note: (line) => notes.push(line),
    notes,
    sent,
    ...over,
  }
}

const HIT = {
  rank: 1,
  score: 0.75,
  wordsFound: 1,
  wordsAsked: 2,
  collection: `town@${HOSTILE}`,
  vouchedBy: ['12D3KooWFriendFriendFriendFriend', HOSTILE],
  title: HOSTILE,
  headings: [HOSTILE],
  page: 3,
  record: { source: HOSTILE, title: HOSTILE },
  snippet: { text: `keeper ${HOSTILE}`, highlights: [{ start: 0, end: 6 }] },
  lexical: 1.5,
  cosine: null,
  explain: {
    terms: [
      {
        term: HOSTILE,
        field: 'title',
        weight: 1,
        frequency: 2,
        documentFrequency: 3,
        idf: 1.2,
        contribution: 1.5,
      },
    ],
    length: 10,
    averageLength: 12,
    normalisedLexical: 0.5,
    normalisedCosine: null,
    weight: 0.5,
    isConsistent: false,
  },
}
const GAPS = {
  missing: [{ collection: HOSTILE, segments: 1, chunks: 20, reason: 'PEER_UNREACHABLE' }],
  warnings: [{ code: 'X', message: HOSTILE }],
}

test('nothing of a passage reaches the terminal as a command to it', async () => {
  const context = contextOf({ peer: 'me', hits: [HIT], mode: 'lexical', chunks: 9, tookMs: 3, ...GAPS })
  const { text } = await search(context)
  assert.not.match(withoutStyle(text), OBEYED)
  for (const note of context.notes) assert.not.match(note, OBEYED)
  assert.ok(text.includes('\u001b[1m\u001b[33mkeeper\u001b[39m\u001b[22m'))
  assert.match(text, /page 3/)
  assert.match(text, /do not trust it/)
  assert.ok(context.notes.some((note) => note.startsWith('missing: ') && note.includes('20 passages')))
})

test('nor of an answer', async () => {
  const source = {
    number: 1,
    collection: HOSTILE,
    title: HOSTILE,
    source: HOSTILE,
    page: null,
    headings: [HOSTILE],
    start: 5,
    end: 500,
    snippet: { text: `near ${HOSTILE}`, highlights: [{ start: 0, end: 4 }] },
    vouchedBy: ['me'],
  }
  const context = contextOf({
    peer: 'me',
    text: `${HOSTILE} [1]`,
    sentences: [{ citation: 1, start: 20, end: 40 }],
    sources: [source, { ...source, number: 2 }],
    confidence: 0.8,
    threshold: 0.4,
    isFound: true,
    queries: [],
    steps: [],
    village: HOSTILE,
    missingWords: [HOSTILE],
    generated: { model: HOSTILE, text: HOSTILE, citations: [] },
    tookMs: 3,
    ...GAPS,
  })
  const { text } = await ask(context)
  assert.not.match(withoutStyle(text), OBEYED)
  for (const note of context.notes) assert.not.match(note, OBEYED)
  assert.match(text, /experimental/)
  assert.match(withoutStyle(text).replaceAll(/\s+/g, ' '), /characters 20 to 40 .* by this node/)
  assert.not.match(text, /near/)
})

test('what is not answered by documents says by which tools; several queries are told', async () => {
  const answer = {
    ...{
      peer: 'me',
      text: 'There are 2 models.',
      sentences: [],
      sources: [],
      isFound: true,
      missingWords: [],
    },
    ...{ generated: null, ...GAPS, tookMs: 3, queries: [], confidence: null, threshold: null, village: null },
    steps: [{ agent: 'king', tool: 'model_list' }],
  }
  const shown = async (more: object) => withoutStyle((await ask(contextOf({ ...answer, ...more }))).text)
  assert.match(await shown({}), /There are 2 models\.\n\nby model_list, not from documents; 3\.0 ms$/)
  const compared = await shown({ queries: ['a or b', 'a', 'b'], confidence: 0.8, threshold: 0.4 })
  assert.match(compared, /searched for “a or b”, “a”, “b”/)
})

test('where nothing is found, what comes nearest is shown with its words', async () => {
  const source = {
    ...{ number: 1, collection: 'town', title: HOSTILE, source: 'a.md', page: 2, headings: ['One'] },
    ...{ start: 5, end: 500, vouchedBy: ['me'] },
    snippet: { text: `near ${HOSTILE}`, highlights: [{ start: 0, end: 4 }] },
  }
  const context = contextOf({
    ...{ peer: 'me', text: 'Not found in the collections.', sentences: [], sources: [source] },
    ...{
      confidence: 0.3,
      threshold: 0.5,
      isFound: false,
      village: null,
      missingWords: [],
      queries: [],
      steps: [],
      generated: null,
      tookMs: 3,
    },
    ...GAPS,
  })
  const { text } = await ask(context)
  assert.not.match(withoutStyle(text), OBEYED)
  assert.match(withoutStyle(text), /near red/)
  assert.match(withoutStyle(text).replaceAll(/\s+/g, ' '), /evidence 30% \(.*answers from 50%\)/)
})

test('options become fields of the request', async () => {
  const answer = { peer: 'me', hits: [], mode: 'lexical', chunks: 0, tookMs: 1, missing: [], warnings: [] }
  const context = contextOf(answer, {
    options: {
      collection: ['a', 'b@c'],
      filter: ['year>1990'],
      local: true,
      feedback: true,
      mode: 'lexical',
      perDocument: '3',
      limit: '7',
      deadline: '500',
      explain: true,
    },
  })
  const { text } = await search(context)
  assert.match(text, /Nothing was found/)
  assert.equal(context.sent[0], {
    target: '/api/v1/search',
    body: {
      collections: ['a', 'b@c'],
      filters: ['year>1990'],
      local: true,
      feedback: true,
      mode: 'lexical',
      perDocument: 3,
      deadlineMs: 500,
      query: 'lighthouse keeper',
      limit: 7,
      explain: true,
    },
  })
})

test('a model is named, refused, or left to the configuration', async () => {
  const answer = {
    peer: 'me',
    text: 'Not found in the collections.',
    sentences: [],
    sources: [],
    confidence: 0.1,
    threshold: 0.4,
    isFound: false,
    queries: [],
    steps: [],
    village: null,
    missingWords: [],
    generated: null,
    missing: [],
    warnings: [],
    tookMs: 1,
  }
  const bodies = []
  for (const generate of [undefined, 'village-lm', false]) {
    const context = contextOf(answer, { options: { generate } })
    const { text } = await ask(context)
    assert.match(text, /Not found in the collections/)
    bodies.push(context.sent[0]!.body)
  }
  assert.equal(
    bodies.map((body) => ('model' in body ? body.model : 'absent')),
    ['absent', 'village-lm', null],
  )
})

test('lines keep within the terminal, letters of two columns and marked words counted', () => {
  const style = styleOf(true)
  const text = '灯台は岬の崖に立つ。 '.repeat(8) + 'The lighthouse stands on the cliff. '.repeat(8)
  const lines = wrapped(piecesOf(text, [{ start: 0, end: 3 }]), { columns: 40, indent: 4, style }).split('\n')
  assert.ok(lines.length > 5)
  for (const line of lines) assert.ok(widthOf(withoutStyle(line)) <= 40, line)
  assert.is(wrapped(piecesOf('a b\nc', []), { columns: null, indent: 0, style }), 'a b c')
})

test('highlights that make no sense are ignored', () => {
  assert.equal(
    piecesOf('abcdef', [
      { start: 1, end: 2 },
      { start: 0, end: 3 },
      { start: 4, end: 4 },
      { start: 5, end: 99 },
    ]),
    [
      { text: 'a', isMarked: false },
      { text: 'b', isMarked: true },
      { text: 'cdef', isMarked: false },
    ],
  )
})

test('through the API: passages, an answer with its source, and a question without one', () =>
  withApi(async (cli) => {
    const found = await cli('search', 'lighthouse', 'keeper')
    assert.is(found.code, 0, found.err)
    assert.match(found.out, /^ 1\. The lighthouse of Carrow Point {2}both words\n/)
    assert.match(found.out, /lighthouse\.md · in town, by this node/)
    assert.match(found.err, /passages? of 10 passages in/)
    const json = await cli('search', '--json', '--limit', '2', '--filter', 'source=ferry.md', 'captain')
    assert.equal(
      json.json.hits.map((hit: { record: { source: string } }) => hit.record.source),
      ['ferry.md'],
    )
    const answered = await cli('ask', 'Who was the first keeper of the lighthouse?')
    assert.match(answered.out, /Moira Tallis.* \[1\]/)
    assert.match(answered.out, /\[1\] The lighthouse of Carrow Point · lighthouse\.md/)
    const unknown = await cli('ask', 'Which vitamin prevents scurvy among sailors?')
    assert.is(unknown.code, 0)
    assert.match(unknown.out, /^Not found in the collections\./)
  }))

test('what is wrong is told in the words of the command line', () =>
  withApi(async (cli) => {
    const limit = await cli('search', '--limit', 'many', 'x')
    assert.is(limit.code, 2)
    assert.match(limit.err, /--limit takes a number/)
    const deadline = await cli('search', '--deadline', '1', 'x')
    assert.is(deadline.code, 2)
    assert.match(deadline.err, /--deadline must be >= 50/)
    const filter = await cli('search', '--filter', 'nonsense', 'x')
    assert.match(filter.err, /filter is FIELD/)
    const model = await cli('ask', '--generate', 'nosuch', 'Who was the first keeper of the lighthouse?')
    assert.is(model.code, 1)
    assert.match(model.err, 'MODEL_UNKNOWN')
    const collection = await cli('ask', '--collection', 'nowhere', 'x')
    assert.match(collection.err, /COLLECTION_UNKNOWN/)
    const dashed = await cli('search', 'keeper', '-goats')
    assert.is(dashed.code, 2)
    assert.match(dashed.err, /go after "--": village search -- -goats/)
    assert.is((await cli('search', '--', 'keeper', '-goats')).code, 0)
    const signs = await cli('search', '+')
    assert.match(signs.err, /warning: The query has no word/)
    const nowhere = await cli('search', 'scriptword123')
    assert.match(nowhere.err, /warning: No passage has the word “scriptword123”\./)
    const empty = await cli('ask', ' ')
    assert.is(empty.code, 2)
  }))

test('a terminal has colours unless NO_COLOR is set', () =>
  withApi(async (_cli, server) => {
    const outputOf = async (environment: Record<string, string>) => {
      let out = ''
      await runCommandLine({
        arguments: ['--data.dir', server.directory, 'search', 'keeper'],
        environment,
        stdout: { columns: 80, write: (text) => (out += text) },
        stderr: { isTTY: false, write: () => true } as unknown as NodeJS.WriteStream, // no progress is drawn
        signal: new AbortController().signal,
      })
      return out
    }
    assert.ok((await outputOf({})).includes('\u001b['))
    assert.not.ok((await outputOf({ NO_COLOR: '1' })).includes('\u001b['))
    assert.ok((await outputOf({ NO_COLOR: '' })).includes('\u001b['))
    assert.not.ok((await outputOf({ TERM: 'dumb' })).includes('\u001b['))
  }))

test.run()
