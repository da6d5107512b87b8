/** `village self-evolution`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

const GOAL = ['<goal>', 'Name of a goal.'] as const

export const SELF_EVOLUTION_COMMANDS: readonly CommandRow[] = [
  {
    name: 'self-evolution status',
    isDefault: true,
    group: 'Models and jobs',
    summary: 'Whether self-evolution is on, its goals, when they run next, and what is left of the day.',
    load: async () => (await import('./self-evolution.ts')).status,
  },
  {
    name: 'self-evolution history',
    group: 'Models and jobs',
    summary: 'The versions of what a goal changes, and why each run was adopted or not.',
    args: [GOAL],
    load: async () => (await import('./self-evolution.ts')).history,
  },
  {
    name: 'self-evolution run',
    group: 'Models and jobs',
    summary: 'Begin a run of a goal before its time, within the budget of the day.',
    args: [GOAL],
    load: async () => (await import('./self-evolution.ts')).run,
  },
  {
    name: 'self-evolution rollback',
    group: 'Models and jobs',
    summary: 'Put an earlier version back as it was, and pause the goal.',
    args: [GOAL],
    options: [
      {
        flags: '--to <version>',
        doc: 'Number of the version; without it, the one that the present one took the place of.',
      },
    ],
    load: async () => (await import('./self-evolution.ts')).rollback,
  },
  {
    name: 'self-evolution resume',
    group: 'Models and jobs',
    summary: 'Let a goal that was paused run again.',
    args: [GOAL],
    load: async () => (await import('./self-evolution.ts')).resume,
  },
]
