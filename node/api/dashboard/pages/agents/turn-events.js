/** An answer as the events of the agent make it, until the conversation is read as it was kept. */

/**
 * @typedef {{ id: string, tool: string, agent: string, arguments: object, state: string, summary: string }} LiveCall
 * @typedef {{
 *   role: 'assistant', text: string, agent: string, model: string | null, finish: string | null,
 *   error: { code: string, message: string } | null, evidence: object | null, calls: LiveCall[], citations: object[],
 *   approvals: { approval: string, call: string }[], plan: { tool: string, reason: string }[], running: boolean,
 * }} LiveAnswer
 */

/** An answer that has not begun. @param {string} agent @returns {LiveAnswer} */
export const emptyAnswer = (agent) => ({
  ...{ role: 'assistant', text: '', agent, model: null, finish: null, error: null, evidence: null },
  ...{ calls: [], citations: [], approvals: [], plan: [], running: true },
})

/**
 * An answer that this window does not follow, as the conversation tells of it. Pure.
 * @param {{ agent: string, text: string, calls: Omit<LiveCall, 'id'>[], approvals: string[] }} answering
 * @param {readonly { id: string }[]} waiting what waits for approval on the node
 */
export const answerSoFar = ({ agent, text, calls, approvals }, waiting) => ({
  ...{ ...emptyAnswer(agent), text, calls },
  approvals: waiting
    .filter(({ id }) => approvals.includes(id))
    .map(({ id, ...call }) => ({ ...call, approval: id })),
})

/**
 * The answer after one more event. Pure.
 * @param {LiveAnswer} answer @param {{ type: string, data: any }} event @returns {LiveAnswer}
 */
export function withEvent(answer, { type, data }) {
  /** @param {Partial<LiveCall>} part */
  const changed = (part) => answer.calls.map((call) => (call.id === data.call ? { ...call, ...part } : call))
  const settled = () => answer.approvals.filter((approval) => approval.call !== data.call)
  if (type === 'text') return { ...answer, text: answer.text + data.text }
  if (type === 'plan') return { ...answer, plan: data.steps }
  if (type === 'call') {
    const { call: id, tool, agent, arguments: given } = data
    const call = { id, tool, agent, arguments: given, state: 'running', summary: '' }
    // What was said before the call was no answer yet.
    return { ...answer, text: '', calls: [...answer.calls, call] }
  }
  if (type === 'progress') return { ...answer, calls: changed({ summary: data.message }) }
  if (type === 'result')
    return {
      ...answer,
      calls: changed({ state: data.state, summary: data.summary }),
      approvals: settled(),
    }
  if (type === 'approval') return { ...answer, approvals: [...answer.approvals, data] }
  if (type === 'done') {
    const { text, finish, model } = data
    return { ...answer, text, finish, model, approvals: [], running: false }
  }
  return answer
}
