// Bytes in hex and ASCII, in runs that belong to one field each; the marked field's runs stand out.
import { useMemo } from 'preact/hooks';
import type { Field } from '../lab/describe.ts';
import { asciiText, hexLines, hexText, inField, offsetText, type Run } from './hex-layout.ts';

interface HexViewProps {
  bytes: Uint8Array;
  fields: readonly Field[];
  /** Bytes to a line. */
  width: number;
  marked: number | undefined;
  label: string;
}

/** Hovering is the parent's: each run says which field it belongs to in data-field. */
export function HexView({ bytes, fields, width, marked, label }: HexViewProps) {
  const lines = useMemo(() => hexLines(bytes.length, width, fields), [bytes, width, fields]);
  const field = marked === undefined ? undefined : fields[marked];
  const mark = (run: Run): string => (inField(run, field) ? 'run marked' : 'run');
  return (
    <figure class="hex" aria-label={label}>
      {lines.map(({ at, runs }) => (
        <div class="hex-line" key={at}>
          <span class="offset">{offsetText(at)}</span>
          <span class="bytes" style={{ minWidth: `${width * 3 - 1}ch` }}>
            {runs.flatMap((run, index) => [
              index > 0 ? ' ' : '',
              <span key={run.at} class={mark(run)} data-field={run.field}>
                {hexText(bytes, run.at, run.length)}
              </span>,
            ])}
          </span>
          <span class="ascii">
            {runs.map((run) => (
              <span key={run.at} class={mark(run)} data-field={run.field}>
                {asciiText(bytes, run.at, run.length)}
              </span>
            ))}
          </span>
        </div>
      ))}
    </figure>
  );
}
