/** Commands of the README and of the first pages. */
import { FIRST_PAGES, runDocuments } from '../helpers/run-documents.ts'

runDocuments('the README and the pages before evaluation', ['README.md', 'CONTRIBUTING.md', ...FIRST_PAGES])
