import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { drawFirstScorers, drawScorers, type ScorerDraw } from '../../../node/federated/scoring/assignment.ts'
import type { Reputation, ScorerRecord } from '../../../node/federated/scoring/reputation.ts'

const test = suite('drawing scorers')

const peersOf = (count: number) => Array.from({ length: count }, (_, index) => `peer-${index}`)
const record = (part: Partial<ScorerRecord>): ScorerRecord => ({
  valid: 0,
  total: 0,
  doubtful: 0,
  silent: 0,
  lies: 0,
  ...part,
})

const draw = (part: Partial<ScorerDraw>): string[] =>
  drawScorers({
    run: 'run',
    generation: 0,
    slot: 0,
    stage: 0,
    participants: peersOf(10),
    proposer: 'peer-0',
    count: 3,
    already: [],
    seed: 'ab',
    reputation: {},
    ...part,
  })

test('draws others than the proposer, each once, none twice, and the same in any order of members', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 30 }),
      fc.nat(40),
      fc.nat(1000),
      fc.array(fc.nat(29), { maxLength: 6 }),
      (members, count, slot, before) => {
        const participants = peersOf(members)
        const already = before.map((index) => `peer-${index}`)
        const drawn = draw({ participants, count, slot, already })
        assert.is(new Set(drawn).size, drawn.length)
        assert.ok(drawn.length <= count)
        assert.not.ok(drawn.includes('peer-0'))
        for (const peer of drawn) assert.not.ok(already.includes(peer))
        const free = participants.filter((peer) => peer !== 'peer-0' && !already.includes(peer))
        assert.is(drawn.length, Math.min(count, free.length))
        assert.equal(draw({ participants: [...participants].reverse(), count, slot, already }), drawn)
      },
    ),
  )
})

test('a member alone scores for itself, and in a later stage the proposer is the last to be asked', () => {
  assert.equal(draw({ participants: ['peer-0'] }), ['peer-0'])
  assert.equal(draw({ participants: peersOf(3), count: 3 }).sort(), ['peer-1', 'peer-2'])
  const already = ['peer-1', 'peer-2']
  assert.equal(draw({ participants: peersOf(3), count: 1, stage: 1, already }), ['peer-0'])
})

test('seed, slot, stage, generation and run each change who is drawn', () => {
  const many = (part: (index: number) => Partial<ScorerDraw>) =>
    new Set(Array.from({ length: 20 }, (_, index) => draw(part(index)).join())).size
  assert.ok(many((index) => ({ seed: `${index}` })) > 10)
  assert.ok(many((index) => ({ slot: index })) > 10)
  assert.ok(many((index) => ({ stage: index })) > 10)
  assert.ok(many((index) => ({ generation: index })) > 10)
  assert.ok(many((index) => ({ run: `${index}` })) > 10)
})

test('turns are shared by weight: liars get none, trusted scorers twice those of new ones, silent ones fewer', () => {
  const reputation: Reputation = {
    'peer-1': record({ lies: 1 }),
    'peer-2': record({ valid: 10 }),
    'peer-3': record({ silent: 3 }),
  }
  const turns = new Map<string, number>()
  const draws = 6_000
  for (let slot = 0; slot < draws; slot++)
    for (const peer of draw({ slot, count: 1, reputation, proposer: '' }))
      turns.set(peer, (turns.get(peer) ?? 0) + 1)
  assert.is(turns.get('peer-1'), undefined)
  // Weights: seven new ones 1, one trusted 2, one silent 1/4.
  const expected = (weight: number) => (draws * weight) / 9.25
  const isNear = (peer: string, weight: number) => {
    const mean = expected(weight)
    return Math.abs(turns.get(peer)! - mean) < 5 * Math.sqrt(mean)
  }
  assert.ok(isNear('peer-2', 2), `${turns.get('peer-2')}`)
  assert.ok(isNear('peer-3', 0.25), `${turns.get('peer-3')}`)
  for (const peer of ['peer-0', 'peer-4', 'peer-9']) assert.ok(isNear(peer, 1), `${turns.get(peer)}`)
})

test('the first stage has one scorer more than can lie; in large villages four, of trusted ones two', () => {
  const first = (members: number, faulty: number, reputation: Reputation = {}) =>
    drawFirstScorers(
      {
        run: 'run',
        generation: 0,
        slot: 0,
        participants: peersOf(members),
        proposer: '',
        seed: 'a',
        reputation,
      },
      { scorers: 1, faulty },
    ).length
  assert.is(first(3, 0), 1)
  assert.is(first(4, 1), 2)
  assert.is(first(10, 3), 4)
  assert.is(first(40, 13), 4)
  const trusted = Object.fromEntries(peersOf(40).map((peer) => [peer, record({ valid: 10 })]))
  assert.is(first(40, 13, trusted), 2)
})

test.run()
