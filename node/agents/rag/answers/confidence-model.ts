import type { ConfidenceModel } from './confidence.ts'

export const CONFIDENCE_MODEL: ConfidenceModel = {
  intercept: -3,
  weights: { coverage: 4, lowCoverage: 3, sentenceCoverage: 0.5, contrast: 1.5 },
}

/** Below it the answer is that nothing was found. */
export const CONFIDENCE_THRESHOLD = 0.4
