/** What agents and their tools are called where people read of them. */

import { capital } from './format.js'

/** @type {Readonly<Record<string, string>>} */
const TOOLS = {
  agent_ask: 'ask an agent',
  calculate: 'calculate',
  code_run: 'run a program',
  evolve_start: 'start an evolution',
  file_list: 'list files',
  file_read: 'read a file',
  file_write: 'write a file',
  geometry_measure: 'compare the geometry of models',
  job_cancel: 'cancel a job',
  job_list: 'list jobs',
  job_show: 'look at a job',
  job_wait: 'wait for a job',
  knowledge_ask: 'answer from documents',
  knowledge_collections: 'list collections',
  knowledge_index: 'index documents',
  knowledge_search: 'search documents',
  member_list: 'list members',
  model_add: 'add a model',
  model_compare: 'compare models',
  model_compress: 'compress a model',
  model_evaluate: 'evaluate a model',
  model_generate: 'write with a model',
  model_inspect: 'look at a model',
  model_list: 'list models',
  model_merge: 'merge models',
  model_pull: 'pull a model',
  model_train: 'train a model',
  node_status: 'look at this node',
  round_list: 'list rounds',
  round_show: 'look at a round',
  text_embed: 'turn text into vectors',
  time_now: 'look at the clock',
  twin_forget: 'forget a memory',
  twin_recall: 'recall memories',
  twin_remember: 'remember',
}

/** `king` → `King`. @param {string} agent */
export const nameOfAgent = (agent) => capital(agent)

/**
 * Null: of a tool that is not the village's own, its name is all there is.
 * @param {string} tool @param {{ agent?: unknown }} [given] what it is called with
 */
export function wordsOfTool(tool, given = {}) {
  if (tool === 'agent_ask' && typeof given.agent === 'string') return `ask ${nameOfAgent(given.agent)}`
  return Object.hasOwn(TOOLS, tool) ? (TOOLS[tool] ?? null) : null
}

/** What an agent wants to do: `index documents`, `use weather_now`. @param {string} tool @param {{ agent?: unknown }} [given] */
export const wishOf = (tool, given) => wordsOfTool(tool, given) ?? `use ${tool}`
