/** What a client makes a link of by its form alone: an ID that opens a profile or a room. */
const ids = /(?<![^\s("'<“„])([@#!$+][^\s:]{0,255}):(?=[\p{L}\p{N}[])/gu;
/** `evil.example`: clients know the top-level domains, and so might tomorrow's. */
const dotsInNames = /(?<=[\p{L}\p{N}_-])[.\u3002\uFF0E\uFF61](?=[\p{L}]{2})/gu;

/**
 * The same text, without anything that a client would make a link of: addresses with a scheme or without
 * one, domains, e-mail addresses, and IDs of users, rooms and events. It stays readable:
 * `https[:]//evil[.]example`.
 */
export function withoutLinks(text: string): string {
  return withoutSchemes(text).replaceAll(ids, '$1[:]').replaceAll(dotsInNames, '[.]');
}

/** Only addresses that name a scheme, or `www`: no sentence of ours needs one that can be opened. */
export function withoutSchemes(text: string): string {
  return text
    .replaceAll(/(?<!mxc):\/\//gu, '[:]//')
    .replaceAll(/\b(matrix|tel|sms|xmpp|magnet|geo):(?=\S)/giu, '$1[:]')
    .replaceAll(/\b(?:www|mailto)\b(?!\])/giu, '[$&]');
}
