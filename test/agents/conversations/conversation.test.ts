/** What is kept of an answer: where its citations open, its evidence, and its calls. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentAnswer } from '../../../node/agents/agent.ts'
import {
  citationsOf,
  createTranscript,
  evidenceLineOf,
  givenTitle,
} from '../../../node/agents/conversations/conversation.ts'
import type { EvidencePack } from '../../../node/agents/evidence.ts'
import type { Answer } from '../../../node/agents/rag/answers/answer.ts'

const test = suite('conversation')

const PASSAGE = { segment: '5e'.repeat(32), chunk: 7 }
const ITEM = {
  ...{ number: 1, collection: 'notes', document: 'd', title: 'Roof', source: 'a.md', page: 2 },
  ...{ headings: [], start: 100, end: 900, text: 'x', score: 1, vouchedBy: [] },
}

function answerWith(evidence: EvidencePack | null): AgentAnswer {
  return {
    ...{ id: 'r', agent: 'sage', node: 'n', model: null, text: 'It is so [1].', finish: 'answer', evidence },
    ...{ observations: [], turns: 1, tookMs: 1 },
    usage: { promptTokens: 0, cachedTokens: 0, completionTokens: 0 },
  }
}

const packOf = (given: Partial<EvidencePack>): EvidencePack => ({
  ...{ question: 'q', queries: ['q'], confidence: 0.9, threshold: 0.5, isFound: true, missing: [] },
  items: [ITEM],
  ...given,
})

test('a citation says where its passage can be opened: the sentences that cite it', () => {
  const sentence = { text: 'x', citation: 1, score: 1, start: 150, end: 180 }
  const sentences = [sentence, { ...sentence, start: 300, end: 320 }, { ...sentence, citation: 2, start: 1 }]
  // Of the answer citations look at nothing else.
  const answer = { sentences } as unknown as Answer
  const [cited] = citationsOf(answerWith(packOf({ items: [{ ...ITEM, passage: PASSAGE }], answer })))
  const place = { collection: 'notes', document: 'd', start: 150, end: 320, passage: PASSAGE }
  assert.equal(cited, { number: 1, title: 'Roof', source: 'a.md', page: 2, place })
})

test('where no sentence cites it, and where a member named it: the passage, and nothing to read it again by', () => {
  const [named] = citationsOf(answerWith(packOf({})))
  assert.equal(named?.place, { collection: 'notes', document: 'd', start: 100, end: 900, passage: null })
})

test('an answer without evidence cites nothing, and one with it says how much', () => {
  assert.equal([citationsOf(answerWith(null)), evidenceLineOf(answerWith(null))], [[], null])
  const line = { confidence: 0.2, threshold: 0.5, isFound: false }
  assert.equal(evidenceLineOf(answerWith(packOf(line))), line)
})

test('arguments of calls are kept, and cut where they are long', () => {
  const transcript = createTranscript()
  const call = (id: string, given: Record<string, string>) =>
    transcript.add({ kind: 'call', call: id, agent: 'magi', tool: 'file_write', arguments: given })
  call('a', { path: 'notes/a.md', content: 'short' })
  call('b', { path: 'notes/b.md', content: 'x'.repeat(100_000) })
  transcript.add({ kind: 'result', call: 'b', state: 'refused', summary: 's'.repeat(1_000) })
  const [short, long] = transcript.calls()
  assert.equal(short?.arguments, { path: 'notes/a.md', content: 'short' })
  assert.is(long?.arguments?.path, 'notes/b.md')
  assert.match(String(long?.arguments?.content), /^x+…$/)
  assert.ok(JSON.stringify(long).length < 5_000)
  assert.is(long?.state, 'refused')
})

test('a title is one line, without space around it, and bounded', () => {
  assert.is(givenTitle('  The\n\troof '), 'The roof')
  assert.is(givenTitle('x'.repeat(1_000)).length, 120)
  assert.is(givenTitle(' \n '), '')
})

test.run()
