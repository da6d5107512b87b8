/** The agents that are reached over A2A, as their cards describe them. */
import type { AgentName } from '../../agents/agent.ts'

interface SkillText {
  readonly name: string
  readonly description: string
  readonly tags: string[]
  readonly examples: string[]
}

/** In the order in which the card names them. */
export const A2A_SKILLS: Record<AgentName, SkillText> = {
  king: {
    name: 'King',
    description:
      'Takes a whole goal, plans the steps, has them done by the other agents and answers for the whole.',
    tags: ['planning', 'delegation'],
    examples: ['Compress the model use-lite to a quarter of its size and check its quality'],
  },
  sage: {
    name: 'Sage',
    description:
      'Searches the collections of documents that the asker may see and answers with citations, or says that it does not know.',
    tags: ['search', 'question answering', 'citations'],
    examples: ['What do the notes say about the heat pump?'],
  },
  magi: {
    name: 'Magi',
    description: 'Calculates, runs code in a sandbox, and drives models, jobs and rounds.',
    tags: ['calculation', 'code', 'models'],
    examples: ['What is 17.5% of 3,240?'],
  },
}

export const A2A_AGENTS = Object.keys(A2A_SKILLS) as AgentName[]
