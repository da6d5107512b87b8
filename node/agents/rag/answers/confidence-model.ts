import type { ConfidenceModel } from './confidence.ts'

/** Fitted by `npm run bench -- agents --only sage`, which prints it anew and measures it; docs/knowledge/answers.md has the figures. */
export const CONFIDENCE_MODEL: ConfidenceModel = {
  intercept: -3.084,
  weights: {
    lowCoverage: 9.753,
    lack: -5.42,
    spread: 3.434,
    titleCoverage: 1.933,
    question: 0.133,
    questionLack: -7.901,
    together: 4.906,
  },
}

/** Below it the answer is that nothing was found: it refuses at most a tenth of the answered questions of each set that was fitted on. */
export const CONFIDENCE_THRESHOLD = 0.42
