/** Commands of all other pages. */
import { FIRST_PAGES, PAGES, runDocuments } from '../helpers/run-documents.ts'

runDocuments(
  'pages from evaluation on',
  PAGES.filter((page) => !FIRST_PAGES.includes(page)),
)
