// Shell scripts that must print the same on the lab's tree as on tmpfs. Each runs in an empty directory of its own.
// They print nothing that file systems may differ in: inode numbers, sizes of directories, order of a raw listing.

export const SCRIPTS: Readonly<Record<string, string>> = {
  'names: every length, spaces, bytes that are no UTF-8, newlines': `
    for n in a 'with space' '-dash' '"quoted"' "$(printf 'new\\nline')" "$(printf 'latin\\377')" "$(printf 'caf\\303\\251')" '*' '\\'; do
      echo "$n" > "./$n"
    done
    ls -1 | sort | od -c
    for f in ./*; do cat "$f"; done | od -c
    long=$(printf 'x%.0s' $(seq 255)); : > "$long" && ls | grep -c xxx
    ( : > "y$long" ); echo $?
    rm -f ./*; ls -A | wc -l
  `,
  'directories: nested, dot entries, not empty, counts of links': `
    mkdir -p a/b/c/d a/e; echo x > a/b/f
    stat -c '%h %F %n' a a/b a/b/c a/b/c/d a/e
    rmdir a/b 2>&1; echo $?
    rmdir a/b/c/d; stat -c '%h' a/b/c
    ls -a a/b; cd a/b/c; cd ..; pwd | sed 's/.*a/a/'; cd ../..
    mkdir a 2>&1; mkdir f/g 2>&1; mkdir a/b/f/g 2>&1
    rm -r a; ls -A
  `,
  'a directory that is removed while somebody stands in it': `
    mkdir d; cd d; rmdir ../d; ls -a; ( : > f ); echo $?; mkdir e 2>&1 | sed 's/.*: //'; cd ..; ls -A
  `,
  'hard links: counts, same content, the last one gone': `
    echo one > a; ln a b; mkdir d; ln b d/c
    stat -c '%h %s' a b d/c; echo two >> d/c; cat a b
    [ a -ef d/c ] && echo same
    rm a; stat -c '%h' b; cat b; rm b; cat d/c; stat -c '%h' d/c
    ln d e 2>&1 | sed 's/.*: //'; ln nothing e 2>&1 | sed 's/.*: //'
    echo q > q; ln d/c q 2>&1 | sed 's/.*: //'
  `,
  'symbolic links: relative, absolute, broken, loops, long': `
    echo content > f; ln -s f l; cat l; readlink l; ln -s /proc/self/cwd/f m; cat m
    ln -s nothing b; cat b 2>&1 | sed 's/.*: //'; echo made > b; cat nothing
    ln -s x y; ln -s y x; cat x 2>&1 | sed 's/.*: //'
    t=$(printf 'p%.0s' $(seq 3000)); ln -s $t long; readlink long | md5sum; stat -c '%s %F' long l
    mkdir d; ln -s d dl; echo in > dl/f; cat d/f; rm dl; ls d
  `,
  'renames: over files, into directories, over open files, into itself': `
    echo a > a; echo b > b; mv a b; cat b; ls
    mkdir d e; echo f > d/f; mv d e/; cat e/d/f; mv e/d/f e/g; ls e e/d
    mv e e/d/x 2>&1 | sed 's/.*: //'; mkdir full; echo x > full/x; mkdir empty
    mv -T empty full 2>&1 | sed 's/.*: //'; mv -T full empty; ls empty
    echo old > t; exec 3< t; echo new > n; mv n t; cat <&3; cat t; exec 3<&-
    mv b empty/; mv empty/b b; cat b
  `,
  'unlinked and open: content, size, links, written on': `
    echo first > f; exec 3<> f; rm f; ls -A; cat <&3; echo second >&3
    stat -L -c '%h %s' /proc/self/fd/3; cat /proc/self/fd/3; exec 3>&-
    echo again > f; exec 4>> f; mv f g; rm g; echo more >&4; stat -L -c '%h %s' /proc/self/fd/4; exec 4>&-; ls -A
  `,
  'truncation: shorter, longer, reads zeros, appends': `
    seq 1000 > f; truncate -s 10 f; od -c f; truncate -s 20 f; od -c f; echo end >> f; od -c f
    stat -c %s f; truncate -s 200000 f; stat -c %s f; md5sum < f; : > f; stat -c %s f
    dd if=/dev/zero of=f bs=1 count=1 seek=100000 2>/dev/null; stat -c %s f; truncate -s 5 f; truncate -s 70000 f; md5sum < f
  `,
  'sparse files: holes read zeros, and take no room': `
    dd if=/dev/zero of=s bs=1 count=0 seek=100000000 2>/dev/null; stat -c %s s; [ $(stat -c %b s) -lt 100 ] && echo small
    echo middle | dd of=s bs=1 seek=50000000 conv=notrunc 2>/dev/null; dd if=s bs=1 skip=49999996 count=12 2>/dev/null | od -c
    [ $(stat -c %b s) -lt 1000 ] && echo small; rm s
  `,
  'writing: in the middle, across pages, by small pieces, large': `
    seq 50000 > f; md5sum < f; echo MIDDLE | dd of=f bs=1 seek=65530 conv=notrunc 2>/dev/null; md5sum < f
    i=0; while [ $i -lt 300 ]; do echo "line $i" >> g; i=$((i + 1)); done; md5sum < g; wc g
    dd if=/dev/zero bs=1M count=2 2>/dev/null | tr '\\0' 'q' > h; md5sum < h; cat h h > k; stat -c %s k; cmp h k 2>&1 | sed 's/.*EOF/EOF/'
    dd if=k of=m bs=7777 2>/dev/null; cmp k m && echo same
  `,
  'modes and owners: umask, suid, sticky, setgid directories': `
    umask 027; : > f; mkdir d; stat -c '%a %n' f d; umask 022
    chmod 4755 f; stat -c '%a' f; echo x > f; stat -c '%a' f; chown 1000:1001 f; stat -c '%a %u:%g' f
    chmod 2775 d; chgrp 77 d; : > d/f; mkdir d/e; stat -c '%a %u:%g %n' d d/f d/e; chmod 1777 d; stat -c '%a %A' d
    chmod 000 f; stat -c '%A' f; chmod u=rwx,go=rx f; stat -c '%a' f
  `,
  'special files: pipes, sockets of devices, what they are': `
    mkfifo p; mknod c c 1 3; mknod b b 7 200; stat -c '%F %t:%T %a %n' p c b
    echo through > p & cat p; wait; cat c; echo gone > c; rm p c b; ls -A
  `,
  'times: set, kept over renames and reads, touched by writes': `
    echo x > f; touch -d '2001-02-03 04:05:06' f; stat -c '%X %Y' f; cat f > /dev/null; mv f g; stat -c %Y g; ln g h; stat -c %Y h
    touch -d '1970-01-01 00:00:01' g; stat -c %Y g; touch -d '2037-12-31 23:59:59' g; stat -c '%Y' g
    before=$(date +%s); echo y >> g; after=$(stat -c %Y g); [ $after -ge $before ] && [ $after -le $(date +%s) ] && echo now
    mkdir d; touch -d '2001-01-01 00:00:00' d; stat -c %Y d; : > d/f; [ $(stat -c %Y d) -ge $before ] && echo now
    touch -r h d; [ $(stat -c %Y d) = $(stat -c %Y h) ] && echo same
  `,
  'a large directory: made, counted, listed while it shrinks': `
    mkdir d; cd d; i=0; while [ $i -lt 1200 ]; do : > file-$i; i=$((i + 1)); done
    ls | wc -l; ls | sort -V | md5sum; find . -type f -name '*7' | wc -l
    find . -name '*7' -exec rm {} +; ls | wc -l; cd ..; rm -r d; ls -A | wc -l
  `,
  'appending from several processes': `
    for p in 1 2 3 4; do (i=0; while [ $i -lt 100 ]; do echo "$p $i" >> log; i=$((i + 1)); done) & done; wait
    wc -l < log; sort -n log | md5sum; cut -d' ' -f1 log | sort | uniq -c
  `,
  'errors: what is not there, what is something else': `
    cat none 2>&1 | sed 's/.*: //'; : > f; cat f/g 2>&1 | sed 's/.*: //'; ls f/ 2>&1 | sed 's/.*: //'
    mkdir d; cat d 2>&1 | sed 's/.*: //'; rm d 2>&1 | sed 's/.*: //'; rmdir f 2>&1 | sed 's/.*: //'; ( : > d ) 2>/dev/null; echo $?
    rmdir none 2>&1 | sed 's/.*: //'; mv none x 2>&1 | sed 's/.*: //'; ( set -C; echo x > f ) 2>&1 | sed 's/.*: //'
  `,
  'programs run from it, scripts and copies': `
    cp /bin/busybox .; ./busybox echo ran; cmp /bin/busybox busybox && echo same; ln -s busybox wc; printf 'a b\\n' | ./wc -w
    printf '#!/bin/sh\\necho script $1\\n' > s; chmod +x s; ./s arg; sed -i s/script/edited/ s; ./s arg; chmod -x s; ./s 2>&1 | sed 's/.*: //'
  `,
};
