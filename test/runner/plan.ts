/** Which test files share a process, and which process begins first. Pure. */
import path from 'node:path'

/** More share what they import; fewer end a failing process sooner and fill the lanes evenly. */
export const MAX_GROUP_FILES = 12
/** Files that together took longer than this are not put together: one lane would end long after the others. */
export const MAX_GROUP_SECONDS = 15
/** What a file that never ran is taken to need. */
const UNKNOWN_SECONDS = 1

export interface TestFile {
  file: string
  /** Says in a line `// own process: WHY`: what it measures or changes belongs to a whole process. */
  alone: boolean
  /** What it took the last time, if it ever ran. */
  seconds: number | undefined
}

/** Whether the text of a test file asks for a process of its own. */
export function wantsOwnProcess(text: string): boolean {
  return /^\/\/ own process: \S/m.test(text)
}

const secondsOf = (group: readonly TestFile[]) =>
  group.reduce((sum, { seconds }) => sum + (seconds ?? UNKNOWN_SECONDS), 0)

/**
 * Groups of files of one folder, in their order, the longest group first. `files` are sorted by name; `last` are the
 * seconds of earlier runs.
 */
export function planGroups(files: readonly TestFile[]): string[][] {
  const groups: TestFile[][] = []
  let open: TestFile[] = []
  for (const file of files) {
    const first = open[0]
    const fits =
      first !== undefined &&
      !file.alone &&
      path.dirname(first.file) === path.dirname(file.file) &&
      open.length < MAX_GROUP_FILES &&
      secondsOf([...open, file]) <= MAX_GROUP_SECONDS
    if (fits) open.push(file)
    else {
      const group = [file]
      groups.push(group)
      if (!file.alone) open = group
    }
  }
  return groups
    .sort((left, right) => secondsOf(right) - secondsOf(left))
    .map((group) => group.map(({ file }) => file))
}
