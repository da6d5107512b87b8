/** The checks, one row each. `npm run check` runs all but the slow ones; the test suite runs the same rows. */
import type { Check } from './check.ts'
import { checkCoverage } from './coverage.ts'
import { checkGenerated, writeGenerated } from './generated.ts'
import {
  checkBenches,
  checkChangelog,
  checkDocuments,
  checkFileSizes,
  checkText,
  checkVectors,
} from './hygiene.ts'
import { checkImports } from './imports.ts'
import { checkConfigKeys, checkErrorCodes } from './literals.ts'
import { checkProtocols, writeProtocols } from './protocols.ts'
import { checkLint, checkTypes } from './tools.ts'

export const CHECKS: readonly Check[] = [
  { name: 'types', title: 'the TypeScript compiler accepts the whole tree', run: checkTypes },
  { name: 'lint', title: 'lint, import order and format', run: checkLint },
  { name: 'imports', title: 'imports go downward, and only to declared packages', run: checkImports },
  { name: 'config', title: 'every configuration key is read', run: checkConfigKeys },
  { name: 'errors', title: 'every error code is raised', run: checkErrorCodes },
  {
    name: 'generated',
    title:
      'daemon.config.json, docs/village.1 and docs/{api,cli,config,errors,gateway-fields,metrics}.md and docs/api/ equal their tables',
    run: checkGenerated,
    write: writeGenerated,
  },
  {
    name: 'protocols',
    title: 'docs/protocols equals the protocol files, both ways',
    run: checkProtocols,
    write: writeProtocols,
  },
  { name: 'sizes', title: 'no source file is longer than 350 lines', run: checkFileSizes },
  { name: 'text', title: 'no leftover markers, registry hosts or paths of one machine', run: checkText },
  { name: 'changelog', title: 'CHANGELOG.md has an entry for this version', run: checkChangelog },
  { name: 'vectors', title: 'golden vectors are left alone by formatter and git', run: checkVectors },
  { name: 'documents', title: 'links and commands in the documents lead somewhere', run: checkDocuments },
  { name: 'benches', title: 'every benchmark is in the table', run: checkBenches },
  {
    name: 'coverage',
    title: 'the tests run 85% of the lines of node/ or more',
    slow: true,
    run: checkCoverage,
  },
]
