// Wallets in this browser: Ethereum's announce themselves (EIP-6963) or stand at window.ethereum (EIP-1193), TON's
// stand anywhere in the window as a bridge of TON Connect. No code of theirs is loaded by us.
import { Problem } from './problems'
import type { WalletBeginning, WalletChallenge, WalletProof } from './types'

interface EthereumProvider {
  request(call: { method: string; params?: unknown[] }): Promise<unknown>
}

interface TonBridge {
  protocolVersion: number
  walletInfo?: { name?: string }
  connect(version: number, request: object): Promise<TonConnected>
}

interface TonConnected {
  event: 'connect' | 'connect_error'
  payload: { items?: TonItem[]; code?: number; message?: string }
}

type TonItem =
  | { name: 'ton_addr'; address: string; publicKey: string; walletStateInit: string }
  | {
      name: 'ton_proof'
      proof?: { timestamp: number | string; domain: { value: string }; signature: string; payload: string }
    }

export interface BrowserWallet {
  id: string
  chain: 'ethereum' | 'ton'
  name: string
  prove(begin: (request: WalletBeginning) => Promise<WalletChallenge>): Promise<WalletProof>
}

const CANCELLED = 'wallet_cancelled'
// EIP-1193, and TON Connect's codes of connect events.
const REJECTED = 4001
const TON_REJECTED = 300
const TON_VERSION = 2

class Wallets {
  found = $state.raw<BrowserWallet[]>([])

  constructor() {
    addEventListener('eip6963:announceProvider', (event) => {
      const { info, provider } = (event as CustomEvent<Announcement>).detail
      this.#add(ethereumWallet(info.uuid, info.name, provider))
    })
    this.look()
  }

  /** Wallets come when they are ready, some after the page. */
  look(): void {
    dispatchEvent(new Event('eip6963:requestProvider'))
    const { ethereum } = window as { ethereum?: EthereumProvider }
    if (ethereum && !this.found.some(({ chain }) => chain === 'ethereum'))
      this.#add(ethereumWallet('window.ethereum', 'Ethereum', ethereum))
    for (const [key, bridge] of bridges()) this.#add(tonWallet(key, bridge))
  }

  #add(wallet: BrowserWallet): void {
    const others = this.found.filter(
      ({ id, chain }) => id !== wallet.id && !(id === 'window.ethereum' && chain === wallet.chain),
    )
    this.found = [...others, wallet]
  }
}

interface Announcement {
  info: { uuid: string; name: string }
  provider: EthereumProvider
}

export const wallets = new Wallets()

/** The person said no in their wallet: nothing to tell of. */
export function isCancelled(error: unknown): boolean {
  return error instanceof Problem && error.code === CANCELLED
}

/** An address as it fits in a line. */
export function shortened(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`
}

function ethereumWallet(id: string, name: string, provider: EthereumProvider): BrowserWallet {
  return {
    id,
    chain: 'ethereum',
    name,
    async prove(begin) {
      const [address] = (await asked(provider.request({ method: 'eth_requestAccounts' }))) as string[]
      if (!address) throw new Problem('wallet_refused')
      const chain_id = Number(await asked(provider.request({ method: 'eth_chainId' }))) || 1
      const { nonce, message } = await begin({ chain: 'ethereum', address, chain_id })
      const params = [hexOf(message), address]
      const signature = (await asked(provider.request({ method: 'personal_sign', params }))) as string
      return { chain: 'ethereum', nonce, signature }
    },
  }
}

function tonWallet(key: string, bridge: TonBridge): BrowserWallet {
  return {
    id: `ton:${key}`,
    chain: 'ton',
    name: bridge.walletInfo?.name ?? 'TON',
    async prove(begin) {
      const { nonce } = await begin({ chain: 'ton' })
      const items = [{ name: 'ton_addr' }, { name: 'ton_proof', payload: nonce }]
      const manifestUrl = `${location.origin}/tonconnect-manifest.json`
      const { event, payload } = await asked(bridge.connect(TON_VERSION, { manifestUrl, items }))
      if (event !== 'connect') throw new Problem(payload.code === TON_REJECTED ? CANCELLED : 'wallet_refused')
      return tonProof(nonce, payload.items ?? [])
    },
  }
}

function tonProof(nonce: string, items: TonItem[]): WalletProof {
  const account = items.find((item) => item.name === 'ton_addr')
  const proof = items.find((item) => item.name === 'ton_proof')?.proof
  if (!account || !proof) throw new Problem('wallet_refused')
  return {
    chain: 'ton',
    nonce,
    address: account.address,
    public_key: account.publicKey,
    state_init: account.walletStateInit,
    timestamp: Number(proof.timestamp),
    domain: proof.domain.value,
    signature: proof.signature,
  }
}

function bridges(): [string, TonBridge][] {
  const found: [string, TonBridge][] = []
  for (const key of Object.keys(window)) {
    const bridge = bridgeIn((window as unknown as Record<string, unknown>)[key])
    if (bridge) found.push([key, bridge])
  }
  return found
}

/** Whatever extensions have put into the window may refuse to be looked at. */
function bridgeIn(value: unknown): TonBridge | undefined {
  try {
    const { tonconnect } = value as { tonconnect?: Partial<TonBridge> }
    const fits =
      typeof tonconnect?.connect === 'function' && Number(tonconnect.protocolVersion) >= TON_VERSION
    return fits ? (tonconnect as TonBridge) : undefined
  } catch {
    return undefined
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const { code } = (error ?? {}) as { code?: number }
    throw new Problem(code === REJECTED || code === TON_REJECTED ? CANCELLED : 'wallet_failed')
  }
}

function hexOf(text: string): string {
  return `0x${[...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}
