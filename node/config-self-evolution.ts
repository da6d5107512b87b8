/** Rows of the configuration table for self-evolution. */
import { boolean, integer, textOrNull } from './config-checks.ts'
import { field } from './config-field.ts'

export const SELF_EVOLUTION_FIELDS = {
  'selfEvolution.enabled': field<boolean>({
    default: false,
    doc: 'Improve the models and settings that selfEvolution.goals names by scheduled runs of evolution, within its budget.',
    check: boolean,
  }),
  'selfEvolution.goals': field<string | null>({
    ownerOnly: true,
    default: null,
    unit: 'path',
    doc: 'A YAML file with the goals of self-evolution (docs/self-evolution.md); it is read at the start.',
    check: textOrNull,
  }),
  'selfEvolution.keep': field<number>({
    default: 5,
    unit: 'versions',
    doc: 'Versions of a model or of settings that are kept for a rollback, the present one among them.',
    check: integer(2, 100),
  }),
} as const
