// What the person has to know: a failure in place of the terminal, and one-line notices above the panes.
import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { type Failure, failureText } from './failures.ts';
import { Icon } from './icons.tsx';
import type { Lab, LabStage } from './lab-client.ts';

export function FailureCard({ lab, failure }: { lab: Lab; failure: Failure }) {
  const hidden = useSignal(false);
  const { title, what, advice, retry, ways = [] } = failureText(failure);
  if (hidden.value) return null;
  return (
    <div class="cover">
      <section class="card failure" role="alert" data-failure={failure.code}>
        <h2>{title}</h2>
        <p>{what}</p>
        <p>{advice}</p>
        <div class="actions">
          {retry !== undefined && (
            <button type="button" class="primary" onClick={() => void lab.start()}>
              {retry}
            </button>
          )}
          {ways.map(({ label, how }, index) => (
            <button
              key={label}
              type="button"
              class={retry === undefined && index === 0 ? 'primary' : ''}
              onClick={() => void lab.start(how)}
            >
              {label}
            </button>
          ))}
          <button type="button" onClick={() => location.reload()}>
            Reload the page
          </button>
          {lab.booted.value && (
            <button
              type="button"
              onClick={() => {
                hidden.value = true;
              }}
            >
              Show the terminal
            </button>
          )}
        </div>
        <details>
          <summary>Technical details</summary>
          <code>
            {failure.code}: {failure.detail}
          </code>
        </details>
      </section>
    </div>
  );
}

/** In place of the terminal where there is no guest to have one. */
export function NoGuest({ lab }: { lab: Lab }) {
  const isViewing = lab.stage.value === 'viewing';
  if (!isViewing && lab.stage.value !== 'idle') return null;
  return (
    <div class="cover">
      <section class="card" aria-label="No guest">
        <h2>No guest runs here</h2>
        {isViewing ? (
          <p>“Files” shows the tree as it is stored, while another tab may write it. Nothing can be changed here.</p>
        ) : (
          <p>It was ended for work on its tree.</p>
        )}
        <div class="actions">
          {isViewing ? (
            <button type="button" class="primary" onClick={() => void lab.start('take-over')}>
              Take over, and boot
            </button>
          ) : (
            <button type="button" class="primary" onClick={() => void lab.start()}>
              Boot
            </button>
          )}
        </div>
      </section>
    </div>
  );
}

const STRIPS: Partial<Record<LabStage, string>> = {
  rebooting: 'The guest reboots',
  booting: 'The guest boots',
  mounted: 'The guest boots',
  'powered-off': 'The guest is powered off',
  stopped: 'The guest stopped',
};

/** Below a terminal that has something on it: that its guest is not running, and the way to change that. */
export function StageStrip({ lab }: { lab: Lab }) {
  const stage = lab.stage.value;
  const words = STRIPS[stage];
  if (words === undefined || !lab.wasReady.value) return null;
  const isOff = stage === 'powered-off' || stage === 'stopped';
  const detail = lab.detail.value;
  return (
    <div class="strip" role="status">
      <span>
        {words}
        {stage === 'stopped' && detail !== '' && `: ${detail}`}
        {isOff ? '.' : '…'}
      </span>
      {isOff && (
        <button type="button" class="primary" onClick={() => lab.restart()}>
          <Icon name="power" />
          Power on
        </button>
      )}
    </div>
  );
}

interface NoticeProps {
  text: string;
  kind: 'warning' | 'info';
  onClose: () => void;
  children?: ComponentChildren;
}

function Notice({ text, kind, onClose, children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === 'warning' ? 'alert' : 'status'}>
      <p>{text}</p>
      {children}
      <button type="button" class="plain" aria-label="Dismiss" onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  );
}

/** `problems`: words on options in the address that could not be understood. */
export function Notices({ lab, problems }: { lab: Lab; problems: Signal<readonly string[]> }) {
  const warning = lab.warning.value;
  /** That the tree is only looked at was read. */
  const known = useSignal(false);
  useSignalEffect(() => {
    if (lab.stage.value !== 'viewing') known.value = false;
  });
  const { asked, persisted } = lab.persistence.value;
  return (
    <div class="notices">
      {lab.stage.value === 'viewing' && !known.value && (
        <Notice
          kind="info"
          text={`Read-only: the tree “${lab.options.tree}” as it is stored. Another tab may write it; what that one stores is shown here.`}
          onClose={() => {
            known.value = true;
          }}
        >
          <button type="button" onClick={() => void lab.start('take-over')}>
            Take over
          </button>
        </Notice>
      )}
      {warning !== undefined && (
        <Notice
          kind="warning"
          text={`${failureText(warning).title}. ${failureText(warning).what} ${failureText(warning).advice}`}
          onClose={() => {
            lab.warning.value = undefined;
          }}
        />
      )}
      {problems.value.map((problem) => (
        <Notice
          key={problem}
          kind="warning"
          text={`In the address: ${problem}.`}
          onClose={() => {
            problems.value = problems.value.filter((other) => other !== problem);
          }}
        />
      ))}
      {asked !== 'no' && (
        <Notice
          kind="info"
          text={
            asked === 'granted'
              ? 'The browser keeps the files of this page, also when the disk runs low.'
              : 'The browser made no promise: when the disk runs low it may remove the files of this page. Chromium promises it to pages that are bookmarked or installed.'
          }
          onClose={() => {
            lab.persistence.value = { persisted, asked: 'no' };
          }}
        />
      )}
    </div>
  );
}
