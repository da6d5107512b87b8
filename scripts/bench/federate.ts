/**
 * Federated learning: liars, privacy, many clients, sums that nobody can look into. One file a case (federate-*.ts), one row
 * each in CASES.
 */
import { type BenchCase, benchOfCases } from './bench-cases.ts'
import { measureAttacks } from './federate-attacks.ts'
import { clients } from './federate-clients.ts'
import { measurePrivacy } from './federate-privacy.ts'
import { secure } from './federate-secure.ts'
import { measureDimensions } from './geometry.ts'

const CASES: readonly BenchCase[] = [
  {
    name: 'geometry',
    title: 'two-NN on clouds of known dimension',
    run: async (context) => measureDimensions(context),
  },
  {
    name: 'privacy',
    title: 'secure sums with drop-outs, and the accountant against published values',
    run: async (context) => measurePrivacy(context),
  },
  secure,
  clients,
  {
    name: 'attacks',
    title: 'robust aggregation with a fifth of the clients lying',
    run: async (context) => measureAttacks(context),
  },
]

export const federateBench = benchOfCases(
  'federate',
  'learning together from data that stay where they are',
  CASES,
)
