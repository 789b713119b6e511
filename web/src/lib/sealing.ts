// A part of a file sealed as the server reads it (docs/media.md): AES-256-GCM in chunks of 64 KiB, each followed by its
// tag. A chunk's nonce is its number, and the part's length is authenticated with each.
const CHUNK_BYTES = 64 * 1024
const TAG_BYTES = 16
const NONCE_BYTES = 12

/** `key` is base64. */
export async function seal(content: ArrayBuffer, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const raw = Uint8Array.from(atob(key), (letter) => letter.charCodeAt(0))
  const cipher = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt'])
  const additionalData = numberIn(8, content.byteLength)
  const chunks = Math.ceil(content.byteLength / CHUNK_BYTES)
  const sealed = new Uint8Array(content.byteLength + chunks * TAG_BYTES)
  await Promise.all(
    Array.from({ length: chunks }, async (_, chunk) => {
      const plain = content.slice(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES)
      const iv = numberIn(NONCE_BYTES, chunk)
      const made = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, cipher, plain)
      sealed.set(new Uint8Array(made), chunk * (CHUNK_BYTES + TAG_BYTES))
    }),
  )
  return sealed
}

/** The highest byte first. */
function numberIn(bytes: number, value: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(bytes)
  new DataView(made.buffer).setBigUint64(bytes - 8, BigInt(value))
  return made
}
