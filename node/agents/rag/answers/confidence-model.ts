import type { ConfidenceModel } from './confidence.ts'

/** Fitted by `npm run bench -- agents --only sage`, which prints it anew and measures it; docs/knowledge/answers.md has the figures. */
export const CONFIDENCE_MODEL: ConfidenceModel = {
  intercept: -3.385,
  weights: {
    lowCoverage: 10.021,
    lack: -4.977,
    spread: 6.367,
    titleCoverage: 1.6,
    question: 0.105,
    questionLack: -7.514,
  },
}

/** Below it the answer is that nothing was found: the largest that refuses at most a tenth of the questions that are answered. */
export const CONFIDENCE_THRESHOLD = 0.4
