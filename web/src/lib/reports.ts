// What one reports, and what those decide who handle it.
import { api, ok } from './api'
import { newRef } from './outbox'
import type { OwnReport, Report, ReportDecision, ReportReason, ReportSummary } from './types'

export const REASONS = [
  'spam',
  'fraud',
  'abuse',
  'violence',
  'sexual',
  'illegal',
  'impersonation',
  'other',
] as const satisfies ReportReason[]
export const STATES = ['open', 'taken', 'decided'] as const satisfies ReportSummary['state'][]
export const TEXT_MAX = 1000

/** What is reported: messages of a chat, a person, perhaps in a chat, or a chat. */
export interface Subject {
  chatId?: string
  seqs?: number[]
  userId?: string
}

const of = (report_id: string) => ({ params: { path: { report_id } } })

export async function report(
  { chatId, seqs, userId }: Subject,
  reason: ReportReason,
  text: string,
  ref: string,
): Promise<void> {
  const body = {
    ref,
    reason,
    text,
    ...(chatId ? { chat_id: chatId } : {}),
    ...(seqs ? { seqs } : {}),
    ...(userId ? { user_id: userId } : {}),
  }
  await ok(api.POST('/v1/messaging/reports', { body }))
}

export { newRef }

export async function ownReports(): Promise<OwnReport[]> {
  return (await ok(api.GET('/v1/messaging/own-reports'))).reports
}

export async function reportQueue(
  state: ReportSummary['state'],
  cursor: string,
): Promise<{ reports: ReportSummary[]; next: string }> {
  const query = { state, ...(cursor ? { cursor } : {}) }
  const page = await ok(api.GET('/v1/messaging/reports', { params: { query } }))
  return { reports: page.reports, next: page.next_cursor ?? '' }
}

export async function getReport(id: string): Promise<Report> {
  return ok(api.GET('/v1/messaging/reports/{report_id}', of(id)))
}

export async function takeReport(id: string): Promise<Report> {
  return ok(api.POST('/v1/messaging/reports/{report_id}/take', { ...of(id), body: {} }))
}

/** Open the report's chat again, which moderators had closed. */
export async function restoreChat(id: string): Promise<Report> {
  return ok(api.POST('/v1/messaging/reports/{report_id}/restore', { ...of(id), body: {} }))
}

/** With `purge`, all that the person wrote in the chat is deleted too. */
export async function decideReport(
  id: string,
  decision: ReportDecision,
  note: string,
  purge: boolean,
): Promise<Report> {
  const body = { decision, note, purge }
  return ok(api.POST('/v1/messaging/reports/{report_id}/decide', { ...of(id), body }))
}
