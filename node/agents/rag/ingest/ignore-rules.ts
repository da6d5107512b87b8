/** Patterns of .gitignore (git-scm.com/docs/gitignore), matched in time proportional to pattern × path. */

/** More rules than any project has; a hostile file must not cost each path a second. */
const MAX_RULES = 1_000
const MAX_PATTERN = 256

interface Rule {
  readonly segments: readonly string[]
  readonly isNegated: boolean
  readonly onlyFolders: boolean
}

/** One name against a pattern with `*`, `?` and `[…]`. Two pointers and one place to return to, never a regular expression. */
export function matchesName(pattern: string, name: string): boolean {
  let p = 0
  let n = 0
  let star = -1
  let resume = 0
  while (n < name.length) {
    const step = p < pattern.length && pattern[p] !== '*' ? matchOne(pattern, p, name[n]!) : 0
    if (step > 0) {
      p += step
      n++
    } else if (pattern[p] === '*') {
      star = p++
      resume = n
    } else if (star >= 0) {
      p = star + 1
      n = ++resume
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Length of the piece of the pattern at `p` that matches the character, or 0. */
function matchOne(pattern: string, p: number, character: string): number {
  const sign = pattern[p]
  if (sign === '?') return 1
  if (sign === '\\' && p + 1 < pattern.length) return pattern[p + 1] === character ? 2 : 0
  if (sign !== '[') return sign === character ? 1 : 0
  const end = pattern.indexOf(']', p + 2)
  if (end < 0) return character === '[' ? 1 : 0
  const isNegated = pattern[p + 1] === '!' || pattern[p + 1] === '^'
  let isIn = false
  for (let i = p + (isNegated ? 2 : 1); i < end; i++) {
    const isRange = pattern[i + 1] === '-' && i + 2 < end
    if (isRange ? character >= pattern[i]! && character <= pattern[i + 2]! : character === pattern[i])
      isIn = true
    if (isRange) i += 2
  }
  return isIn !== isNegated ? end - p + 1 : 0
}

/** Names of a path against segments of a pattern, where `**` stands for any number of names. */
function matchesPath(segments: readonly string[], names: readonly string[]): boolean {
  let s = 0
  let n = 0
  let star = -1
  let resume = 0
  while (n < names.length) {
    if (s < segments.length && segments[s] !== '**' && matchesName(segments[s]!, names[n]!)) {
      s++
      n++
    } else if (segments[s] === '**') {
      star = s++
      resume = n
      // `a/**` is everything in a, at least one name.
      if (s === segments.length) return true
    } else if (star >= 0) {
      s = star + 1
      n = ++resume
    } else return false
  }
  return s === segments.length
}

function parseRule(line: string): Rule | null {
  let pattern = line.replace(/(?<!\\)[ \t]+$/, '')
  if (pattern === '' || pattern.startsWith('#') || pattern.length > MAX_PATTERN) return null
  const isNegated = pattern.startsWith('!')
  if (isNegated) pattern = pattern.slice(1)
  const onlyFolders = pattern.endsWith('/')
  if (onlyFolders) pattern = pattern.slice(0, -1)
  // A slash before the end ties the pattern to the folder of its file; without one it holds at any depth.
  const isAnchored = pattern.includes('/')
  const segments = pattern.split('/').filter((segment, i) => segment !== '' || i > 0)
  if (segments.length === 0 || segments.some((segment) => segment === '')) return null
  return { segments: isAnchored ? segments : ['**', ...segments], isNegated, onlyFolders }
}

export interface IgnoreRules {
  /** True: ignored; false: taken back by a `!` rule; null: nothing is said. Path relative to the folder of the rules. */
  decide(names: readonly string[], isFolder: boolean): boolean | null
}

export function parseIgnoreRules(text: string): IgnoreRules {
  const rules = text
    .split(/\r?\n/, MAX_RULES)
    .map(parseRule)
    .filter((rule) => rule !== null)
  return {
    decide(names, isFolder) {
      for (let i = rules.length - 1; i >= 0; i--) {
        const rule = rules[i]!
        if (rule.onlyFolders && !isFolder) continue
        if (matchesPath(rule.segments, names)) return !rule.isNegated
      }
      return null
    },
  }
}
