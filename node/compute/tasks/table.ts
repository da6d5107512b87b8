/** The kinds of tasks that a node can be leased: a fixed table, a row is all that a new kind needs. */
import { calibrateTask } from './calibrate-task.ts'
import { codebookTask } from './codebook-task.ts'
import { compressTask } from './compress-task.ts'
import { evaluateTask } from './evaluate-task.ts'
import { probeTask } from './probe-task.ts'
import type { TaskKind } from './task.ts'
import { trainTask } from './train-task.ts'

export const TASK_KINDS: readonly TaskKind[] = [
  calibrateTask,
  codebookTask,
  compressTask,
  evaluateTask,
  probeTask,
  trainTask,
]
