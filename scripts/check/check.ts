/** What a check is: one row of table.ts, a function from the project to what it found wrong. */
import type { Project } from './project.ts'

export interface Finding {
  /** Relative to the root of the project. */
  readonly file: string
  /** Counted from 1; null when the finding is about the file as a whole. */
  readonly line: number | null
  /** One sentence: what is wrong and, where it is not obvious, what to do. */
  readonly message: string
}

export interface Check {
  /** The word on the command line. */
  readonly name: string
  readonly title: string
  /** A check of minutes runs only when it is named: `npm test` and a bare `npm run check` leave it out. */
  readonly slow?: true
  run(project: Project): Promise<Finding[]>
  /** Writes the files that this check compares with a table; it returns those that changed. */
  write?(project: Project): Promise<string[]>
}

export function showFinding(finding: Finding): string {
  return `${finding.file}${finding.line === null ? '' : `:${finding.line}`}: ${finding.message}`
}
