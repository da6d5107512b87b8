/** Counts of a run while it goes on. */
import type { WalkSummary } from '../ingest/parsed-file.ts'
import { type IndexReport, MAX_LISTED, type SkippedSource } from './index-run.ts'

export interface IndexCounts {
  files: number
  isCounted: boolean
  doneFiles: number
  totalBytes: number
  doneBytes: number
  added: number
  changed: number
  unchanged: number
  removed: number
  chunks: number
  embedded: number
  nearDuplicates: number
  skip(skipped: SkippedSource): void
  warn(source: string, message: string): void
  leave(summary: WalkSummary): void
  report(): IndexReport
}

export function createIndexCounts(): IndexCounts {
  const skippedSources: SkippedSource[] = []
  const warnings: { source: string; message: string }[] = []
  const unsupported = new Map<string, number>()
  let skipped = 0
  let hidden = 0
  let excluded = 0
  const counts: IndexCounts = {
    files: 0,
    isCounted: false,
    doneFiles: 0,
    totalBytes: 0,
    doneBytes: 0,
    added: 0,
    changed: 0,
    unchanged: 0,
    removed: 0,
    chunks: 0,
    embedded: 0,
    nearDuplicates: 0,
    skip(one) {
      skipped += 1
      if (skippedSources.length < MAX_LISTED) skippedSources.push(one)
    },
    warn(source, message) {
      if (warnings.length < MAX_LISTED) warnings.push({ source, message })
    },
    leave(summary) {
      hidden += summary.hidden
      excluded += summary.excluded
      for (const { extension, files } of summary.unsupported)
        unsupported.set(extension, (unsupported.get(extension) ?? 0) + files)
    },
    report() {
      const { added, changed, unchanged, removed, chunks, nearDuplicates } = counts
      return {
        ...{ added, changed, unchanged, removed, chunks, nearDuplicates, skipped },
        skippedSources: [...skippedSources],
        warnings: [...warnings],
        left: {
          hidden,
          excluded,
          unsupported: [...unsupported]
            .map(([extension, files]) => ({ extension, files }))
            .sort((a, b) => b.files - a.files || (a.extension < b.extension ? -1 : 1)),
        },
      }
    },
  }
  return counts
}
