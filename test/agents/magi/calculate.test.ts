import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { calculate, calculationText } from '../../../node/agents/magi/calculate/calculate.ts'
import { toDouble } from '../../../node/agents/magi/calculate/number.ts'
import { VillageError } from '../../../node/errors.ts'
import { throwsCode } from '../../helpers/throws.ts'

const text = (expression: string, digits?: number) => calculationText(calculate(expression, digits))

const VALUES: readonly (readonly [string, string])[] = [
  ['1+2*3', '7'],
  ['0.1+0.2', '0.3'],
  ['2^100', '1267650600228229401496703205376'],
  ['-2^2', '-4'],
  ['2^3^2', '512'],
  ['2^-3', '0.125'],
  ['8^(1/3)', '2'],
  ['(-8)^(1/3)', '-2'],
  ['sqrt(1/4)', '0.5'],
  ['√16 + √(9)', '7'],
  ['1/3', 'about 0.333333333333333 (exactly 1/3)'],
  ['1/3e20', 'about 3.33333333333333e-21 (exactly 1/300000000000000000000)'],
  ['2/3 in %', 'about 66.6666666666667% (exactly 200/3%)'],
  ['sqrt(2)', 'about 1.4142135623731'],
  ['ln(2)', 'about 0.693147180559945'],
  ['sin(pi/2)', 'about 1'],
  ['log2(1024)', '10'],
  ['log10(1/1000)', '-3'],
  ['log(8, 2)', '3'],
  ['17% of 300', '51'],
  ['300 + 10%', '330'],
  ['300 - 10%', '270'],
  ['5% + 10%', '15%'],
  ['1,234,567 * 2', '2469134'],
  ['max(1,200)', '200'],
  ['-7 mod 3', '2'],
  ['5! / 3!', '20'],
  ['choose(52, 5)', '2598960'],
  ['round(2.675, 2)', '2.68'],
  ['round(-2.5)', '-3'],
  ['mean(1, 2, 3, 4)', '2.5'],
  ['median(9, 1, 5)', '5'],
  ['gcd(12, 18, 27)', '3'],
  ['lcm(4, 6)', '12'],
  ['hypot(3, 4)', '5'],
  ['4 GB / 50 MB/s', '80 s'],
  ['4 GB / (50 MB/s) in min', 'about 1.33333333333333 min (exactly 4/3 min)'],
  ['3 GiB to MB', '3221.225472 MB'],
  ['5 MB per s in Mbit/s', '40 Mbit/s'],
  ['10 kB/s * 1 h in MB', '36 MB'],
  ['90 min in h', '1.5 h'],
  ['mean(1 s, 2 s)', '1.5 s'],
  ['1 week in days', '7 d'],
]

test('values, exact wherever there is an exact one', () => {
  for (const [expression, wanted] of VALUES) assert.is(text(expression), wanted, expression)
  assert.is(text('1/7', 30), 'about 0.142857142857142857142857142857 (exactly 1/7)')
  assert.equal(calculate('1000!').value.length, 2568)
})

test('what cannot be calculated is said with its place', () => {
  for (const [expression, wanted] of [
    ['', 'ends too early'],
    ['1 +', 'ends too early'],
    ['1 2', 'from character 3'],
    ['(1', 'ends too early'],
    ['1,2', 'from character 2'],
    ['1 $ 2', 'character 3 is not'],
    ['sqr(4)', 'did you mean sqrt'],
    ['constructor(1)', 'no function'],
    ['__proto__', 'no unit or constant'],
    ['log(5)', 'needs its base'],
    ['1/0', 'divides by zero'],
    ['0^-1', 'divides by zero'],
    ['5 mod 0', 'divides by zero'],
    ['sqrt(-1)', 'real number'],
    ['(-2)^0.5', 'real number'],
    ['asin(2)', 'real numbers'],
    ['ln(0)', 'above zero'],
    ['1.5!', 'whole number'],
    ['2 MB + 3 s', 'a quantity in B and a quantity in s'],
    ['3 MB in h', 'cannot be given in h'],
    ['5 in MB', 'without a unit'],
    ['sin(3 s)', 'without a unit'],
    ['2 s s', 'two units'],
    ['(2 s)^0.5', 'whole number'],
    ['(3 GB in MB) + 1', 'character 7'],
  ] as const) {
    const error = throwsCode(() => calculate(expression), 'CALCULATION_INVALID')
    assert.match(error.message, wanted)
  }
})

test('what would take long or much is refused before it is computed', () => {
  for (const expression of [
    '10^10^10',
    '2^-99999999999',
    '(1/3)^20000',
    '9^9^9^9',
    '99999!',
    '1e99999',
    '1e-99999',
    'choose(99999, 5)',
    'exp(1000)',
    `${'('.repeat(500)}1${')'.repeat(500)}`,
    `${'-'.repeat(300)}1`,
    `${'sqrt('.repeat(100)}1${')'.repeat(100)}`,
    `2${'^1'.repeat(100)}`,
    `${'1+'.repeat(300)}1`,
    '1'.repeat(1001),
    ' '.repeat(2001),
    `1${'!'.repeat(6).replaceAll('!', '*(7^5000)')}`,
    Array.from({ length: 40 }, (_, index) => `1/(7^${1200 + index})`).join('+'),
  ])
    throwsCode(() => calculate(expression), 'CALCULATION_TOO_LARGE')
})

interface Fraction {
  readonly text: string
  readonly top: bigint
  readonly bottom: bigint
  /** Somewhere in it something is divided by zero. */
  readonly isInvalid: boolean
}

/** The oracle: fractions that are never shortened, of an expression that is built with them. */
const expressions: fc.Arbitrary<Fraction> = fc.letrec<{ any: Fraction }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 5 },
    fc.tuple(fc.nat(9999), fc.nat(3)).map(
      ([digits, places]): Fraction => ({
        text: `${(digits / 10 ** places).toFixed(places)}`,
        top: BigInt(digits),
        bottom: 10n ** BigInt(places),
        isInvalid: false,
      }),
    ),
    fc
      .tuple(tie('any'), fc.constantFrom('+', '-', '*', '/'), tie('any'), fc.boolean())
      .map(([a, sign, b, spaced]) => {
        const text = `(${a.text})${spaced ? ` ${sign} ` : sign}(${b.text})`
        const isInvalid = a.isInvalid || b.isInvalid || (sign === '/' && b.top === 0n)
        const bottom = a.bottom * b.bottom
        switch (sign) {
          case '+':
            return { text, isInvalid, top: a.top * b.bottom + b.top * a.bottom, bottom }
          case '-':
            return { text, isInvalid, top: a.top * b.bottom - b.top * a.bottom, bottom }
          case '*':
            return { text, isInvalid, top: a.top * b.top, bottom }
          default:
            return { text, isInvalid, top: a.top * b.bottom, bottom: a.bottom * b.top }
        }
      }),
    fc.tuple(tie('any'), fc.integer({ min: 0, max: 4 })).map(([a, times]) => ({
      text: `(${a.text})^${times}`,
      top: a.top ** BigInt(times),
      bottom: a.bottom ** BigInt(times),
      isInvalid: a.isInvalid,
    })),
  ),
})).any

test('any expression has the value that fractions give', () => {
  let compared = 0
  fc.assert(
    fc.property(expressions, ({ text: expression, top, bottom, isInvalid }) => {
      let got: ReturnType<typeof calculate>
      try {
        got = calculate(expression, 40)
      } catch (error) {
        const { code } = error as VillageError
        if (code === 'CALCULATION_TOO_LARGE') return
        assert.is(code, 'CALCULATION_INVALID')
        assert.ok(isInvalid, expression)
        return
      }
      if (isInvalid) throw new Error(`${expression} divides by zero and gave ${got.value}`)
      compared += 1
      const [mantissa = '', exponent = '0'] = got.value.split('e')
      const [before = '', after = ''] = mantissa.split('.')
      const places = BigInt(after.length) - BigInt(exponent)
      const [gotTop, gotBottom] =
        places >= 0n ? [BigInt(before + after), 10n ** places] : [BigInt(before + after) * 10n ** -places, 1n]
      const difference = gotTop * bottom - top * gotBottom
      if (got.exact) assert.is(difference, 0n, expression)
      else {
        const size = (value: bigint) => (value < 0n ? -value : value)
        assert.ok(size(difference) * 10n ** 39n <= size(top * gotBottom), `${expression} gave ${got.value}`)
        if (got.fraction !== null) {
          const [shortTop = '', shortBottom = ''] = got.fraction.split('/')
          assert.is(BigInt(shortTop) * bottom, top * BigInt(shortBottom))
        }
      }
    }),
    { numRuns: 600 },
  )
  assert.ok(compared > 100, `${compared} compared`)
})

test('roots and logarithms undo powers exactly', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 999 }), fc.integer({ min: 1, max: 30 }), (base, times) => {
      assert.is(calculate(`root(${base}^${times}, ${times})`).value, String(base))
      assert.is(calculate(`log(${base}^${times}, ${base})`).value, String(times))
      assert.is(calculate(`(1/${base}^${times})^(1/${times})*${base}`).value, '1')
    }),
    { numRuns: 150 },
  )
})

test('a number becomes the nearest double, however it is written', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-300, max: 1e300 }), (value) => {
      const text = value.toString()
      const { top, bottom } = parsed(text)
      assert.is(toDouble({ kind: 'exact', top, bottom }), value)
      assert.is(toDouble({ kind: 'exact', top: -top, bottom }), -value)
    }),
    { numRuns: 500 },
  )
  assert.is(toDouble({ kind: 'exact', top: 1n, bottom: 3n }), 1 / 3)
  assert.is(toDouble({ kind: 'exact', top: 10n ** 4000n, bottom: 3n * 10n ** 3999n }), 10 / 3)
  assert.is(toDouble({ kind: 'exact', top: 1n, bottom: 10n ** 4000n }), 0)
  assert.is(calculate('ln(10^4000)').value, '9210.34037197618')
  assert.is(calculate('ln(1/10^4000)').value, '-9210.34037197618')
})

function parsed(text: string): { top: bigint; bottom: bigint } {
  const [mantissa = '', exponent = '0'] = text.split('e')
  const [before = '', after = ''] = mantissa.split('.')
  const places = Number(exponent) - after.length
  const digits = BigInt(before + after)
  return places >= 0
    ? { top: digits * 10n ** BigInt(places), bottom: 1n }
    : { top: digits, bottom: 10n ** BigInt(-places) }
}

test('doubles agree with those of the language', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 100, noNaN: true }), (value) => {
      for (const [name, work] of [
        ['sin', Math.sin],
        ['exp', Math.exp],
        ['ln', Math.log],
        ['sqrt', Math.sqrt],
        ['atan', Math.atan],
      ] as const) {
        const wanted = work(value)
        const got = Number(calculate(`${name}(${value})`).value)
        assert.ok(Math.abs(got - wanted) <= Math.abs(wanted) * 1e-13, `${name}(${value}): ${got}, ${wanted}`)
      }
    }),
    { numRuns: 150 },
  )
})

test('whatever is written gives a value or one of two errors', () => {
  const pieces = [
    '1',
    '2.5',
    '9e9',
    '+',
    '-',
    '*',
    '/',
    '^',
    '!',
    '%',
    '(',
    ')',
    ',',
    'MB',
    's',
    'in',
    'sqrt',
    'log2',
    'pi',
    'x',
    ' ',
    'min',
    'max',
    'mod',
    'of',
    '√',
    'é',
    '\0',
  ]
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 60 }),
        fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')),
      ),
      (expression) => {
        try {
          const { value } = calculate(expression)
          assert.match(value, /^-?\d+(?:\.\d+)?(?:e[+-]\d+)?$/)
        } catch (error) {
          assert.instance(error, VillageError)
          assert.match((error as VillageError).code, /^CALCULATION_(?:INVALID|TOO_LARGE)$/)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test.run()
