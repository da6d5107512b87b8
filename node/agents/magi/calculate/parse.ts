/**
 * Reads an expression into a tree. Bounded in length, in parts and in depth before anything is computed.
 *
 *   expression = sum [("in" | "to" | "as") unit]
 *   sum        = product {("+" | "-") product}
 *   product    = signed {("*" | "/" | "mod" | "of") signed}
 *   signed     = ("-" | "+") signed | powers
 *   powers     = postfix ["^" signed]                      (right to left; -2^2 is -4)
 *   postfix    = primary {"!" | "%" | unit {"/" unit}}
 *   primary    = number | name "(" expression {"," expression} ")" | name | "(" expression ")"
 */
import { invalid, tooLarge } from './number.ts'
import { findUnit, type Unit } from './units.ts'

export type Tree =
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Tree[]; readonly at: number }
  | { readonly kind: 'negate' | 'factorial' | 'percent'; readonly of: Tree }
  | { readonly kind: 'unit'; readonly of: Tree; readonly unit: Unit }
  | { readonly kind: Operator; readonly left: Tree; readonly right: Tree }
  | { readonly kind: 'convert'; readonly of: Tree; readonly units: readonly UnitPart[] }

export type Operator = '+' | '-' | '*' | '/' | '^' | 'mod'
export interface UnitPart {
  readonly unit: Unit
  readonly times: 1 | -1
}

interface Token {
  readonly kind: 'number' | 'word' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

export const MAX_LENGTH = 2000
const MAX_TOKENS = 400
const MAX_DEPTH = 60
const MAX_NUMBER_CHARACTERS = 1000
const MAX_DECIMAL_EXPONENT = 4000

/** Digits with `_` or `,` between groups of three, a decimal point, an exponent. */
const NUMBER = /(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?/y
const WORD = /[A-Za-zµπ_][A-Za-z0-9_]*/y
const SPACE = /\s+/y
const SIGNS: Readonly<Record<string, string>> = {
  '+': '+',
  '-': '-',
  '−': '-',
  '–': '-',
  '*': '*',
  '×': '*',
  '·': '*',
  '/': '/',
  '÷': '/',
  ':': '/',
  '^': '^',
  '%': '%',
  '!': '!',
  '(': '(',
  ')': ')',
  ',': ',',
  ';': ',',
  '√': '√',
}

function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? null
}

function tokens(text: string): Token[] {
  if (text.length > MAX_LENGTH) tooLarge(`An expression has at most ${MAX_LENGTH} characters.`)
  const found: Token[] = []
  // Inside the brackets of a function a comma parts arguments: `max(1,200)` has two.
  const brackets: boolean[] = []
  let at = 0
  while (at < text.length) {
    if (found.length >= MAX_TOKENS) tooLarge(`An expression has at most ${MAX_TOKENS} parts.`)
    const space = match(SPACE, text, at)
    if (space !== null) {
      at += space.length
      continue
    }
    let number = match(NUMBER, text, at)
    if (number !== null) {
      if (brackets.includes(true)) number = number.split(',')[0]!
      if (number.length > MAX_NUMBER_CHARACTERS)
        tooLarge(`A number has at most ${MAX_NUMBER_CHARACTERS} characters.`)
      found.push({ kind: 'number', text: number.replaceAll(/[_,]/g, ''), at })
      at += number.length
      continue
    }
    const word = match(WORD, text, at)
    if (word !== null) {
      found.push({ kind: 'word', text: word, at })
      at += word.length
      continue
    }
    if (text.startsWith('**', at)) {
      found.push({ kind: 'sign', text: '^', at })
      at += 2
      continue
    }
    const sign = SIGNS[text[at]!]
    if (sign === undefined) invalid(`The character ${at + 1} is not part of a calculation.`)
    if (sign === '(') brackets.push(found.at(-1)?.kind === 'word')
    if (sign === ')') brackets.pop()
    found.push({ kind: 'sign', text: sign, at })
    at += 1
  }
  found.push({ kind: 'end', text: '', at: text.length })
  return found
}

/** Throws CALCULATION_INVALID with the place, or CALCULATION_TOO_LARGE. */
export function parseExpression(text: string): Tree {
  const all = tokens(text)
  let position = 0
  let depth = 0
  const peek = () => all[position]!
  const isSign = (sign: string) => peek().kind === 'sign' && peek().text === sign
  const isWord = (...words: string[]) => peek().kind === 'word' && words.includes(peek().text.toLowerCase())

  function unexpected(): never {
    const { kind, at } = peek()
    if (kind === 'end') return invalid('The calculation ends too early.')
    return invalid(`The calculation cannot be read from character ${at + 1} on.`)
  }

  function expectSign(sign: string): void {
    if (!isSign(sign)) unexpected()
    position += 1
  }

  function deeper<T>(read: () => T): T {
    depth += 1
    if (depth > MAX_DEPTH) tooLarge(`An expression nests at most ${MAX_DEPTH} deep.`)
    const result = read()
    depth -= 1
    return result
  }

  function unitHere(): Unit | null {
    const { kind, text: name } = peek()
    return kind === 'word' && all[position + 1]?.text !== '(' ? findUnit(name) : null
  }

  function numberTree(text: string): Tree {
    const exponent = /[eE]([+-]?\d+)$/.exec(text)?.[1]
    if (exponent !== undefined && Math.abs(Number(exponent)) > MAX_DECIMAL_EXPONENT)
      tooLarge('The exponent of a number is too large.')
    return { kind: 'number', text }
  }

  function primary(): Tree {
    const token = peek()
    if (token.kind === 'number') {
      position += 1
      return numberTree(token.text)
    }
    if (isSign('(')) {
      position += 1
      const inner = deeper(expression)
      expectSign(')')
      return inner
    }
    if (isSign('√')) {
      position += 1
      return { kind: 'call', name: 'sqrt', arguments: [deeper(primary)], at: token.at }
    }
    if (token.kind !== 'word') unexpected()
    position += 1
    const name = token.text
    if (!isSign('(')) return { kind: 'name', name, at: token.at }
    position += 1
    const given: Tree[] = []
    if (!isSign(')'))
      for (;;) {
        given.push(deeper(expression))
        if (!isSign(',')) break
        position += 1
      }
    expectSign(')')
    return { kind: 'call', name: name.toLowerCase(), arguments: given, at: token.at }
  }

  function postfix(): Tree {
    let tree = primary()
    for (;;) {
      const unit = unitHere()
      if (isSign('!')) tree = { kind: 'factorial', of: tree }
      else if (isSign('%') || isWord('percent')) tree = { kind: 'percent', of: tree }
      else if (unit !== null) {
        position += 1
        tree = withUnit(tree, unit)
        continue
      } else return tree
      position += 1
    }
  }

  /** `50 MB/s` is one quantity, so that `4 GB / 50 MB/s` is a time. */
  function withUnit(of: Tree, unit: Unit): Tree {
    let tree: Tree = { kind: 'unit', of, unit }
    while (isSign('/') || isWord('per')) {
      position += 1
      const below = unitHere()
      if (below === null) {
        position -= 1
        return tree
      }
      position += 1
      tree = {
        kind: '/',
        left: tree,
        right: { kind: 'unit', of: { kind: 'number', text: '1' }, unit: below },
      }
    }
    return tree
  }

  function powers(): Tree {
    const base = postfix()
    if (!isSign('^')) return base
    position += 1
    return { kind: '^', left: base, right: deeper(signed) }
  }

  function signed(): Tree {
    if (isSign('-')) {
      position += 1
      return { kind: 'negate', of: deeper(signed) }
    }
    if (isSign('+')) {
      position += 1
      return deeper(signed)
    }
    return powers()
  }

  function product(): Tree {
    let left = signed()
    for (;;) {
      let kind: Operator
      if (isSign('*') || isWord('of', 'x', 'times')) kind = '*'
      else if (isSign('/') || isWord('per')) kind = '/'
      else if (isWord('mod')) kind = 'mod'
      else return left
      position += 1
      // `5 MB per s`: a unit may stand where a number would.
      const unit = kind === '/' ? unitHere() : null
      if (unit === null) left = { kind, left, right: signed() }
      else {
        position += 1
        left = { kind, left, right: { kind: 'unit', of: { kind: 'number', text: '1' }, unit } }
      }
    }
  }

  function expression(): Tree {
    let left = product()
    while (isSign('+') || isSign('-')) {
      const kind = peek().text as Operator
      position += 1
      left = { kind, left, right: product() }
    }
    return left
  }

  function converted(): Tree {
    const of = expression()
    if (!isWord('in', 'to', 'as', 'into')) return of
    position += 1
    if (isSign('%') || isWord('percent')) {
      position += 1
      return { kind: 'convert', of, units: [] }
    }
    const units: UnitPart[] = []
    let times: 1 | -1 = 1
    for (;;) {
      const unit = unitHere()
      if (unit === null) return unexpected()
      units.push({ unit, times })
      position += 1
      if (isSign('/') || isWord('per')) times = -1
      else if (isSign('*')) times = 1
      else return { kind: 'convert', of, units }
      position += 1
    }
  }

  const tree = converted()
  if (peek().kind !== 'end') unexpected()
  return tree
}
