import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkRequest, hostAllowed, originAllowed, tokenMatches } from '../../node/api/guard.ts'
import { parseRange } from '../../node/api/range.ts'
import { createRateLimit } from '../../node/api/rate-limit.ts'
import { VillageError } from '../../node/errors.ts'

const guard = suite('guard')

const HOSTS: [host: string | undefined, bound: string, allowed: boolean][] = [
  ['127.0.0.1:7480', '127.0.0.1', true],
  ['localhost:7480', '127.0.0.1', true],
  ['[::1]:7480', '127.0.0.1', true],
  ['localhost', '127.0.0.1', true],
  ['LOCALHOST:7480', '127.0.0.1', true],
  [undefined, '127.0.0.1', false],
  ['', '127.0.0.1', false],
  ['evil.example', '127.0.0.1', false],
  ['127.0.0.1.evil.example:7480', '127.0.0.1', false],
  ['localhost.evil.example', '127.0.0.1', false],
  ['localhost@evil.example', '127.0.0.1', false],
  ['evil.example#127.0.0.1', '127.0.0.1', false],
  ['127.0.0.1/evil', '127.0.0.1', false],
  ['192.0.2.7:7480', '127.0.0.1', false],
  ['192.0.2.7:7480', '0.0.0.0', true],
  ['[2001:db8::1]:7480', '::', true],
  ['node.example:7480', '0.0.0.0', false],
  ['node.example:7480', 'node.example', true],
  ['other.example:7480', 'node.example', false],
]
for (const [host, bound, allowed] of HOSTS)
  guard(`Host ${host} is ${allowed ? 'taken' : 'refused'} when bound to ${bound}`, () => {
    assert.is(hostAllowed(host, bound), allowed)
  })

guard('any host name that is not ours is refused', () => {
  fc.assert(
    fc.property(fc.domain(), fc.nat(65535), (name, port) => {
      assert.is(hostAllowed(`${name}:${port}`, '127.0.0.1'), false)
    }),
  )
})

guard('a page may only call the daemon that served it', () => {
  const host = '127.0.0.1:7480'
  assert.ok(originAllowed({ host }))
  assert.ok(originAllowed({ host, origin: 'http://127.0.0.1:7480' }))
  for (const origin of [
    'null',
    'http://localhost:7480',
    'https://127.0.0.1:7480',
    'http://127.0.0.1:3000',
    'http://evil.example',
  ])
    assert.not.ok(originAllowed({ host, origin }), origin)
  assert.ok(originAllowed({ host, 'sec-fetch-site': 'same-origin' }))
  assert.ok(originAllowed({ host, 'sec-fetch-site': 'none' }))
  for (const site of ['cross-site', 'same-site'])
    assert.not.ok(originAllowed({ host, 'sec-fetch-site': site }), site)
})

guard('a static page may be linked to, an API path may not be called from elsewhere', () => {
  const headers = { host: 'localhost:1', 'sec-fetch-site': 'cross-site', authorization: 'Bearer t' }
  checkRequest(headers, { boundHost: '127.0.0.1', isPublic: true })
  assert.throws(
    () => checkRequest(headers, { boundHost: '127.0.0.1', isPublic: false }),
    (error: unknown) => error instanceof VillageError && error.code === 'API_ORIGIN_REFUSED',
  )
})

guard('only the whole token matches', () => {
  const token = 'abcdefghij'
  assert.ok(tokenMatches(`Bearer ${token}`, token))
  assert.ok(tokenMatches(`bearer ${token}`, token))
  for (const header of [
    undefined,
    '',
    token,
    `Basic ${token}`,
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    'Bearer ',
    `Bearer ${token} ${token}`,
  ])
    assert.not.ok(tokenMatches(header, token), String(header))
})
guard.run()

const range = suite('range')
const RANGES: [header: string | undefined, size: number, expected: string | null][] = [
  [undefined, 10, null],
  ['bytes=0-0', 10, '0+1'],
  ['bytes=0-', 10, '0+10'],
  ['bytes=3-5', 10, '3+3'],
  ['bytes=9-', 10, '9+1'],
  ['bytes=5-99', 10, '5+5'],
  ['bytes=-3', 10, '7+3'],
  ['bytes=-99', 10, '0+10'],
  ['bytes=10-', 10, 'refused'],
  ['bytes=-0', 10, 'refused'],
  ['bytes=0-', 0, 'refused'],
  ['bytes=5-3', 10, null],
  ['bytes=-', 10, null],
  ['bytes=0-1,3-4', 10, null],
  ['items=0-1', 10, null],
  ['bytes=a-b', 10, null],
  [`bytes=0-${'9'.repeat(40)}`, 10, null],
]
for (const [header, size, expected] of RANGES)
  range(`${header} of ${size} bytes`, () => {
    const read = () => {
      const found = parseRange(header, size)
      return found === null ? null : `${found.offset}+${found.length}`
    }
    if (expected !== 'refused') return assert.is(read(), expected)
    assert.throws(read, (error: unknown) => error instanceof VillageError && error.code === 'API_RANGE')
  })
range('a range never leaves the content, whatever the header', () => {
  const part = fc.option(fc.nat(300), { nil: undefined })
  fc.assert(
    fc.property(part, part, fc.nat(200), (from, to, size) => {
      let found: ReturnType<typeof parseRange>
      try {
        found = parseRange(`bytes=${from ?? ''}-${to ?? ''}`, size)
      } catch (error) {
        assert.is((error as VillageError).code, 'API_RANGE')
        return
      }
      if (found === null) return
      assert.ok(found.length >= 1 && found.offset >= 0 && found.offset + found.length <= size)
    }),
  )
})
range.run()

const limit = suite('rate limit')
limit('lets a burst through, then as many as the minute holds', () => {
  const limiter = createRateLimit({ requestsByMinute: 60 })
  let passed = 0
  // Half a minute of trying every 10 ms.
  for (let nowMs = 0; nowMs < 30_000; nowMs += 10) if (limiter.take('a', nowMs) === 0) passed += 1
  assert.is(passed, 15 + 29)
  assert.is(limiter.take('b', 30_000), 0)
})
limit('says when the next request may come', () => {
  const limiter = createRateLimit({ requestsByMinute: 4 })
  assert.is(limiter.take('a', 0), 0)
  const waitMs = limiter.take('a', 0)
  assert.is(waitMs, 15_000)
  assert.ok(limiter.take('a', waitMs - 1) > 0)
  assert.is(limiter.take('a', waitMs), 0)
})
limit('remembers a bounded number of addresses', () => {
  const limiter = createRateLimit({ requestsByMinute: 60 })
  for (let index = 0; index < 5_000; index++) limiter.take(`client ${index}`, index)
  assert.ok(limiter.size <= 1_024)
})
limit.run()
