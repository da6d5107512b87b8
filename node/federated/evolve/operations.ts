/** What worker threads do for the search itself: rows of FEDERATED_OPERATIONS. */
import type { JsonObject } from '../../json.ts'
import { evolveReport, type ReportInput } from './report.ts'

export const EVOLVE_OPERATIONS = {
  /** Resamples and tests: seconds for long item sets, and no work for the main thread. */
  async 'evolve.report'(input: ReportInput): Promise<JsonObject> {
    return evolveReport(input)
  },
}
