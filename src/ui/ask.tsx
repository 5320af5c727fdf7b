// Questions that the page asks before it goes on: a name, a choice, a yes.
import { signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface Choice {
  id: string;
  label: string;
  kind?: 'primary' | 'danger';
}

export interface Question {
  title: string;
  body?: ComponentChildren;
  /** A line of text to be given, and what is wrong with one; undefined: nothing. */
  field?: { label: string; value: string; problem?: (text: string) => string | undefined };
  /** Something to be switched on. */
  option?: { label: string; on: boolean };
  /** The first one is what Enter means; giving up is always there. */
  choices: readonly Choice[];
}

export interface Answer {
  choice: string;
  text: string;
  on: boolean;
}

interface Asked {
  question: Question;
  answer: (answer: Answer | undefined) => void;
}

const asked = signal<Asked | undefined>(undefined);

/** Resolves with what the person chose, undefined where they gave it up. One question at a time. */
export function ask(question: Question): Promise<Answer | undefined> {
  asked.value?.answer(undefined);
  return new Promise((resolve) => {
    asked.value = {
      question,
      answer: (answer) => {
        asked.value = undefined;
        resolve(answer);
      },
    };
  });
}

function Ask({ question, answer }: Asked) {
  const dialog = useRef<HTMLDialogElement>(null);
  const text = useSignal(question.field?.value ?? '');
  const on = useSignal(question.option?.on ?? false);
  const { title, body, field, option, choices } = question;
  const problem = field?.problem?.(text.value);
  const choose = (choice: string): void => answer({ choice, text: text.value, on: on.value });

  useEffect(() => {
    const before = document.activeElement;
    const element = dialog.current as HTMLDialogElement;
    element.showModal();
    element.querySelector<HTMLInputElement>('input[type=text]')?.select();
    return () => {
      element.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  return (
    <dialog
      ref={dialog}
      class="dialog ask"
      aria-labelledby="ask-title"
      onCancel={(event) => {
        event.preventDefault();
        answer(undefined);
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const [first] = choices;
          if (problem === undefined && first) choose(first.id);
        }}
      >
        <h2 id="ask-title">{title}</h2>
        {body}
        {field && (
          <label class="field">
            {field.label}
            <input
              type="text"
              value={text.value}
              aria-invalid={problem !== undefined}
              aria-describedby="ask-problem"
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => {
                text.value = event.currentTarget.value;
              }}
            />
            <span class="problem" id="ask-problem" role="status">
              {text.value === question.field?.value ? '' : (problem ?? '')}
            </span>
          </label>
        )}
        {option && (
          <label class="check">
            <input
              type="checkbox"
              checked={on.value}
              onChange={(event) => {
                on.value = event.currentTarget.checked;
              }}
            />
            {option.label}
          </label>
        )}
        <div class="actions">
          {choices.map(({ id, label, kind }, index) => (
            <button
              key={id}
              type={index === 0 ? 'submit' : 'button'}
              class={kind ?? ''}
              disabled={problem !== undefined}
              onClick={index === 0 ? undefined : () => choose(id)}
            >
              {label}
            </button>
          ))}
          <button type="button" onClick={() => answer(undefined)}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** The question of now, if there is one. Each gets a dialog of its own. */
export function Questions() {
  const now = asked.value;
  return now === undefined ? null : <Ask key={now.question.title} {...now} />;
}
