/** The kinds of jobs that can be submitted. */
import { compressJob } from './compress-job.ts'
import { evaluateJob } from './evaluate-job.ts'
import type { JobKind } from './job.ts'
import { trainJob } from './train-job.ts'

export const JOB_KINDS: readonly JobKind[] = [compressJob, evaluateJob, trainJob]
