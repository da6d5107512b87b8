/** The checks that look for uses: every error code is raised somewhere, every configuration key is read somewhere. */
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import {
  isArrayLiteralExpression,
  isBinaryExpression,
  isBindingElement,
  isCaseClause,
  isElementAccessExpression,
  isIdentifier,
  isLiteralTypeNode,
  isNewExpression,
  isPropertyAccessExpression,
  isStringLiteral,
} from 'typescript/unstable/ast/is'
import { FIELDS } from '../../node/config.ts'
import { ERRORS } from '../../node/errors.ts'
import type { Finding } from './check.ts'
import { type Project, walk } from './project.ts'

const CONFIG_FILE = 'node/config.ts'
const ERRORS_FILE = 'node/errors.ts'

/** The line of the row `key: {` of a table, counted from 1. */
function rowLine(text: string, key: string): number | null {
  const index = text.split('\n').findIndex((line) =>
    line
      .trimStart()
      .replace(/^'|'(?=:)/g, '')
      .startsWith(`${key}:`),
  )
  return index < 0 ? null : index + 1
}

/** The keys of the configuration that a file reads: `config['a.b']`, `config.profile`, `const { 'a.b': x } = config`. */
export function configKeysRead(tree: SourceFile): Set<string> {
  const read = new Set<string>()
  /** A key without a dot could be a property of anything: only one of something named config counts. */
  const isConfig = (node: Node): boolean => /config$/i.test(node.getText(tree))
  walk(tree, (node) => {
    if (isElementAccessExpression(node) && isStringLiteral(node.argumentExpression))
      read.add(node.argumentExpression.text)
    else if (isPropertyAccessExpression(node) && isConfig(node.expression)) read.add(node.name.text)
    else if (isBindingElement(node) && node.propertyName !== undefined && isStringLiteral(node.propertyName))
      read.add(node.propertyName.text)
  })
  return read
}

export async function checkConfigKeys(project: Project): Promise<Finding[]> {
  const read = new Set<string>()
  for (const { file, tree } of project.sources())
    if (file.startsWith('node/') && file !== CONFIG_FILE)
      for (const key of configKeysRead(tree)) read.add(key)
  return Object.keys(FIELDS)
    .filter((key) => !read.has(key))
    .map((key) => ({
      file: CONFIG_FILE,
      line: rowLine(project.read(CONFIG_FILE), key),
      message: `"${key}" is read nowhere: use it or remove the row`,
    }))
}

/** A literal that compares or lists a code, or is a type, raises nothing. */
function isMention({ parent }: Node): boolean {
  if (isBinaryExpression(parent))
    return [
      SyntaxKind.EqualsEqualsEqualsToken,
      SyntaxKind.ExclamationEqualsEqualsToken,
      SyntaxKind.EqualsEqualsToken,
      SyntaxKind.ExclamationEqualsToken,
    ].includes(parent.operatorToken.kind)
  return isCaseClause(parent) || isArrayLiteralExpression(parent) || isLiteralTypeNode(parent)
}

/** The error codes that a file raises: string literals, and in the file of the table only those of a `new VillageError`. */
export function codesRaised(file: string, tree: SourceFile): Set<string> {
  const raised = new Set<string>()
  walk(tree, (node) => {
    if (file !== ERRORS_FILE) {
      if (isStringLiteral(node) && !isMention(node)) raised.add(node.text)
      return
    }
    const first = isNewExpression(node) ? node.arguments?.[0] : undefined
    if (
      isNewExpression(node) &&
      isIdentifier(node.expression) &&
      node.expression.text === 'VillageError' &&
      first !== undefined &&
      isStringLiteral(first)
    )
      raised.add(first.text)
  })
  return raised
}

export async function checkErrorCodes(project: Project): Promise<Finding[]> {
  const raised = new Set<string>()
  for (const { file, tree } of project.sources())
    if (file.startsWith('node/')) for (const code of codesRaised(file, tree)) raised.add(code)
  return Object.keys(ERRORS)
    .filter((code) => !raised.has(code))
    .map((code) => ({
      file: ERRORS_FILE,
      line: rowLine(project.read(ERRORS_FILE), code),
      message: `${code} is raised nowhere: use it or remove the row`,
    }))
}
