/**
 * The prompts that lm-evaluation-harness makes of MMLU and GSM8K, written down anew and apart from the suites: what the
 * suites ask is held against it.
 */
import { readFileSync } from 'node:fs'

const SHOTS = 5

interface MmluRow {
  readonly subject: string
  readonly question: string
  readonly choices: readonly [string, string, string, string]
  readonly answer: number
}

interface GsmRow {
  readonly question: string
  readonly answer: string
}

const rowsOf = <T>(file: string): T[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)

/** Rows that a limit takes: evenly spread. */
const taken = <T>(rows: readonly T[], limit: number): T[] =>
  Array.from({ length: limit }, (_, index) => rows[Math.floor((index * rows.length) / limit)]!)

function mmluText({ question, choices: [a, b, c, d] }: MmluRow): string {
  return `${question.trim()}\nA. ${a}\nB. ${b}\nC. ${c}\nD. ${d}\nAnswer:`
}

export function mmluPrompts(testFile: string, devFile: string, limit: number): string[] {
  const dev = rowsOf<MmluRow>(devFile)
  return taken(rowsOf<MmluRow>(testFile), limit).map((row) => {
    let prompt = 'The following are multiple choice questions (with answers) about '
    prompt += `${row.subject.split('_').join(' ')}.\n\n`
    for (const shot of dev.filter(({ subject }) => subject === row.subject).slice(0, SHOTS))
      prompt += `${mmluText(shot)} ${'ABCD'[shot.answer]}\n\n`
    return prompt + mmluText(row)
  })
}

/** Without a training file the examples are the first problems, but for the one that is asked. */
export function gsm8kPrompts(file: string, limit: number): string[] {
  const rows = rowsOf<GsmRow>(file)
  return taken(rows, limit).map((row) => {
    const shots = rows.slice(0, SHOTS + 1).filter((shot) => shot !== row)
    const text = shots
      .slice(0, SHOTS)
      .map(({ question, answer }) => `Question: ${question}\nAnswer: ${answer}`)
    return [...text, `Question: ${row.question}\nAnswer:`].join('\n\n')
  })
}
