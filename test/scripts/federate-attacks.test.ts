import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AGGREGATION_RULES } from '../../node/federated/aggregate/table.ts'
import {
  ATTACK_SETTING,
  ATTACKED_RULES,
  ATTACKS,
  accuracyUnder,
} from '../../scripts/bench/federate-attacks.ts'
import { fixedPointError, PUBLISHED_EPSILONS, runSecureSum } from '../../scripts/bench/federate-privacy.ts'

const test = suite('benchmarks of aggregation and privacy')

/** Small: what the benchmark shows in 60 rounds of 30 clients. */
const SETTING = { ...ATTACK_SETTING, clients: 11, liars: 2, rounds: 14, localSteps: 5, momentum: 0.5 }
const attack = (name: string) => ATTACKS.find((row) => row.name === name)!

test('the mean fails under lying clients, and robust rules hold', () => {
  const honest = accuracyUnder(attack('none'), { rule: 'mean' }, SETTING)
  assert.ok(honest > 0.6, `${honest}`)
  assert.ok(accuracyUnder(attack('sign-flip'), { rule: 'mean' }, SETTING) < 0.3)
  assert.ok(accuracyUnder(attack('scaled'), { rule: 'mean' }, SETTING) < 0.3)
  for (const rule of ['trimmed-mean', 'bulyan'])
    for (const name of ['sign-flip', 'label-flip', 'scaled']) {
      const accuracy = accuracyUnder(attack(name), { rule }, SETTING)
      assert.ok(accuracy > honest - 0.12, `${rule} under ${name}: ${accuracy} of ${honest}`)
    }
})

test('every rule and attack is measured', () => {
  assert.equal(
    ATTACKED_RULES.map(({ name }) => name),
    AGGREGATION_RULES.map(({ name }) => name),
  )
  const names = ATTACKS.map(({ name }) => name)
  assert.is(new Set(names).size, names.length)
})

test('a secure sum of the benchmark is exact, and more bits have less error', () => {
  const figures = runSecureSum({
    clients: 10,
    neighbours: null,
    coordinates: 50,
    ringBits: 16,
    dropStage: 'inputs',
    dropsOfTen: 3,
  })
  assert.ok(figures.isExact)
  assert.is(figures.survivors, 7)
  assert.ok(figures.overheadBytes > 1_000)
  assert.ok(fixedPointError(20, 10, 200) < fixedPointError(14, 10, 200) / 20)
  assert.ok(PUBLISHED_EPSILONS.length >= 3)
})

test.run()
