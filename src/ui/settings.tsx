// The options of the lab, in a popover: applying them loads the page anew with them in its address.
import type { CacheMode, HandleMode, LabOptions, Like } from '../lab/messages.ts';
import { Icon } from './icons.tsx';
import type { Lab } from './lab-client.ts';
import { CACHE_MODES, CHUNK_CACHE, HANDLE_MODES, LIKES, LIMIT, MEMORY, optionsQuery } from './options.ts';
import { setTheme, THEMES, type Theme, theme } from './theme.ts';

const CACHE_WORDS: Readonly<Record<CacheMode, string>> = {
  never: 'never: ask for everything, every time',
  metadata: 'metadata: names and attributes are kept, bytes are not',
  auto: 'auto: believe names and attributes for a second',
  always: 'always: nobody else changes this tree',
};

const LIKE_WORDS: Readonly<Record<Like, string>> = {
  virtiofsd: "as QEMU's virtiofsd does, protocol 7.36",
};

const HANDLE_WORDS: Readonly<Record<HandleMode, string>> = {
  never: 'a table that pins what is looked up (never)',
  prefer: 'a table of handles, else pins (prefer)',
  mandatory: 'a table of handles alone (mandatory)',
};

const THEME_WORDS: Readonly<Record<Theme, string>> = { system: 'As the system', light: 'Light', dark: 'Dark' };

function apply(form: HTMLFormElement, options: LabOptions): void {
  const data = new FormData(form);
  const text = (name: string): string => String(data.get(name));
  const chosen: LabOptions = {
    ...options,
    cache: text('cache') as CacheMode,
    writeback: data.has('writeback'),
    locks: data.has('locks'),
    like: LIKES.find((name) => name === text('like')),
    handles: HANDLE_MODES.find((name) => name === text('handles')),
    reuse: data.has('reuse'),
    memory: Number(text('memory')),
    limit: text('limit') === '' ? undefined : Number(text('limit')),
    chunkCache: Number(text('chunkCache')),
    tree: text('tree'),
  };
  location.search = optionsQuery(chosen, location.search);
}

export function Settings({ lab }: { lab: Lab }) {
  const { options } = lab;
  const tree = lab.treeName.value;
  return (
    <>
      <button type="button" class="tool" popovertarget="settings" title="Cache policy, tree, memory, colours">
        <Icon name="settings" />
        Settings
      </button>
      <div id="settings" popover="auto" class="popover" role="dialog" aria-labelledby="settings-title">
        <h2 id="settings-title">Settings</h2>
        <fieldset class="choices">
          <legend>Colours</legend>
          {THEMES.map((name) => (
            <label key={name}>
              <input type="radio" name="theme" checked={theme.value === name} onChange={() => setTheme(name)} />
              <Icon name={name} />
              {THEME_WORDS[name]}
            </label>
          ))}
        </fieldset>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            apply(event.currentTarget, options);
          }}
        >
          <label>
            Cache policy of the mount
            <select name="cache" value={options.cache}>
              {CACHE_MODES.map((mode) => (
                <option key={mode} value={mode}>
                  {CACHE_WORDS[mode]}
                </option>
              ))}
            </select>
          </label>
          <label class="check">
            <input type="checkbox" name="writeback" defaultChecked={options.writeback} />
            Writeback: the guest keeps what is written and sends it later
          </label>
          <label class="check">
            <input type="checkbox" name="locks" defaultChecked={options.locks} />
            Locks: the server keeps file locks, in place of the guest
          </label>
          <label>
            Requests are answered
            <select name="like" value={options.like ?? ''}>
              <option value="">in our own way, protocol 7.41</option>
              {LIKES.map((name) => (
                <option key={name} value={name}>
                  {LIKE_WORDS[name]}
                </option>
              ))}
            </select>
          </label>
          <label>
            Nodeids stand for inodes by
            <select name="handles" value={options.handles ?? ''}>
              <option value="">their own numbers, which last</option>
              {HANDLE_MODES.map((name) => (
                <option key={name} value={name}>
                  {HANDLE_WORDS[name]}
                </option>
              ))}
            </select>
          </label>
          <label class="check">
            <input type="checkbox" name="reuse" defaultChecked={options.reuse} />
            Inode numbers are used again, the lowest free one first
          </label>
          <div class="row">
            <label>
              Tree
              <input
                name="tree"
                defaultValue={tree}
                required
                maxLength={64}
                pattern="[\w.\-]+"
                title="Letters, digits, dots, dashes. A name that is not known yet makes an empty tree."
                autocomplete="off"
                spellcheck={false}
              />
            </label>
            <label>
              Guest memory, MiB
              <input
                name="memory"
                type="number"
                defaultValue={String(options.memory)}
                min={MEMORY.min}
                max={MEMORY.max}
                step={1}
                required
              />
            </label>
          </div>
          <div class="row">
            <label>
              Limit of the files, MiB
              <input
                name="limit"
                type="number"
                defaultValue={options.limit === undefined ? '' : String(options.limit)}
                placeholder="what the browser gives"
                min={LIMIT.min}
                max={LIMIT.max}
                step={1}
                title="So much the files of the tree may take: more is “No space left on device”"
              />
            </label>
            <label>
              Files in memory, MiB
              <input
                name="chunkCache"
                type="number"
                defaultValue={String(options.chunkCache)}
                min={CHUNK_CACHE.min}
                max={CHUNK_CACHE.max}
                step={1}
                required
                title="Content of files that is kept in memory; more than that is read from the browser’s storage again"
              />
            </label>
          </div>
          <p class="small">These are part of the address, so a link keeps them. Applying them restarts the guest.</p>
          <div class="actions">
            <button type="submit" class="primary">
              Apply and reload
            </button>
          </div>
        </form>
      </div>
    </>
  );
}
