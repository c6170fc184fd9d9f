import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What differs between two runs, or says nothing about the form of an answer. */
const variable = /^(?:user_agent|last_active_at|last_active_ip)$/u;
/** Texts that count; of all others, only what kind of text they are. */
const literal = /^(?:type|title|error|token_type|errcode)$/u;
const link = /^(?:self|first|last|next|prev)$/u;

const timePattern = /\d{4}-\d\d-\d\dT[\d:.]+Z/gu;

const withoutIds = (text: string) =>
  text.replaceAll(/\b[0-9A-HJKMNP-TV-Z]{26}\b/gu, '<id>').replaceAll(timePattern, '<time>');

function kindOf(key: string, value: unknown): string {
  if (variable.test(key)) {
    return 'null or string';
  }
  if (typeof value !== 'string') {
    return value === null ? 'null' : typeof value;
  }
  if (link.test(key)) {
    return withoutIds(value).replace(/\?.*$/u, '?…');
  }
  if (literal.test(key)) {
    return JSON.stringify(withoutIds(value));
  }
  const known = /^<(?<kind>id|time)>$/u.exec(withoutIds(value))?.groups?.['kind'];
  return known ?? 'string';
}

/** The form of a JSON value: a line for each place, with what stands there. Items of a list are taken together. */
function formOf(json: unknown): string[] {
  const kinds = new Map<string, Set<string>>();
  const add = (place: string, kind: string) =>
    kinds.set(place, (kinds.get(place) ?? new Set()).add(kind));

  function visit(place: string, key: string, value: unknown): void {
    if (Array.isArray(value)) {
      // Errors name their causes, in words of the libraries that MAS is made of.
      const items: unknown[] = key === 'errors' ? value.slice(0, 1) : value;
      add(`${place}[]`, items.length === 0 ? 'empty' : 'list');
      items.forEach((item) => visit(`${place}[]`, '', item));
    } else if (typeof value === 'object' && value !== null) {
      Object.entries(value).forEach(([name, inner]) =>
        visit(place === '' ? name : `${place}.${name}`, name, inner),
      );
    } else {
      add(place, kindOf(key, value));
    }
  }

  visit('', '', json);
  return [...kinds]
    .filter(([, found]) => !(found.size === 1 && found.has('list')))
    .map(([place, found]) => `  ${place}: ${[...found].sort().join(' | ')}`)
    .sort();
}

/** The form of an answer's body, which may be no JSON. */
function bodyForm(text: string, contentType: string): string[] {
  const type = contentType.replace(/;.*$/u, '');
  if (text === '') {
    return ['  (empty)'];
  }
  return type === 'application/json' ? formOf(JSON.parse(text)) : [`  (${type})`];
}

/** Passes requests on to a server, and writes down the form of its answers. */
export async function recordAnswers(serverUrl: string) {
  const lines: string[] = [];
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const { method = '', url = '/', headers } = incoming;
      const body = await buffer(incoming);
      const passed = ['authorization', 'content-type'].flatMap((name) => {
        const value = headers[name];
        return typeof value === 'string' ? [[name, value] as [string, string]] : [];
      });
      const response = await fetch(`${serverUrl}${url}`, {
        method,
        headers: passed,
        body: body.length === 0 ? null : new Uint8Array(body),
      });
      const text = await response.text();
      const contentType = response.headers.get('content-type') ?? '';
      lines.push(
        `${method} ${withoutIds(decodeURIComponent(url))} -> ${response.status}`,
        ...bodyForm(text, contentType),
      );
      outgoing.writeHead(response.status, { 'content-type': contentType }).end(text);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    /** Says what comes now. */
    note: (text: string) => void lines.push('', `# ${text}`),
    written: () => `${lines.join('\n').trim()}\n`,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
