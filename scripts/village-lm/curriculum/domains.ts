/** The domains that have questions with one right answer, and a specialist each. */
import { ARITHMETIC } from './arithmetic.ts'
import { FACTS_DOMAIN } from './facts.ts'
import type { Domain } from './item.ts'
import { STRINGS } from './strings.ts'

export const DOMAINS: readonly Domain[] = [ARITHMETIC, FACTS_DOMAIN, STRINGS]
