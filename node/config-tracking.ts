/** Rows of the configuration table for experiment tracking (docs/tracking.md). */
import path from 'node:path'
import { field } from './config-field.ts'

const FORMATS = ['jsonl', 'wandb']

export const TRACKING_FIELDS = {
  'tracking.directory': field<string | null>({
    ownerOnly: true,
    default: null,
    unit: 'path',
    doc: 'Where figures of trainings, evaluations and evolution are written for tools to read; null: nowhere.',
    check: (value) =>
      value === null || (typeof value === 'string' && path.isAbsolute(value))
        ? null
        : 'an absolute path, or null',
  }),
  'tracking.formats': field<readonly string[]>({
    default: FORMATS,
    doc: 'In which forms: jsonl (JSON lines), wandb (run directories that `wandb sync` takes).',
    check: (value) =>
      Array.isArray(value) && value.length > 0 && value.every((item) => FORMATS.includes(item as string))
        ? null
        : `a list of ${FORMATS.join(', ')}`,
  }),
  'tracking.project': field<string>({
    default: 'aivillage',
    doc: 'The name of the project that runs belong to in W&B.',
    check: (value) =>
      typeof value === 'string' && /^[\w.-]{1,128}$/.test(value)
        ? null
        : 'a name of letters, digits, ".", "_" and "-"',
  }),
} as const
