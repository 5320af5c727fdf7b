// Tabs over panels of which one shows: the arrow keys go from tab to tab.
import type { Signal } from '@preact/signals';

interface TabsProps<Id extends string> {
  label: string;
  tabs: readonly { id: Id; label: string }[];
  chosen: Signal<Id>;
  /** The id of a panel, less the tab's own. */
  panels: string;
}

export function Tabs<Id extends string>({ label, tabs, chosen, panels }: TabsProps<Id>) {
  const key = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const now = tabs.findIndex(({ id }) => id === chosen.value);
    const next = tabs[(now + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    chosen.value = next.id;
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <div role="tablist" aria-label={label} class="tabs">
      {tabs.map((tab) => (
        <button
          key={tab.id}
          id={`tab-${tab.id}`}
          type="button"
          role="tab"
          aria-selected={chosen.value === tab.id}
          aria-controls={`${panels}-${tab.id}`}
          tabIndex={chosen.value === tab.id ? 0 : -1}
          onClick={() => {
            chosen.value = tab.id;
          }}
          onKeyDown={key}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}
