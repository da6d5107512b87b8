/** The kinds of tasks that a node can be leased: a fixed table, a row is all that a new kind needs. */
import { compressTask } from './compress-task.ts'
import { evaluateTask } from './evaluate-task.ts'
import type { TaskKind } from './task.ts'

export const TASK_KINDS: readonly TaskKind[] = [compressTask, evaluateTask]
