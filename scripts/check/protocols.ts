/**
 * docs/protocols/ against the protocol files, both ways: every protocol is specified in one document, whose table of
 * limits is the one that the code enforces, and a document speaks of no protocol that the code does not know.
 */
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { isStringLiteral } from 'typescript/unstable/ast/is'
import type { ProtocolSpec } from '../../node/mesh/protocols/spec.ts'
import type { Finding } from './check.ts'
import { lineOf, type Project, walk } from './project.ts'

const FOLDER = 'node/mesh/protocols/'
const DOCS = 'docs/protocols/'
const BEGIN = '<!-- limits -->'
const END = '<!-- /limits -->'
const ID = /\/village\/[a-z][a-z0-9-]*\/\d+\.\d+\.\d+/g

function idsIn(text: string): string[] {
  return text.match(ID) ?? []
}

function isSpec(value: unknown): value is ProtocolSpec {
  const spec = value as Partial<ProtocolSpec> | null
  return typeof spec === 'object' && typeof spec?.id === 'string' && typeof spec.maxFrameBytes === 'number'
}

/** The protocols that the protocol files export, by ID. */
export async function readSpecs(project: Project): Promise<ProtocolSpec[]> {
  const specs: ProtocolSpec[] = []
  for (const file of project.files) {
    if (!file.startsWith(FOLDER) || !file.endsWith('.ts')) continue
    const module = (await import(pathToFileURL(path.join(project.root, file)).href)) as Record<
      string,
      unknown
    >
    specs.push(...Object.values(module).filter(isSpec))
  }
  return specs.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The limits of the protocols that one document specifies, between the two marks. */
export function renderLimits(specs: readonly ProtocolSpec[]): string {
  const count = (value: number) => value.toLocaleString('en-GB')
  const rows = specs.map(
    (spec) =>
      `| \`${spec.id}\` | ${spec.access} | ${count(spec.maxFrameBytes)} bytes | ${count(spec.frameTimeoutMs)} ms | ${count(spec.maxStreamsByPeer)} | ${count(spec.streamsByMinute)} |`,
  )
  return [
    BEGIN,
    '| Protocol | Who may open it | Largest frame | Longest wait for a frame | Streams by peer | Streams by minute |',
    '|---|---|---|---|---|---|',
    ...rows,
    END,
  ].join('\n')
}

interface Document {
  readonly file: string
  readonly text: string
  /** IDs in its limits table, or without one, those that only this document mentions. */
  readonly owned: readonly string[]
}

function blockOf(text: string): string | null {
  const start = text.indexOf(BEGIN)
  const end = text.indexOf(END, start)
  return start < 0 || end < 0 ? null : text.slice(start, end + END.length)
}

/** Which protocols each document specifies: the ones in its limits table, and unclaimed ones that it mentions first. */
function readDocuments(project: Project, specs: readonly ProtocolSpec[]): Document[] {
  const texts = project.files
    .filter((file) => file.startsWith(DOCS) && file.endsWith('.md'))
    .map((file) => ({ file, text: project.read(file) }))
  const claimed = new Set(texts.flatMap(({ text }) => idsIn(blockOf(text) ?? '')))
  return texts.map(({ file, text }) => {
    const mentioned = new Set(idsIn(text))
    const inBlock = new Set(idsIn(blockOf(text) ?? ''))
    const owned = specs
      .map((spec) => spec.id)
      .filter((id) => inBlock.has(id) || (mentioned.has(id) && !claimed.has(id)))
    for (const id of owned) claimed.add(id)
    return { file, text, owned }
  })
}

/** The document with its limits table as it should be. The table goes below the first heading when it is new. */
function withLimits(document: Document, specs: readonly ProtocolSpec[]): string {
  const own = specs.filter((spec) => document.owned.includes(spec.id))
  if (own.length === 0) return document.text
  const block = blockOf(document.text)
  if (block !== null) return document.text.replace(block, () => renderLimits(own))
  const headingEnd = document.text.indexOf('\n') + 1
  return `${document.text.slice(0, headingEnd)}\n${renderLimits(own)}\n${document.text.slice(headingEnd)}`
}

/** IDs that stand as literals in the code, with the first place of each. */
function idsInCode(project: Project): Map<string, { file: string; line: number }> {
  const ids = new Map<string, { file: string; line: number }>()
  for (const { file, tree } of project.sources()) {
    if (!file.startsWith('node/')) continue
    walk(tree, (node) => {
      if (!isStringLiteral(node)) return
      const [id] = idsIn(node.text)
      if (id !== undefined && id === node.text && !ids.has(id))
        ids.set(id, { file, line: lineOf(tree, node) })
    })
  }
  return ids
}

export async function checkProtocols(project: Project): Promise<Finding[]> {
  const specs = await readSpecs(project)
  const documents = readDocuments(project, specs)
  const known = idsInCode(project)
  const found: Finding[] = []
  for (const document of documents) {
    if (withLimits(document, specs) !== document.text)
      found.push({
        file: document.file,
        line: null,
        message: `does not state the limits of ${document.owned.join(', ')}; run \`npm run check -- --write\``,
      })
    for (const id of new Set(idsIn(document.text)))
      if (!known.has(id))
        found.push({
          file: document.file,
          line: null,
          message: `speaks of ${id}, which the code does not know`,
        })
  }
  for (const [id, place] of known) {
    const inDocs = documents.some(({ text }) => idsIn(text).includes(id))
    if (!inDocs) found.push({ ...place, message: `${id} is specified nowhere in ${DOCS}` })
  }
  for (const { id } of specs) {
    const owners = documents.filter(({ owned }) => owned.includes(id)).map(({ file }) => file)
    if (owners.length > 1)
      found.push({ file: owners[1]!, line: null, message: `${id} has its limits in ${owners[0]} already` })
    if (specs.filter((spec) => spec.id === id).length > 1)
      found.push({ file: FOLDER, line: null, message: `${id} is exported twice` })
  }
  return found
}

export async function writeProtocols(project: Project): Promise<string[]> {
  const specs = await readSpecs(project)
  return readDocuments(project, specs)
    .filter((document) => project.write(document.file, withLimits(document, specs)))
    .map(({ file }) => file)
}
