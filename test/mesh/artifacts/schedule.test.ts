import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createSchedule, type Have } from '../../../node/mesh/artifacts/schedule.ts'

const ALL: Have = { has: () => true }
const limits = { maxBytes: 4, maxLeaves: 8 }
const create = (sizes: (number | null)[], present: number[] = []) =>
  createSchedule({ sizesBytes: sizes, present: (index) => present.includes(index) })

const schedule = suite('fetch schedule')

schedule('hands out runs in order, within the limits', () => {
  const plan = create([1, 1, 1, 1, 1, 9, 1])
  assert.equal(plan.assign('a', ALL, limits), { start: 0, count: 4 })
  assert.equal(plan.assign('b', ALL, limits), { start: 4, count: 1 })
  assert.equal(plan.assign('a', ALL, limits), { start: 5, count: 1 }) // one leaf even when it is over the limit
  assert.equal(plan.assign('a', ALL, limits), { start: 6, count: 1 })
})

schedule('skips what is there and what a provider lacks', () => {
  const plan = create([1, 1, 1, 1, 1], [0, 2])
  assert.is(plan.remaining, 3)
  assert.equal(plan.assign('a', { has: (index) => index > 2 }, limits), { start: 3, count: 2 })
  assert.equal(plan.assign('b', ALL, limits), { start: 1, count: 1 })
  assert.not(plan.wants({ has: (index) => index === 2 }))
})

schedule('races the provider that owes longest, with one more at most', () => {
  const plan = create([1, 1])
  assert.equal(plan.assign('slow', ALL, limits), { start: 0, count: 2 })
  assert.equal(plan.assign('b', ALL, limits), { start: 0, count: 1 })
  assert.equal(plan.assign('c', ALL, limits), { start: 1, count: 1 })
  assert.is(plan.assign('d', ALL, limits), null)
  assert.is(plan.assign('slow', ALL, limits), null)
  assert.ok(plan.done(0))
  assert.not(plan.done(0))
  assert.is(plan.remaining, 1)
})

schedule('takes back what a lost provider owes', () => {
  const plan = create([1, 1, 1])
  plan.assign('a', ALL, limits)
  plan.done(0)
  plan.release('a')
  assert.equal(plan.assign('b', ALL, limits), { start: 1, count: 2 })
  plan.release('b', 2)
  assert.equal(plan.assign('c', ALL, limits), { start: 2, count: 1 })
})

schedule('leaves of unknown size go out one by one', () => {
  const plan = create([null, null])
  assert.equal(plan.assign('a', ALL, limits), { start: 0, count: 1 })
})

schedule('finishes whatever the providers do, and nobody gets the same leaf twice', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 40 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 9 })), { maxLength: 400 }),
      (sizes, steps) => {
        const plan = create(sizes)
        const owed = new Map<string, number[]>([
          ['p0', []],
          ['p1', []],
          ['p2', []],
        ])
        const step = (provider: string, action: number) => {
          const mine = owed.get(provider)!
          if (action < 4) {
            const range = plan.assign(provider, ALL, limits)
            if (range === null) return
            for (let index = range.start; index < range.start + range.count; index++) {
              assert.not(plan.isDone(index))
              assert.not(mine.includes(index))
              mine.push(index)
            }
          } else if (action < 8) {
            const index = mine.shift()
            if (index !== undefined) plan.done(index)
          } else {
            plan.release(provider)
            mine.length = 0
          }
        }
        for (const [provider, action] of steps) step(`p${provider}`, action)
        // One honest provider finishes the rest.
        plan.release('p1')
        plan.release('p2')
        for (let round = 0; plan.remaining > 0 && round < 1000; round++) step('p0', round % 2 === 0 ? 0 : 4)
        assert.is(plan.remaining, 0)
        assert.not(plan.wants(ALL))
      },
    ),
  )
})

schedule.run()
