/** Programs about whole numbers: primes, factors, and sequences that people ask for. */
import { countOf, PRELUDE, type Program } from './program.ts'

const MOST_LISTED = 10_000
const LARGEST_SIEVE = 5_000_000

const NUMBER = '(\\d[\\d,]*)'
const BELOW = new RegExp(
  `\\bprimes?(?: numbers?)?\\b.*?\\b(below|under|less than|smaller than|up to|until|to)\\s+${NUMBER}`,
  'i',
)
const BETWEEN = new RegExp(
  `\\bprimes?(?: numbers?)?\\b.*?\\b(?:between|from)\\s+${NUMBER}\\s+(?:and|to)\\s+${NUMBER}`,
  'i',
)
const FIRST = new RegExp(`\\bfirst\\s+${NUMBER}\\s+primes?\\b`, 'i')
const IS_PRIME = new RegExp(
  `\\bis\\s+${NUMBER}\\s+(?:a\\s+)?prime\\b|\\bwhether\\s+${NUMBER}\\s+is\\s+(?:a\\s+)?prime\\b`,
  'i',
)
const FACTORS = new RegExp(
  `\\b(?:prime\\s+)?(?:factors?|factori[sz]ation) of\\s+${NUMBER}|\\bfactori[sz]e\\s+${NUMBER}`,
  'i',
)
const FIBONACCI = new RegExp(`\\bfirst\\s+${NUMBER}\\s+fibonacci\\b`, 'i')

export const PRIMES: Program = {
  name: 'primes',
  help: 'primes below a number, between two, or the first so many',
  read(sentence) {
    const counted = /\bhow many\b|\bcount\b|\bnumber of\b/i.test(sentence)
    const first = countOf(FIRST.exec(sentence)?.[1])
    if (first !== null)
      return first >= 1 && first <= MOST_LISTED ? { input: { first, from: 2, to: 0, counted } } : null
    const between = BETWEEN.exec(sentence)
    const below = BELOW.exec(sentence)
    const from = between === null ? 2 : countOf(between[1])
    const until = countOf(between === null ? below?.[2] : between[2])
    if (from === null || until === null || until > LARGEST_SIEVE) return null
    const isOpen = between === null && /^(?:below|under|less|smaller)/i.test(below?.[1] ?? '')
    return { input: { first: 0, from, to: isOpen ? until - 1 : until, counted } }
  },
  source: `${PRELUDE}
import math
def sieve(limit):
    is_prime = bytearray([1]) * (limit + 1)
    is_prime[0:2] = b'\\0\\0'[: limit + 1]
    for number in range(2, math.isqrt(limit) + 1):
        if is_prime[number]:
            is_prime[number * number :: number] = bytes(len(range(number * number, limit + 1, number)))
    return [number for number in range(limit + 1) if is_prime[number]]
if data['first']:
    count = data['first']
    # p(n) < n (ln n + ln ln n) from n = 6 on (Rosser 1962).
    limit = 15 if count < 6 else int(count * (math.log(count) + math.log(math.log(count)))) + 1
    found = sieve(limit)[:count]
else:
    found = [number for number in sieve(max(1, data['to'])) if number >= data['from']]
if data['counted']:
    print(len(found))
else:
    print(', '.join(map(str, found[:${MOST_LISTED}])) if found else 'none')
    if len(found) > ${MOST_LISTED}:
        print('and', len(found) - ${MOST_LISTED}, 'more')
`,
}

export const FACTORISE: Program = {
  name: 'factors',
  help: 'whether a number is prime, and its prime factors',
  read(sentence) {
    const asked = IS_PRIME.exec(sentence) ?? FACTORS.exec(sentence)
    const number = (asked?.[1] ?? asked?.[2])?.replaceAll(',', '')
    return number === undefined || number.length > 21 ? null : { input: { number } }
  },
  source: `${PRELUDE}
import math, random
number = int(data['number'])
def is_prime(n):
    if n < 2:
        return False
    for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        if n % p == 0:
            return n == p
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    # These bases are enough below 3.3e24 (Sorenson and Webster 2015).
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
        x = pow(base, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True
def split(n, rng):
    if n % 2 == 0:
        return 2
    while True:
        # Pollard's rho (1975).
        x = y = rng.randrange(n)
        step, divisor = rng.randrange(1, n), 1
        while divisor == 1:
            x = (x * x + step) % n
            y = (y * y + step) % n
            y = (y * y + step) % n
            divisor = math.gcd(x - y, n)
        if divisor != n:
            return divisor
def factors(n, rng):
    if n < 2:
        return []
    if is_prime(n):
        return [n]
    one = split(n, rng)
    return sorted(factors(one, rng) + factors(n // one, rng))
found = factors(number, random.Random(1))
if len(found) == 1:
    print(number, 'is prime')
elif found:
    print(number, 'is not prime:', number, '=', ' * '.join(map(str, found)))
else:
    print(number, 'has no prime factors')
`,
}

export const FIBONACCI_NUMBERS: Program = {
  name: 'fibonacci',
  help: 'the first so many Fibonacci numbers',
  read(sentence) {
    const first = countOf(FIBONACCI.exec(sentence)?.[1])
    return first === null || first < 1 || first > 1000 ? null : { input: { first } }
  },
  source: `${PRELUDE}
a, b, found = 0, 1, []
for _ in range(data['first']):
    found.append(a)
    a, b = b, a + b
print(', '.join(map(str, found)))
`,
}
