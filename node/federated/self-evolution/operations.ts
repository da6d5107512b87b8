/** What worker threads do for self-evolution: rows of FEDERATED_OPERATIONS. */
import { type Superiority, type SuperiorityInput, testSuperiority } from './superiority.ts'

export const SELF_EVOLUTION_OPERATIONS = {
  /** Resamples: up to seconds, and no work for the main thread. */
  async 'selfEvolution.compare'(input: SuperiorityInput): Promise<Superiority> {
    return testSuperiority(input)
  },
}
