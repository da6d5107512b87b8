/**
 * How protocols name a segment: by the id of its collection, then its own. The same segment may be in several collections, and what
 * one of them says of it holds for that one only.
 */
export const COLLECTION_ID_BYTES = 16
export const SEGMENT_ID_BYTES = 32
export const SEGMENT_KEY_BYTES = COLLECTION_ID_BYTES + SEGMENT_ID_BYTES
