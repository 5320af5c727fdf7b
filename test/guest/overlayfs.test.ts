// overlayfs with its upper and work directory on the mount, in the combinations that ask the most of the upper file system.
import { beforeAll, describe, expect, it } from 'vitest';
import type { GuestMachineOptions } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const OPTIONS = [
  'index=on',
  'redirect_dir=on',
  'metacopy=on,redirect_dir=on',
  'index=on,nfs_export=on',
  'index=on,redirect_dir=on,nfs_export=on',
];

/** Of the other cache policies. */
const FEW = ['metacopy=on,redirect_dir=on', 'index=on,redirect_dir=on,nfs_export=on'];

/**
 * What the layers hold, made in $lower, and what is done with them at $m. Prints nothing in which file systems differ.
 * Where one of two names is removed, the caches are dropped before the other is used: overlayfs keeps the removed name of
 * an upper inode and has FUSE ask for it again (fs/overlayfs/super.c ovl_revalidate_real), whose truthful answer is ESTALE.
 */
const WORK = `
  cd /
  say() { echo "--- $*"; }
  mkdir -p $lower/dir/sub $lower/gone $lower/again $lower/full
  echo one > $lower/a; echo two > $lower/dir/b; ln $lower/a $lower/linked; ln -s dir/b $lower/link; echo deep > $lower/dir/sub/c
  seq 20000 > $lower/big; echo x > $lower/gone/x; echo x > $lower/again/old; echo p > $lower/full/p; chmod 4711 $lower/full/p
  mkfifo $lower/pipe; mknod $lower/null c 1 3; lab-files setxattr $lower/a trusted.mine value
  mount -t overlay o -o lowerdir=$lower,upperdir=$upper,workdir=$work,$options $m && cd $m || exit
  awk '$2 == "'$m'" { print $4 }' /proc/mounts | tr , '\\n' | grep -E '^(index|redirect_dir|metacopy|nfs_export)=' | sort

  say copied up: by a write, a change of mode, of owner, of times, by a mapping
  echo more >> a; cat a linked; lab-files getxattr a trusted.mine; chmod 600 dir/b; chown 5:6 link -h; stat -c '%a %u:%g' dir/b link
  touch -d '2001-02-03 04:05:06' big; stat -c '%Y %s' big; md5sum < big; echo end >> big; tail -n 2 big; md5sum < $lower/big
  ls $lower/a > /dev/null && cat $lower/a; [ -e $upper/big ] && stat -c %s $upper/big; [ -e $upper/dir/sub ] || echo sub is not copied

  say new and removed: names, whiteouts, opaque directories
  rm a; rm -r gone; rm -r again; mkdir again; echo new > again/new; ls again; ls -A gone 2>&1 | sed 's/.*: //'; ls
  stat -c '%F %t:%T' $upper/a $upper/gone; lab-files getxattr $upper/again trusted.overlay.opaque
  echo back > a; cat a; stat -c %F $upper/a; mkdir gone; ls -A gone

  say renames: files, over others, directories of each layer
  mv dir/b b; cat b; ls dir; mv b link; cat link; mkdir made; echo m > made/m; mv made moved; cat moved/m; mv full moved/full; cat moved/full/p
  stat -c %a moved/full/p; mv dir elsewhere; cat elsewhere/sub/c; ls; mv elsewhere/sub sub; ls -A elsewhere
  lab-files getxattr $upper/sub trusted.overlay.redirect 2>/dev/null || echo without a redirect

  say links: of what is below, of what is new
  ln linked second; stat -c %h linked second; echo both >> second; cat linked; ln again/new n; rm again/new; cat n; stat -c %h n

  say files without a name, special files, programs
  exec 3<> n; rm n; echo still >&3; cat /proc/self/fd/3; exec 3>&-; echo through > pipe & cat pipe; wait; cat null
  cp /bin/busybox busybox; ./busybox echo ran; rm busybox

  say file by file
  mkdir w w/names w/swap w/many; lab-files map w/f; lab-files direct w/d; lab-files append w/a 3 40; lab-files names w/names
  lab-files swap w/swap 100; lab-files many w/many 200; rm w/d w/a; rmdir w/*; ls -A w; rmdir w

  say mounted again
  before=$(find . | sort | md5sum; find . -type f | sort | xargs md5sum | md5sum); cd /
  umount $m && mount -t overlay o -o lowerdir=$lower,upperdir=$upper,workdir=$work,$options $m && cd $m || exit
  after=$(find . | sort | md5sum; find . -type f | sort | xargs md5sum | md5sum); [ "$before" = "$after" ] && echo the same
  case $options in *nfs_export=on*) lab-files handle $m/big && lab-files handle $m/sub/c && lab-files handle $m/moved/m && echo handles;; esac
  find . | sort; cat link second
  rm linked; sync; echo 2 > /proc/sys/vm/drop_caches; cat second; stat -c %h second
  rm -rf ./*; ls -A; cd /; umount $m; ls $upper | wc -l; rm -rf $upper $work $lower; echo that was all
`;

function overlays(options: GuestMachineOptions, combinations: readonly string[]): void {
  const guest = useGuest(options);

  beforeAll(async () => {
    expect(await guest().run('mkdir /tmp/m; dmesg -c > /dev/null')).toMatchObject({ status: 0 });
  }, BOOT_TIMEOUT);

  /** Upper and work directory in `top`, what is below in `below`. */
  const run = (top: string, below: string, combination: string) =>
    guest().run(
      `top=${top}; lower=${below}/lower upper=$top/upper work=$top/work m=/tmp/m options=${combination}
       mkdir -p $lower $upper $work; ( ${WORK} ) 2>&1`,
    );

  /** What is said with the upper layer on the mount, which is what is said with it on tmpfs; overlayfs complains of nothing. */
  const compare = async (top: string, below: string, combination: string): Promise<string> => {
    const ours = await run(top, below, combination);
    const dmesg = await guest().run('dmesg -c | grep -i overlay');
    expect(dmesg.stdout).toBe('');
    const theirs = await run('/tmp', '/tmp', combination);
    expect(ours.stdout.split('\n')).toEqual(theirs.stdout.split('\n'));
    expect(ours.stdout).toMatch(/^that was all\n$/m);
    expect(ours.stdout).not.toMatch(/lab-files: |not found|can't/);
    await guest().run('dmesg -c');
    return ours.stdout;
  };

  for (const combination of combinations) {
    it(
      `${combination}: stays on, and does what it does on tmpfs`,
      async () => {
        const said = await compare('/mnt/lab', '/tmp', combination);
        for (const option of combination.split(',')) expect(said).toMatch(new RegExp(`^${option}$`, 'm'));
      },
      BOOT_TIMEOUT,
    );

    it(
      `${combination}: with the lower layer on the mount too`,
      async () => {
        await compare('/mnt/lab', '/mnt/lab', combination);
      },
      BOOT_TIMEOUT,
    );
  }
}

describe('overlayfs on the mount', () => overlays({}, OPTIONS));
describe('overlayfs on the mount, everything cached and written back', () =>
  overlays({ cache: 'always', writeback: true }, FEW));
describe('overlayfs on the mount, nothing cached', () => overlays({ cache: 'never' }, FEW));
