/** Numbers in words: `three hundred and forty` → 340, `twenty-five` → 25, `two and a half` → 2.5. English. */
const ONES =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  )
const TENS = '_ _ twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const BIG: Readonly<Record<string, number>> = { thousand: 1e3, million: 1e6, billion: 1e9 }

function small(word: string): number | null {
  const one = ONES.indexOf(word)
  if (one >= 0) return one
  const ten = TENS.indexOf(word)
  return ten >= 2 ? ten * 10 : word === 'dozen' ? 12 : null
}

/** One word, with or without a dash in it; null where it is no number. */
export function numberWord(word: string): number | null {
  const [first = '', second, ...more] = word.toLowerCase().split('-')
  const value = small(first)
  if (value === null || second === undefined) return value
  const ones = small(second)
  return more.length === 0 && value >= 20 && ones !== null && ones < 10 ? value + ones : null
}

const NUMBER_RUN = new RegExp(
  `\\b(?:(?:an? (?=hundred|thousand|million|dozen))?(?:${[...ONES, ...TENS.slice(2), 'hundred', 'dozen', ...Object.keys(BIG)].join('|')})(?:[\\s-]+(?:(?<=(?:hundred|thousand|million|billion)\\s+)and\\s+)?(?=(?:${[...ONES, ...TENS.slice(2), 'hundred', 'dozen', ...Object.keys(BIG)].join('|')})\\b))?)+\\b(?:\\s+point((?:\\s+(?:${ONES.slice(0, 10).join('|')}))+))?(\\s+and a half)?`,
  'gi',
)

/** `text` with its numbers in digits; `one` alone stays where it counts nothing (`this one`). Time grows with the length of the text. */
export function numbersInDigits(text: string): string {
  return text.replace(NUMBER_RUN, (run, point: string | undefined, half: string | undefined, at: number) => {
    const words = run
      .slice(0, run.length - (half?.length ?? 0))
      .replace(/\s+point.*$/i, '')
      .toLowerCase()
      .split(/[\s-]+/)
    if (
      words.length === 1 &&
      words[0] === 'one' &&
      /\b(?:this|that|which|the|no|any|each|every|last|first)\s$/i.test(text.slice(0, at))
    )
      return run
    let [total, part] = [0, 0]
    for (const word of words) {
      const value = small(word)
      if (word === 'hundred') part = (part === 0 ? 1 : part) * 100
      else if (word === 'dozen') part = (part === 0 ? 1 : part) * 12
      else if (Object.hasOwn(BIG, word)) {
        total += (part === 0 ? 1 : part) * BIG[word]!
        part = 0
      } else if (value !== null) part += value
    }
    const digits = (point ?? '')
      .trim()
      .split(/\s+/)
      .map((word) => small(word.toLowerCase()) ?? '')
      .join('')
    const whole = total + part + (half === undefined ? 0 : 0.5)
    return digits === '' ? String(whole) : `${whole}.${digits}`
  })
}
