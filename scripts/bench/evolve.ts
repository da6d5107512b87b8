/**
 * Evolution: what it finds, and what it stands. One file a case (evolve-*.ts), one row each in CASES;
 * `npm run bench -- evolve --only specialists` runs one of them.
 */
import { type BenchCase, benchOfCases } from './bench-cases.ts'
import { faults } from './evolve-faults.ts'
import { liars } from './evolve-liars.ts'
import { merge } from './evolve-merge.ts'
import { recipe } from './evolve-recipe.ts'
import { specialists } from './evolve-specialists.ts'

const CASES: readonly BenchCase[] = [liars, merge, faults, recipe, specialists]

export const evolveBench = benchOfCases('evolve', 'models that improve over the village', CASES)
