import type { ConfidenceModel } from './confidence.ts'

/** Fitted by `npm run bench -- agents --only sage`, which prints it anew and measures it; docs/knowledge/answers.md has the figures. */
export const CONFIDENCE_MODEL: ConfidenceModel = {
  intercept: -3.192,
  weights: {
    lowCoverage: 9.937,
    lack: -5.295,
    spread: 4.495,
    titleCoverage: 1.63,
    question: 0.138,
    questionLack: -7.64,
  },
}

/** Below it the answer is that nothing was found: the largest that refuses at most a tenth of the questions that are answered. */
export const CONFIDENCE_THRESHOLD = 0.4
