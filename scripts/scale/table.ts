/** The costs that are simulated, by part: docs/scale.md has the formulas. */
import { announcementCosts } from './announcement-costs.ts'
import { artifactCosts } from './artifact-costs.ts'
import { catalogueCosts } from './catalogue-costs.ts'
import type { CostCase } from './cost.ts'
import { jobCosts } from './job-costs.ts'
import { placementCosts } from './placement-costs.ts'
import { rosterCosts } from './roster-costs.ts'
import { roundCosts } from './round-costs.ts'

export const COST_CASES: readonly CostCase[] = [
  rosterCosts,
  announcementCosts,
  catalogueCosts,
  placementCosts,
  jobCosts,
  roundCosts,
  artifactCosts,
]
