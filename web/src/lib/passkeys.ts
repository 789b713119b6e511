// Passkeys: what the server asks goes to the browser, and what the person's device answers goes back.
import { Problem } from './problems'
import type { Assertion, NewCredential, PasskeyCreation, PasskeyRequest } from './types'

const known = 'PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential
const byAddress = /^\[|^\d+(\.\d+){3}$/u.test(location.hostname)

export const passkeysWork = known && !byAddress
/** This page is at an address, for which browsers make no passkeys; by the server's name they would work. */
export const passkeysNeedName = known && byAddress

// Nobody reads a prompt and turns it down as fast as that: it was never shown.
const INSTANT_MS = 250
const CANCELLED = 'passkey_cancelled'

export function createPasskey(options: PasskeyCreation): Promise<NewCredential> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return asked<NewCredential>(options.timeout, () => navigator.credentials.create({ publicKey }))
}

export function askPasskey(options: PasskeyRequest): Promise<Assertion> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return asked<Assertion>(options.timeout, () => navigator.credentials.get({ publicKey }))
}

/** Passkeys among what the browser offers to fill in, until the signal or until one is chosen. */
export function offerPasskeys(options: PasskeyRequest, signal: AbortSignal): Promise<Assertion> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return asked<Assertion>(Infinity, () =>
    navigator.credentials.get({ publicKey, mediation: 'conditional', signal }),
  )
}

export async function canOfferPasskeys(): Promise<boolean> {
  return passkeysWork && (await PublicKeyCredential.isConditionalMediationAvailable())
}

/** Tell the device that the server does not know this passkey, so that it is not offered again. */
export function forgetPasskey(rpId: string, credentialId: string): void {
  if ('signalUnknownCredential' in PublicKeyCredential)
    void PublicKeyCredential.signalUnknownCredential({ rpId, credentialId }).catch(() => {})
}

/** The person turned the prompt down, or we took it back: neither is a failure to tell of. */
export function isCancelled(error: unknown): boolean {
  return error instanceof Problem && error.code === CANCELLED
}

async function asked<T>(timeoutMs: number, ask: () => Promise<Credential | null>): Promise<T> {
  const since = performance.now()
  try {
    const credential = await ask()
    return (credential as PublicKeyCredential).toJSON() as T
  } catch (error) {
    throw new Problem(codeOf(error, performance.now() - since, timeoutMs))
  }
}

/** Browsers say NotAllowedError for all that could tell a page something: only the time tells the cases apart. */
function codeOf(error: unknown, passedMs: number, timeoutMs: number): string {
  switch (error instanceof DOMException ? error.name : '') {
    case 'AbortError':
      return CANCELLED
    case 'InvalidStateError':
      return 'passkey_already_added'
    case 'SecurityError':
      return 'passkeys_need_a_name'
    case 'NotAllowedError':
      if (passedMs >= timeoutMs) return 'passkey_ceremony_ended'
      return passedMs < INSTANT_MS ? 'passkey_not_allowed' : CANCELLED
    default:
      return 'passkey_not_allowed'
  }
}
