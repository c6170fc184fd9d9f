/** What the stand-in answers. */
export interface Answer {
  readonly status: number;
  /** Sent as JSON; text is sent as it is, with `contentType`. */
  readonly body?: object | string;
  readonly contentType?: string;
}

/** A request of which the body is read. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
}

/** Makes the stand-in answer with an error. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`${answer.status}`);
    this.answer = answer;
  }
}

/** An error of the admin API: words, without a code. */
export function refused(status: number, ...titles: readonly string[]): Refusal {
  return new Refusal({ status, body: { errors: titles.map((title) => ({ title })) } });
}

/** The token of `Authorization: Bearer`. */
export function bearer({ headers }: Call): string | undefined {
  return /^Bearer (?<token>.*)$/u.exec(String(headers['authorization']))?.groups?.['token'];
}
