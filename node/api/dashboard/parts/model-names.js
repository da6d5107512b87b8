/** Models are named by their content in runs and federations; people read their ids where this node knows them. */
import { short } from './format.js'

const CID = /^b[a-z2-7]{50,}$/

/** @param {readonly { cid: string, id: string }[] | undefined} models @returns {(model: string) => string} of a CID; an id stays */
export function modelNames(models) {
  const ids = new Map((models ?? []).map(({ cid, id }) => [cid, id]))
  return (model) => ids.get(model) ?? (CID.test(model) ? short(model) : model)
}
