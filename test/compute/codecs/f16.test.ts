import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fromHalfBits, toHalfBits } from '../../../node/compute/reference/f16.ts'

test('every half-precision value comes back to its bits', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = fromHalfBits(bits)
    if (Number.isNaN(value)) assert.is(toHalfBits(value) & 0x7e00, 0x7e00)
    else assert.is(toHalfBits(value), bits, `0x${bits.toString(16)}`)
  }
})

test('rounds to the nearest, ties to even', () => {
  // Between neighbours a and b the middle goes to the even one, what is nearer to one goes there.
  for (let bits = 0; bits < 0x7bff; bits++) {
    const low = fromHalfBits(bits)
    const high = fromHalfBits(bits + 1)
    const middle = (low + high) / 2
    const above = Math.fround(middle + (high - low) * 2 ** -9)
    const below = Math.fround(middle - (high - low) * 2 ** -9)
    assert.is(toHalfBits(middle), bits + (bits & 1))
    assert.is(toHalfBits(above), bits + 1)
    assert.is(toHalfBits(below), bits)
    assert.is(toHalfBits(-above), 0x8000 | (bits + 1))
  }
})

test('what is too large is infinite, what is too small is zero', () => {
  assert.is(toHalfBits(65519), 0x7bff)
  assert.is(toHalfBits(65520), 0x7c00)
  assert.is(toHalfBits(-1e30), 0xfc00)
  assert.is(toHalfBits(2 ** -25), 0)
  assert.is(toHalfBits(2 ** -25 * 1.001), 1)
  assert.is(toHalfBits(-0), 0x8000)
  assert.is(fromHalfBits(0x7c00), Infinity)
})

test.run()
