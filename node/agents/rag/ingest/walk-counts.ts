/** What a walk left out, by kind: thousands of pictures are a line of the report, not thousands. */
import type { WalkSummary } from './parsed-file.ts'

const MAX_EXTENSIONS = 1_000
const SHOWN_EXTENSIONS = 32
const MAX_EXTENSION = 16
const OTHER = 'other'

export function createWalkCounts() {
  let files = 0
  let hidden = 0
  let excluded = 0
  let linked = 0
  const unsupported = new Map<string, number>()
  return {
    file: () => void files++,
    hidden: () => void hidden++,
    excluded: () => void excluded++,
    linked: () => void linked++,
    unsupported(extension: string): void {
      const isKnown = unsupported.has(extension)
      const isShown = isKnown || (extension.length <= MAX_EXTENSION && unsupported.size < MAX_EXTENSIONS)
      const key = isShown && extension.startsWith('.') ? extension : OTHER
      unsupported.set(key, (unsupported.get(key) ?? 0) + 1)
    },
    summary(): WalkSummary {
      const sorted = [...unsupported]
        .map(([extension, count]) => ({ extension, files: count }))
        .sort((a, b) => b.files - a.files || (a.extension < b.extension ? -1 : 1))
      const rest = sorted.slice(SHOWN_EXTENSIONS).reduce((sum, row) => sum + row.files, 0)
      const shown = sorted.slice(0, SHOWN_EXTENSIONS)
      return {
        files,
        hidden,
        excluded,
        linked,
        unsupported: rest > 0 ? [...shown, { extension: OTHER, files: rest }] : shown,
      }
    },
  }
}
