/**
 * Knowledge: quality and speed of search, one file a case (rag-*.ts), one row each in CASES.
 * `npm run bench -- rag --only quality --only latency` runs some of them; without `--only` all run, the costly ones last.
 */
import { type BenchCase, benchOfCases } from './bench-cases.ts'
import { answers } from './rag-answers.ts'
import { ingest } from './rag-ingest.ts'
import { graphs, large } from './rag-large.ts'
import { latency } from './rag-latency.ts'
import { quality } from './rag-quality.ts'
import { routing } from './rag-routing.ts'
import { village } from './rag-village.ts'

export type RagCase = BenchCase

const CASES: readonly RagCase[] = [quality, latency, answers, routing, village, ingest, large, graphs]

export const ragBench = benchOfCases('rag', 'search over collections', CASES)
