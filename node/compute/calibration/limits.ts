/** Limits of calibrations that their tasks state too, before anything of a calibration is at hand. */

/** Items of one data set. */
export const MAX_ITEMS = 100_000
/**
 * Wider inputs have their diagonal only. Factorising takes cols³ / 3 steps and cols² doubles twice: at 4,096 some seconds
 * and 270 MB; and every encoder's thread holds the matrix.
 */
export const MAX_FEEDBACK_COLS = 4096
