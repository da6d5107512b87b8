/** What the dashboard makes of texts, without a browser: changes by lines, passages that overlap, addresses of searches. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { diffLines, withoutDistant } from '../../node/api/dashboard/pages/agents/diff.js'
import { answerSoFar, emptyAnswer, withEvent } from '../../node/api/dashboard/pages/agents/turn-events.js'
import { placedParts, within, withoutOverlap } from '../../node/api/dashboard/pages/knowledge/overlap.js'
import {
  countChoices,
  readScope,
  scopeBody,
  writeScope,
} from '../../node/api/dashboard/pages/knowledge/scope.js'
import { nameOfAgent, wordsOfTool } from '../../node/api/dashboard/parts/tool-words.js'
import { createToolServices } from '../helpers/tool-services.ts'

const test = suite('dashboard texts')

const lines = fc.array(fc.constantFrom('a', 'b', 'c', ' ', '<b>'), { maxLength: 30 })

test('changes lead from the old text to the new one, and what is the same is in both', () =>
  fc.assert(
    fc.property(lines, lines, (old, now) => {
      const found = diffLines(old.join('\n'), now.join('\n'))
      const of = (...kinds: string[]) =>
        found.filter(({ kind }) => kinds.includes(kind)).map(({ text }) => text)
      const kept = (given: string[]) => (given.at(-1) === '' || given.length === 0 ? [] : given)
      assert.equal(of('same', 'removed').join('\n'), kept(old).join('\n'))
      assert.equal(of('same', 'added').join('\n'), kept(now).join('\n'))
    }),
  ))

test('no shorter list of changes leads there', () => {
  const changes = (old: string, now: string) =>
    diffLines(old, now).filter(({ kind }) => kind !== 'same').length
  assert.is(changes('a\nb\nc\n', 'a\nb\nc'), 0)
  assert.is(changes('a\nb\nc', 'a\nx\nc'), 2)
  assert.is(changes('a\nb\nc\nd', 'b\nd'), 2)
  assert.is(changes('', 'a\nb'), 2)
  assert.is(changes('x\na\nb\nc', 'a\nb\nc\ny'), 2)
})

test('two long texts that have nothing in common are told as exchanged, at once', () => {
  const text = (word: string) => Array.from({ length: 5_000 }, (_, index) => `${word}${index}`).join('\n')
  assert.is(diffLines(text('a'), text('b')).length, 10_000)
})

test('what stands far from a change is left out and counted', () => {
  const old = Array.from({ length: 20 }, (_, index) => `line ${index}`)
  const now = old.with(10, 'another')
  const shown = withoutDistant(diffLines(old.join('\n'), now.join('\n')))
  assert.equal(
    [shown.at(0), shown.at(-1), shown.length],
    [{ kind: 'gap', count: 7 }, { kind: 'gap', count: 6 }, 10],
  )
})

test('passages that overlap give the text once, whatever their cuts', () =>
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 200 }),
      fc.array(fc.tuple(fc.nat(200), fc.nat(60)), { minLength: 1, maxLength: 10 }),
      (text, cuts) => {
        const passages = cuts
          .map(([start, length]) => ({ start, end: Math.min(text.length, start + length) }))
          .filter(({ start, end }) => end > start)
          .sort((a, b) => a.start - b.start)
          .map(({ start, end }) => ({ start, end, text: text.slice(start, end) }))
        const parts = withoutOverlap(passages)
        for (const part of parts) assert.is(part.text, text.slice(part.start, part.start + part.text.length))
        const covered = (list: readonly { start: number; text: string }[]) =>
          new Set(list.flatMap((one) => Array.from(one.text, (_, index) => one.start + index)))
        const units = parts.reduce((sum, part) => sum + part.text.length, 0)
        assert.is(units, new Set(passages.flatMap(({ start, end }) => range(start, end))).size)
        assert.ok(covered(parts).size <= units)
      },
    ),
  ))

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => start + index)

test('parts of a passage stand under their own headings and on their own page, also where a passage before had some of them', () => {
  const text = 'Title. First part. Second part. End.'
  const at = (words: string) => text.indexOf(words)
  const whole = { start: 0, end: at('Second'), text: text.slice(0, at('Second')), page: 1, headings: ['A'] }
  const next = {
    ...{
      start: at('First'),
      end: text.length,
      text: text.slice(at('First')),
      page: 1,
      headings: ['A', 'B', 'C'],
    },
    sections: [
      { start: 0, page: 1, headings: [0] },
      { start: at('Second') - at('First'), page: 2, headings: [0, 1] },
      { start: at('End') - at('First'), page: 2, headings: [2, 9] },
    ],
  }
  assert.equal(placedParts([whole, next]), [
    { start: 0, text: 'Title. First part. ', page: 1, headings: ['A'] },
    { start: at('Second'), text: 'Second part. ', page: 2, headings: ['A', 'B'] },
    { start: at('End'), text: 'End.', page: 2, headings: ['C'] },
  ])
})

test('a span is marked in each passage that it reaches into, and nowhere else', () => {
  const span = { start: 10, end: 20 }
  const at = (start: number, text: string) => within(span, { start, text })
  assert.equal(at(0, 'x'.repeat(10)), null)
  assert.equal(at(5, 'x'.repeat(10)), { start: 5, end: 10 })
  assert.equal(at(12, 'x'.repeat(4)), { start: 0, end: 4 })
  assert.equal(at(15, 'x'.repeat(10)), { start: 0, end: 5 })
  assert.equal(at(20, 'x'), null)
  assert.equal(within(null, { start: 0, text: 'x' }), null)
})

test('the choices of a search come back from its address', () =>
  fc.assert(
    fc.property(
      fc.record({
        collection: fc.string(),
        mode: fc.constantFrom('', 'lexical', 'vectors'),
        filters: fc.array(fc.string({ minLength: 1 }), { maxLength: 4 }),
        language: fc.constantFrom('', 'de'),
        local: fc.boolean(),
        perDocument: fc.option(fc.integer({ min: 1, max: 100 })),
      }),
      (scope) => {
        assert.equal(readScope(writeScope(scope)), { ...scope })
        const isUsual = Object.keys(scopeBody(scope)).length === 0
        assert.is(writeScope(scope) === '', isUsual)
        assert.ok(!isUsual || countChoices(scope) === 0)
      },
    ),
  ))

test('an address that nobody would write means everything', () => {
  assert.equal(scopeBody(readScope('each=-3&local=perhaps&%%%&mode=')), {})
})

test('an answer follows the events of its agent: what was said before a call was no answer yet', () => {
  const event = (type: string, data: object) => ({ type, data })
  const call = { call: 'c1', agent: 'sage', tool: 'file_write', arguments: { path: 'a' } }
  const steps = [
    event('text', { text: 'Let me see.' }),
    event('call', call),
    event('approval', { approval: 'p1', call: 'c1', tool: 'file_write', arguments: {} }),
  ]
  const waiting = steps.reduce(withEvent, emptyAnswer('king'))
  assert.equal([waiting.text, waiting.calls[0]?.state, waiting.approvals.length], ['', 'running', 1])
  const ended = [
    event('result', { call: 'c1', state: 'refused', summary: 'It was denied' }),
    event('text', { text: 'It was denied.' }),
    event('done', { text: 'It was denied.', finish: 'answer', model: null }),
  ].reduce(withEvent, waiting)
  assert.equal(
    [ended.text, ended.calls[0]?.state, ended.approvals, ended.running],
    ['It was denied.', 'refused', [], false],
  )
})

test('an answer that another window began has the approvals that it waits for, and no other', () => {
  const call = { tool: 'file_write', agent: 'king', arguments: {}, state: 'running', summary: '' }
  const waiting = ['p1', 'p2'].map((id) => ({ id, tool: 'file_write', arguments: {}, expiresAtMs: 9 }))
  const answer = answerSoFar({ agent: 'king', text: 'So far', calls: [call], approvals: ['p2'] }, waiting)
  assert.equal(
    [answer.text, answer.running, answer.calls.length, answer.approvals.map(({ approval }) => approval)],
    ['So far', true, 1, ['p2']],
  )
})

test('each tool of the village has words, and one from elsewhere its name alone', () => {
  const { tools } = createToolServices()
  assert.equal(
    tools.map(({ name }) => name).filter((name) => wordsOfTool(name) === null),
    [],
  )
  assert.is(wordsOfTool('agent_ask', { agent: 'sage' }), 'ask Sage')
  assert.is(wordsOfTool('constructor'), null)
  assert.is(nameOfAgent('magi'), 'Magi')
})

test.run()
