import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dutyOf } from '../../../node/federated/rounds/duties.ts'
import { slotId } from '../../../node/federated/rounds/proposing.ts'
import { recordOf } from '../../../node/federated/scoring/reputation.ts'
import { joinOf, type PaperRun, paperRun, peersNamed, toySpec } from '../../helpers/paper-run.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('the state machine of a run')

function started(count: number, change: Record<string, unknown> = {}): { run: PaperRun; peers: string[] } {
  const peers = peersNamed(count)
  const run = paperRun(toySpec({ minimum: count, ...change }))
  run.block(peers.map((peer) => joinOf(peer)))
  return { run, peers }
}

test('goes through its phases and ends published, with a history', () => {
  const { run, peers } = started(3)
  assert.is(run.state.phase, 'proposing')
  assert.equal([...run.state.committee.members].sort(), [...peers].sort())
  const state = run.play()
  assert.is(state.phase, 'published', JSON.stringify(state.endReason))
  assert.is(state.history.length, 3)
  assert.is(state.stopReason?.limit, 'generations')
  assert.is(state.result?.cid, `cid of ${state.winner}`)
  assert.equal(state.lies, [])
  const best = state.history.map((row) => row.best?.mean ?? 0)
  assert.ok(best.at(-1)! >= best[0]!, 'the best of an elitist strategy never falls')
  assert.is(state.final.filter(({ kind }) => kind === 'seed').length, 2)
  for (const row of state.history) assert.is(row.candidates.length, 6)
  assert.equal(JSON.parse(JSON.stringify(state)), state, 'a state is plain JSON')
})

test('no member scores a genome twice on one split', () => {
  const { run } = started(3)
  const state = run.play()
  for (const [key, times] of run.scorings) assert.is(times, 1, key)
  const scored = state.history.reduce((sum, { evaluations }) => sum + evaluations, 0)
  assert.is(state.evaluations, scored)
  const genomes = new Set(state.history.flatMap(({ candidates }) => candidates.map(({ hash }) => hash)))
  assert.is(scored, genomes.size, 'each genome counts once')
})

test('a member alone evolves by itself', () => {
  const { run } = started(1)
  assert.is(run.play().phase, 'published')
})

test('who says nothing is sent away after a generation, and may come back', () => {
  const { run, peers } = started(4)
  const gone = peers[3]!
  run.play({ silent: [gone], isDone: ({ generation }) => generation === 1 })
  assert.is(run.state.participants[gone]!.gone, 'away')
  assert.not(run.state.roster.includes(gone))
  assert.is(
    run.state.committee.members.at(-1),
    gone,
    'it keeps its seat for a while: three could not stand a lie',
  )
  run.block([joinOf(gone, 2)])
  const state = run.play({ isDone: ({ generation }) => generation === 2 })
  assert.ok(state.roster.includes(gone), 'it takes part from the next generation on')
})

test('a liar is named, thrown out, and changes nothing', () => {
  const honest = started(4).run.play()
  const { run, peers } = started(4)
  const liar = peers[2]!
  const state = run.play({ liars: { [liar]: (scores) => scores.map((score) => 1 - score) } })
  assert.is(state.phase, 'published')
  assert.equal([...new Set(state.lies.map(({ peer }) => peer))], [liar])
  assert.is(state.participants[liar]!.gone, 'lied')
  const means = (one: typeof state) => one.history.map(({ best }) => best!.mean)
  assert.equal(means(state), means(honest))
  const other = started(4).run
  other.play({
    liars: { [liar]: (scores) => scores.map((score) => 1 - score) },
    isDone: ({ lies }) => lies.length > 0,
  })
  throwsCode(() => other.block([joinOf(liar, 9)]), 'LEDGER_REFUSED')
})

test('who keeps all others from being heard does not become the committee', () => {
  const { run } = started(7, { limits: { generations: 4 } })
  const [liar] = run.state.committee.members as [string]
  // As if its blocks alone were certified: what the others say stands in none, and all deadlines pass.
  run.play({
    silent: run.state.roster.filter((peer) => peer !== liar),
    isDone: ({ generation }) => generation > 1,
  })
  const { committee, roster } = run.state
  assert.equal(roster, [liar])
  assert.is(committee.members.length, 7, 'it still needs four others')
  assert.is(committee.members[0], liar)
  assert.is(run.state.best, null, 'what it says alone is not believed')
})

test('who is away for long gives up the seat, and a village goes on with those it has', () => {
  const { run, peers } = started(4, { limits: { generations: 12 } })
  const gone = peers[3]!
  run.play({ silent: [gone], isDone: ({ generation }) => generation === 1 })
  assert.ok(run.state.committee.members.includes(gone))
  run.play({ silent: [gone], isDone: ({ generation }) => generation === 9 })
  assert.equal([...run.state.committee.members].sort(), peers.slice(0, 3).sort())
})

test('members of the committee that leave in good order are not waited for by the next block', () => {
  const { run, peers } = started(4)
  const { epoch } = run.state.committee
  run.block([{ kind: 'leave', author: peers[3]!, sequence: 2 }])
  run.block([{ kind: 'leave', author: peers[2]!, sequence: 2 }])
  assert.equal(run.state.committee.members, [peers[0]], 'of two, one decides: the announcer')
  assert.ok(run.state.committee.epoch > epoch)
  assert.is(run.play().phase, 'published')
})

test('what a liar says that its work has cost does not end a run', () => {
  const limits = { generations: 3, joules: 1_000 }
  const { run, peers } = started(4, { limits })
  const state = run.play({
    alter: (said) =>
      said.kind === 'reveal' && said.author === peers[1]
        ? { ...said, entries: said.entries.map((entry) => ({ ...entry, joules: 1e12, busyMs: 1e12 })) }
        : said,
  })
  assert.is(state.stopReason?.limit, 'generations')
  const reveals = state.history.reduce(
    (sum, { candidates }) => sum + candidates.reduce((all, { scorers }) => all + scorers.length, 0),
    0,
  )
  const told = state.history.reduce((sum, { joules }) => sum + joules, 0)
  assert.is(told, 0.5 * reveals, 'each costs what the honest ones tell')
})

/** Proposes `{ x }` for all slots of `author`, and has everybody say that those cannot be scored. */
function withUnscorable(run: PaperRun, author: string, sayNothing: readonly string[] = []) {
  const bad = new Set<string>()
  let count = 0
  return run.play({
    silent: sayNothing,
    alter(said) {
      if (said.kind === 'propose' && said.author === author) {
        const duty = dutyOf(run.state, author)
        const slots = duty?.kind === 'propose' ? duty.slots : []
        return {
          ...said,
          entries: slots.map(({ slot }) => {
            bad.add(slotId(said.generation, slot))
            return {
              slot,
              genome: { x: [0.9, 0.9, 0.9, ++count / 1_000] },
              origin: { parents: [], by: 'own' },
            }
          }),
        }
      }
      if (said.kind !== 'commit') return said
      const isBad = (slot: number) => bad.has(run.state.slots[slot]!.id)
      return {
        ...said,
        entries: said.entries.map((entry) => (isBad(entry.slot) ? { ...entry, digest: null } : entry)),
      }
    },
  })
}

test('a candidate that cannot be scored costs no deadline and nobody but its proposer', () => {
  const { run, peers } = started(4, { population: 8, limits: { generations: 4 } })
  const state = withUnscorable(run, peers[2]!)
  assert.is(state.phase, 'published', `${state.endReason}`)
  assert.ok(state.timeMs < 2_000, `no deadline of 1,000 ms was waited for: ${state.timeMs}`)
  const failed = state.history.flatMap(({ candidates }) =>
    candidates.filter((one) => one.objectives === null),
  )
  assert.ok(failed.length >= 3)
  for (const { proposer, scorers } of failed) {
    assert.is(proposer, peers[2])
    assert.equal(scorers, [])
  }
  for (const peer of peers) {
    assert.is(state.participants[peer]!.gone, null)
    assert.is(state.participants[peer]!.unscorable > 0, peer === peers[2])
    assert.is(recordOf(state.reputation, peer).silent, 0, 'who tried is not to blame')
  }
  const later = state.history.at(-1)!.candidates
  assert.ok(
    later.every(({ proposer }) => proposer === ''),
    'after three of them it proposes no more',
  )
})

test('as many as may lie cannot say of a candidate that nobody can score it', () => {
  const { run, peers } = started(4)
  const liar = peers[1]!
  const state = run.play({
    alter: (said) =>
      said.kind === 'commit' && said.author === liar
        ? { ...said, entries: said.entries.map((entry) => ({ ...entry, digest: null })) }
        : said,
  })
  assert.is(state.phase, 'published')
  for (const { candidates } of state.history)
    for (const { objectives } of candidates) assert.is.not(objectives, null)
  assert.ok(recordOf(state.reputation, liar).silent > 0, 'others could, and it counts as silent')
})

test('a word at the right time does not make up for scores that never come', () => {
  const { run, peers } = started(7, { population: 12, limits: { generations: 6 } })
  const idler = peers[3]!
  const owed = new Set<string>()
  const state = run.play({
    isDone: ({ finalists }) => finalists.length > 0,
    alter(said) {
      if (said.author !== idler || said.kind !== 'commit') return said
      owed.add(`${run.state.generation} ${run.state.scoring?.stage}`)
      return { kind: 'propose', author: idler, generation: -1, entries: [] } // not taken
    },
  })
  const asked = [...owed].join(', ')
  assert.ok(owed.size > 0 && owed.size <= 2, `the others waited for it in ${asked}`)
  assert.ok(state.participants[idler]!.missed >= owed.size, 'its proposals do not make up for it')
})

test('two signed votes that exclude each other throw their voter out', () => {
  const { run, peers } = started(4)
  const [witness, voter] = peers as [string, string]
  const vote = {
    height: 2,
    view: 0,
    step: 'prevote',
    validView: null,
    signature: new Uint8Array(64),
  } as const
  const votes = [
    { ...vote, hash: null },
    { ...vote, hash: 'ab'.repeat(32) },
  ] as const
  run.block([{ kind: 'proof', author: witness, voter, votes }])
  assert.equal(run.state.lies, [{ peer: voter, generation: 0, kind: 'equivocation', slots: [], items: 0 }])
  throwsCode(() => run.block([{ kind: 'proof', author: witness, voter, votes }]), 'LEDGER_REFUSED')
  throwsCode(() => run.block([joinOf(voter, 9)]), 'LEDGER_REFUSED')
  const state = run.play()
  assert.is(state.phase, 'published')
  assert.not(state.history.at(-1)!.committee.includes(voter))
})

test('pause moves deadlines, and nothing is taken meanwhile', () => {
  const { run, peers } = started(3)
  const before = run.state.deadlineMs!
  const control = (action: 'pause' | 'resume' | 'stop', sequence: number) =>
    ({ kind: 'control', author: peers[0]!, sequence, action }) as const
  run.block([control('pause', 2)])
  assert.is(run.say(peers[1]!), null)
  throwsCode(
    () => run.block([{ kind: 'propose', author: peers[1]!, generation: 0, entries: [] }]),
    'LEDGER_REFUSED',
  )
  run.block([control('resume', 3)], 5_000)
  assert.is(run.state.deadlineMs, before + 5_000)
  assert.is(run.state.phase, 'proposing')
  run.block([control('stop', 4)])
  assert.is(run.state.phase, 'ended')
  assert.is(run.state.endReason, 'stopped')
})

test('a proposal of the owner of a slot replaces what the strategy proposes', () => {
  const { run, peers } = started(3)
  for (const author of peers) {
    const entries = Array.from({ length: 6 }, (_, slot) => ({
      slot,
      genome: { x: [0.2, 0.4, 0.6, 0.3 + slot / 1_000] },
      origin: { parents: [], by: 'own' },
    }))
    const mine = entries.filter((entry) => {
      try {
        const alone = paperRun(run.rules.spec)
        alone.state = run.state
        alone.timeMs = run.timeMs
        alone.block([{ kind: 'propose', author, generation: 0, entries: [entry] }])
        return true
      } catch {
        return false
      }
    })
    run.block([{ kind: 'propose', author, generation: 0, entries: mine }])
  }
  assert.is(run.state.phase, 'commit')
  for (const slot of run.state.slots) {
    assert.is(slot.origin.by, 'own')
    for (const { scorer } of slot.scores) assert.is.not(scorer, slot.proposer, 'nobody scores its own')
  }
})

test('what may not be said is refused, whoever says it', () => {
  const { run, peers } = started(3)
  const [first] = peers as [string]
  const refusedOnes: Parameters<PaperRun['block']>[0][] = [
    [],
    [joinOf(first, 2)],
    [joinOf(peersNamed(4)[3]!, -1 as number)],
    [{ kind: 'propose', author: first, generation: 1, entries: [] }],
    [{ kind: 'commit', author: first, generation: 0, stage: 0, entries: [{ slot: 0, digest: 'aa' }] }],
    [{ kind: 'built', author: first, cid: 'x' }],
    [{ kind: 'control', author: first, sequence: 1, action: 'pause' }],
    [{ kind: 'leave', author: peersNamed(4)[3]!, sequence: 5 }],
  ]
  for (const statements of refusedOnes) throwsCode(() => run.block(statements), 'LEDGER_REFUSED')
})

test('scores that are not those of the commitment are refused', () => {
  const { run, peers } = started(3)
  run.block(peers.flatMap((peer) => run.say(peer) ?? []))
  run.block(peers.flatMap((peer) => run.say(peer) ?? []))
  assert.is(run.state.phase, 'reveal')
  const other = peers.flatMap((peer) => run.say(peer, (scores) => scores.fill(1)) ?? [])
  for (const statement of other) throwsCode(() => run.block([statement]), 'LEDGER_REFUSED')
})

test('with whoever is silent, and in whatever order blocks come, it ends, and all members agree', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat(4), { maxLength: 2 }),
      fc.constantFrom('tournament', 'cma-es'),
      fc.nat(1_000),
      (count, silentOnes, name, seed) => {
        const change = { strategy: { name, options: {} }, seed, limits: { generations: 2 } }
        const peers = peersNamed(count)
        const silent = silentOnes.map((index) => peers[index % count]!)
        const play = () => started(count, change).run.play({ silent })
        const [one, other] = [play(), play()]
        assert.equal(one, other)
        if (new Set(silent).size === count) return assert.is(one.phase, 'announced', 'it waits for somebody')
        assert.ok(one.phase === 'published' || one.endReason === 'no-gain', `${one.endReason}`)
      },
    ),
    { numRuns: 25 },
  )
})

test.run()
