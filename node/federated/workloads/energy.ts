/**
 * What scoring costs in energy. Nothing that every machine has measures it by thread, so that it is an estimate and reports say so:
 * the time that a thread was busy, times what a busy core takes on laptops and servers of these years.
 */
const ESTIMATED_CORE_WATTS = 6

export const estimatedJoules = (busyMs: number): number => (busyMs / 1000) * ESTIMATED_CORE_WATTS
