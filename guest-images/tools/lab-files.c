// SPDX-License-Identifier: MIT
/*
 * lab-files: what shell tools cannot do to files, each with its checks.
 *
 *   lab-files setxattr PATH NAME VALUE   also of a link itself
 *   lab-files getxattr PATH NAME         prints the value
 *   lab-files listxattr PATH             prints the names, one a line
 *   lab-files handle PATH                name_to_handle_at, caches dropped, open_by_handle_at: the same file
 *   lab-files map FILE                   shared and private mappings against read, write and truncate
 *   lab-files mapped FILE SIZE           a new file that only a mapping has written
 *   lab-files direct FILE                O_DIRECT reads and writes, of any address, length and offset
 *   lab-files append FILE PROCESSES LINES
 *                                        lines that processes append at once: all are there, whole
 *   lab-files swap DIR ROUNDS            RENAME_EXCHANGE of two files while readers look: always one or the other, whole
 *   lab-files many DIR COUNT             files of one directory: made, listed, looked at, removed in slices
 *   lab-files offsets DIR COUNT          where readdir goes on: from each entry's d_off, also after others were removed
 *   lab-files names DIR                  names of 255 bytes, every byte that a name may have
 *   lab-files deep DIR                   paths of PATH_MAX - 1 bytes, and one byte more
 *   lab-files links DIR COUNT            names of one file: link counts on the way up and down
 *   lab-files sparse FILE SIZE           a sparse file of SIZE bytes (k, m, g): holes, blocks, seeks, punched
 *
 * Ends with 0 and, where nothing else is said above, prints nothing when all was as POSIX and Linux have it.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PAGE = 4096 };

static const char *running = "lab-files";

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "lab-files: %s: ", running);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (errno: %s)\n", strerror(error));
	exit(1);
}

#define check(condition) ((condition) ? (void)0 : fail("line %d: not so: %s", __LINE__, #condition))
/* That a call fails, and how. */
#define fails(call, error) (errno = 0, check((call) < 0 && errno == (error)))

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	sync();
	check(fd >= 0 && write(fd, "3", 1) == 1);
	close(fd);
}

static int open_new(const char *path, int flags)
{
	int fd = open(path, flags | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		fail("cannot make %s", path);
	return fd;
}

static off_t size_of(const char *path)
{
	struct stat st;

	check(stat(path, &st) == 0);
	return st.st_size;
}

static long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (n <= 0 || *end)
		fail("%s is no number above 0", text);
	return n;
}

/* --- xattrs and handles --- */

static void set_xattr(char **args)
{
	if (lsetxattr(args[0], args[1], args[2], strlen(args[2]), 0))
		fail("%s of %s", args[1], args[0]);
}

static void get_xattr(char **args)
{
	static char value[65536];
	ssize_t n = lgetxattr(args[0], args[1], value, sizeof value);

	if (n < 0)
		fail("%s of %s", args[1], args[0]);
	fwrite(value, 1, n, stdout);
	putchar('\n');
}

static void list_xattrs(char **args)
{
	static char names[65536];
	ssize_t n = llistxattr(args[0], names, sizeof names);

	if (n < 0)
		fail("list of %s", args[0]);
	for (ssize_t at = 0; at < n; at += strlen(names + at) + 1)
		puts(names + at);
}

static void handle(char **args)
{
	struct file_handle *fh = malloc(sizeof *fh + MAX_HANDLE_SZ);
	struct stat before, after;
	char *slash, dir[PATH_MAX];
	int mount, at, fd;

	fh->handle_bytes = MAX_HANDLE_SZ;
	check(stat(args[0], &before) == 0);
	if (name_to_handle_at(AT_FDCWD, args[0], fh, &mount, 0))
		fail("no handle of %s", args[0]);
	drop_caches();
	snprintf(dir, sizeof dir, "%s", args[0]);
	slash = strrchr(dir, '/');
	check(slash != NULL);
	*slash = 0;
	at = open(dir, O_RDONLY | O_DIRECTORY);
	fd = open_by_handle_at(at, fh, O_RDONLY);
	if (fd < 0)
		fail("the handle of %s does not open", args[0]);
	check(fstat(fd, &after) == 0);
	check(before.st_ino == after.st_ino && before.st_dev == after.st_dev && before.st_size == after.st_size);
}

/* --- mappings --- */

static sigjmp_buf trap;

static void on_bus(int signal)
{
	siglongjmp(trap, signal);
}

/* Whether touching the address ends in SIGBUS. */
static int bus_error(volatile char *address)
{
	struct sigaction action = { .sa_handler = on_bus }, old;
	int hit;

	sigaction(SIGBUS, &action, &old);
	hit = sigsetjmp(trap, 1);
	if (!hit)
		(void)*address;
	sigaction(SIGBUS, &old, NULL);
	return hit == SIGBUS;
}

static void *map(int fd, size_t length, int protection, int flags)
{
	void *address = mmap(NULL, length, protection, flags, fd, 0);

	if (address == MAP_FAILED)
		fail("mmap of %zu bytes", length);
	return address;
}

static void mappings(char **args)
{
	enum { LENGTH = 5 * PAGE };
	static char page[PAGE], back[LENGTH];
	int fd = open_new(args[0], O_RDWR), reader;
	char *shared, *other, *private, *after;

	memset(page, 'a', PAGE);
	for (int i = 0; i < 3; i++)
		check(write(fd, page, PAGE) == PAGE);
	check(write(fd, page, 100) == 100);
	shared = map(fd, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED);
	other = map(fd, LENGTH, PROT_READ, MAP_SHARED);
	private = map(fd, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	check(shared[0] == 'a' && shared[3 * PAGE + 99] == 'a');
	/* The rest of the last page is zero, and a page behind it is none. */
	check(shared[3 * PAGE + 100] == 0 && shared[4 * PAGE - 1] == 0);
	check(bus_error(shared + 4 * PAGE));

	/* What is written through the one mapping shows in the other, and in what was not touched of a private one. */
	strcpy(shared + PAGE, "mapped");
	check(!strcmp(other + PAGE, "mapped"));
	check(pwrite(fd, "written", 8, 2 * PAGE) == 8);
	check(!strcmp(shared + 2 * PAGE, "written") && !strcmp(other + 2 * PAGE, "written"));
	strcpy(private, "private");
	check(shared[0] == 'a' && pread(fd, back, 1, 0) == 1 && back[0] == 'a');
	check(pwrite(fd, "X", 1, 0) == 1 && private[0] == 'p' && shared[0] == 'X');

	/* msync, then another open file. */
	check(msync(shared, LENGTH, MS_SYNC) == 0);
	reader = open(args[0], O_RDONLY);
	check(pread(reader, back, 7, PAGE) == 7 && !strcmp(back, "mapped"));
	check(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES);

	/* Cut off under the mapping: SIGBUS from the next page on, zeros in the rest of the last one. */
	check(ftruncate(fd, PAGE + 10) == 0);
	check(bus_error(shared + 2 * PAGE) && bus_error(other + 3 * PAGE));
	check(!strcmp(shared + PAGE, "mapped") && shared[PAGE + 10] == 0);
	strcpy(shared + PAGE + 20, "behind the end");
	/* Grown again: what was behind the end must not come back, in the mapping and in the file. */
	check(msync(shared, 2 * PAGE, MS_SYNC) == 0 || errno == ENOMEM);
	check(ftruncate(fd, LENGTH) == 0);
	check(pread(fd, back, LENGTH, 0) == LENGTH && !strcmp(back + PAGE, "mapped"));
	for (int i = 2 * PAGE; i < LENGTH; i++)
		check(back[i] == 0);
	check(shared[4 * PAGE] == 0 && !bus_error(shared + LENGTH - 1));
	strcpy(shared + 4 * PAGE, "last page");
	check(munmap(shared, LENGTH) == 0 && munmap(other, LENGTH) == 0 && munmap(private, LENGTH) == 0);

	/* A mapping outlives its descriptor and the name. */
	after = map(fd, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED);
	check(close(fd) == 0);
	strcpy(after + 3 * PAGE, "after close");
	check(munmap(after, LENGTH) == 0);
	drop_caches();
	check(pread(reader, back, LENGTH, 0) == LENGTH);
	check(!strcmp(back + 4 * PAGE, "last page") && !strcmp(back + 3 * PAGE, "after close"));
	after = map(reader, LENGTH, PROT_READ, MAP_SHARED);
	check(unlink(args[0]) == 0 && close(reader) == 0);
	drop_caches();
	check(!strcmp(after + 3 * PAGE, "after close"));
}

static off_t bytes_of(const char *text)
{
	char *end;
	off_t n = strtoll(text, &end, 10);

	if (*end == 'k' || *end == 'm' || *end == 'g')
		n <<= *end == 'k' ? 10 : *end == 'm' ? 20 : 30;
	return n;
}

static void mapped(char **args)
{
	size_t size = bytes_of(args[1]);
	int fd = open_new(args[0], O_RDWR);
	char *bytes;

	check(ftruncate(fd, size) == 0);
	bytes = map(fd, size, PROT_READ | PROT_WRITE, MAP_SHARED);
	for (size_t i = 0; i < size; i++)
		bytes[i] = i * 13 + (i >> 10);
	check(munmap(bytes, size) == 0 && close(fd) == 0);
}

/* --- direct I/O --- */

static void direct(char **args)
{
	enum { LENGTH = 3 << 20 };
	char *buffer, *back;
	int fd = open_new(args[0], O_RDWR | O_DIRECT), cached;

	check(posix_memalign((void **)&buffer, PAGE, LENGTH + PAGE) == 0);
	check(posix_memalign((void **)&back, PAGE, LENGTH + PAGE) == 0);
	for (int i = 0; i < LENGTH; i++)
		buffer[i] = i * 31 + (i >> 12);
	/* More than one request holds, then the end of the file in the middle of a block. */
	check(write(fd, buffer, LENGTH) == LENGTH && size_of(args[0]) == LENGTH);
	check(pread(fd, back, LENGTH, 0) == LENGTH && !memcmp(buffer, back, LENGTH));
	check(pread(fd, back, LENGTH, LENGTH - 100) == 100 && !memcmp(back, buffer + LENGTH - 100, 100));
	check(pread(fd, back, PAGE, LENGTH) == 0);

	/* Neither address nor length nor offset has to be aligned. */
	check(pwrite(fd, buffer + 1, 4097, 12345) == 4097);
	memmove(buffer + 12345, buffer + 1, 4097);
	check(pread(fd, back + 3, 100001, 7) == 100001 && !memcmp(back + 3, buffer + 7, 100001));

	/* Beside the page cache: each sees what the other wrote. */
	cached = open(args[0], O_RDWR);
	check(pread(cached, back, LENGTH, 0) == LENGTH && !memcmp(buffer, back, LENGTH));
	check(pwrite(fd, "direct", 6, 2 * PAGE) == 6);
	check(pread(cached, back, 6, 2 * PAGE) == 6 && !memcmp(back, "direct", 6));
	check(pwrite(cached, "cached", 6, 3 * PAGE) == 6);
	check(pread(fd, back, 6, 3 * PAGE) == 6 && !memcmp(back, "cached", 6));
	memcpy(buffer + 2 * PAGE, "direct", 6);
	memcpy(buffer + 3 * PAGE, "cached", 6);

	/* Appended directly, in several requests. */
	check(fcntl(fd, F_SETFL, O_DIRECT | O_APPEND) == 0);
	check(write(fd, buffer, LENGTH) == LENGTH && size_of(args[0]) == 2 * LENGTH);
	drop_caches();
	check(pread(cached, back, LENGTH, 0) == LENGTH && !memcmp(buffer, back, LENGTH));
	check(pread(cached, back, LENGTH, LENGTH) == LENGTH && !memcmp(buffer, back, LENGTH));
	check(ftruncate(fd, 5) == 0 && pread(fd, back, PAGE, 0) == 5);
}

/* --- several processes --- */

static void wait_all(int processes)
{
	int status;

	while (processes--) {
		check(wait(&status) > 0);
		if (status)
			exit(1);
	}
}

enum { LINE = 64 };

static void line_of(char *line, int process, int i)
{
	/* Of differing lengths, so that a line that is overwritten in part cannot go unseen. */
	int length = snprintf(line, LINE, "%d %d ", process, i);
	int wanted = length + (process * 7 + i) % 40;

	while (length < wanted)
		line[length++] = 'a' + (process + i) % 26;
	line[length++] = '\n';
	line[length] = 0;
}

static void append(char **args)
{
	int processes = number(args[1]), lines = number(args[2]);
	int *next = calloc(processes, sizeof *next);
	char line[LINE], expected[LINE];
	int count = 0, process, i;
	FILE *file;

	close(open_new(args[0], O_WRONLY));
	for (process = 0; process < processes; process++) {
		if (fork())
			continue;
		for (i = 0; i < lines; i++) {
			int fd = open(args[0], O_WRONLY | O_APPEND);

			line_of(line, process, i);
			check(write(fd, line, strlen(line)) == (ssize_t)strlen(line));
			close(fd);
		}
		exit(0);
	}
	wait_all(processes);
	file = fopen(args[0], "r");
	while (fgets(line, sizeof line, file)) {
		check(sscanf(line, "%d %d", &process, &i) == 2 && process >= 0 && process < processes);
		check(i == next[process]++);
		line_of(expected, process, i);
		check(!strcmp(line, expected));
		count++;
	}
	check(count == processes * lines);
	fclose(file);
}

enum { SWAPPED = 40000 };

static void read_whole(const char *name, char *content)
{
	int fd = open(name, O_RDONLY), n, length = 0;

	if (fd < 0)
		fail("%s is not there", name);
	while ((n = read(fd, content + length, 7000)) > 0)
		length += n;
	check(n == 0 && length == SWAPPED);
	for (int i = 1; i < SWAPPED; i++)
		check(content[i] == content[0]);
	check(content[0] == 'a' || content[0] == 'b');
	close(fd);
}

static void swap(char **args)
{
	static char content[SWAPPED + 7000];
	int rounds = number(args[1]), readers = 3, stop[2], started[2];

	check(chdir(args[0]) == 0 && pipe(stop) == 0 && pipe(started) == 0);
	for (int i = 0; i < 2; i++) {
		int fd = open_new(i ? "b" : "a", O_WRONLY);

		memset(content, 'a' + i, SWAPPED);
		check(write(fd, content, SWAPPED) == SWAPPED);
		close(fd);
	}
	for (int i = 0; i < readers; i++) {
		if (fork())
			continue;
		close(stop[1]);
		fcntl(stop[0], F_SETFL, O_NONBLOCK);
		for (int seen = 0; read(stop[0], content, 1) < 0; seen++) {
			read_whole(i & 1 ? "a" : "b", content);
			if (!seen)
				check(write(started[1], "r", 1) == 1);
		}
		exit(0);
	}
	for (int i = 0; i < readers; i++)
		check(read(started[0], content, 1) == 1);
	for (int i = 0; i < rounds; i++) {
		check(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2 /* RENAME_EXCHANGE */) == 0);
		if (i % 16 == 0)
			usleep(1000);
	}
	close(stop[1]);
	wait_all(readers);
	read_whole("a", content);
	check(content[0] == (rounds % 2 ? 'b' : 'a'));
	read_whole("b", content);
	check(content[0] == (rounds % 2 ? 'a' : 'b'));
	check(unlink("a") == 0 && unlink("b") == 0);
}

/* --- many --- */

static int name_number(const char *name)
{
	int i;

	return sscanf(name, "file-%d", &i) == 1 ? i : -1;
}

/* Lists, and checks that exactly the files from `first` on are there, each once. */
static void list_from(int first, int count)
{
	char *seen = calloc(count, 1);
	DIR *dir = opendir(".");
	struct dirent *entry;
	int found = 0, dots = 0;

	check(dir != NULL);
	errno = 0;
	while ((entry = readdir(dir))) {
		int i = name_number(entry->d_name);

		if (entry->d_name[0] == '.') {
			dots++;
			continue;
		}
		check(i >= first && i < count && !seen[i] && entry->d_type == DT_REG);
		seen[i] = 1;
		found++;
	}
	check(errno == 0 && found == count - first && dots == 2);
	closedir(dir);
	free(seen);
}

static void many(char **args)
{
	enum { SLICES = 10 };
	int count = number(args[1]);
	struct stat st;
	char name[32];

	check(chdir(args[0]) == 0);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		close(open_new(name, O_WRONLY));
		if (i % (count / 5) == 0)
			list_from(0, i + 1);
	}
	list_from(0, count);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		check(stat(name, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1);
	}
	for (int slice = 0; slice < SLICES; slice++) {
		int to = (long long)count * (slice + 1) / SLICES;

		for (int i = (long long)count * slice / SLICES; i < to; i++) {
			snprintf(name, sizeof name, "file-%d", i);
			check(unlink(name) == 0);
		}
		list_from(to, count);
		if (to > 0) {
			snprintf(name, sizeof name, "file-%d", to - 1);
			fails(stat(name, &st), ENOENT);
		}
	}
}

struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* The number of the first file that is listed from an offset on, -1 at the end. */
static int next_from(int fd, off_t offset, off_t *behind)
{
	static char buffer[1024];
	int at, n;

	check(lseek(fd, offset, SEEK_SET) == offset);
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
		for (at = 0; at < n; at += ((struct entry *)(buffer + at))->length) {
			struct entry *entry = (struct entry *)(buffer + at);

			*behind = entry->off;
			if (entry->name[0] != '.')
				return name_number(entry->name);
		}
	}
	check(n == 0);
	return -1;
}

static void offsets(char **args)
{
	int count = number(args[1]), fd, file, *order = malloc(count * sizeof *order), listed = 0, again;
	off_t *before = malloc((count + 1) * sizeof *before), behind;
	char name[32];

	check(chdir(args[0]) == 0);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		close(open_new(name, O_WRONLY));
	}
	fd = open(".", O_RDONLY | O_DIRECTORY);
	before[0] = 0;
	while ((file = next_from(fd, before[listed], &behind)) >= 0) {
		check(listed < count);
		order[listed++] = file;
		check(behind > 0 && behind <= INT32_MAX);
		before[listed] = behind;
	}
	check(listed == count);
	/* From any entry on, in any order, and from another open of the directory. */
	close(fd);
	drop_caches();
	fd = open(".", O_RDONLY | O_DIRECTORY);
	for (int i = count - 1; i >= 0; i -= 3)
		check(next_from(fd, before[i], &behind) == order[i] && behind == before[i + 1]);
	/* Every second one goes, and as many are new: nobody is listed twice, nobody who stays is left out. */
	for (int i = 0; i < count; i += 2) {
		snprintf(name, sizeof name, "file-%d", order[i]);
		check(unlink(name) == 0);
		snprintf(name, sizeof name, "file-%d", count + i);
		close(open_new(name, O_WRONLY));
	}
	for (int i = 0; i + 2 < count; i += 2) {
		again = next_from(fd, before[i], &behind);
		check(again == order[i + 1] || again >= count);
	}
	listed = 0;
	for (behind = 0; (file = next_from(fd, behind, &behind)) >= 0;)
		listed++;
	check(listed == count);
	close(fd);
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "file-%d", i % 2 ? order[i] : count + i);
		check(unlink(name) == 0);
	}
}

static void names(char **args)
{
	/* Two names of 255 bytes hold every byte but NUL and the slash. */
	char name[2][NAME_MAX + 2];
	struct dirent *entry;
	struct stat st;
	int at = 0, found = 0;
	DIR *dir;

	check(chdir(args[0]) == 0);
	memset(name, 0, sizeof name);
	memset(name[0], 'x', NAME_MAX);
	memset(name[1], 'y', NAME_MAX);
	for (int byte = 1; byte < 256; byte++) {
		if (byte != '/') {
			name[at % 2][64 + at / 2] = byte;
			at++;
		}
	}
	for (int i = 0; i < 2; i++)
		close(open_new(name[i], O_WRONLY));
	drop_caches();
	dir = opendir(".");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			check(!strcmp(entry->d_name, name[entry->d_name[0] == 'y']) && ++found);
	}
	check(found == 2);
	closedir(dir);
	for (int i = 0; i < 2; i++) {
		check(stat(name[i], &st) == 0);
		name[i][NAME_MAX] = 'z';
		fails(stat(name[i], &st), ENAMETOOLONG);
		fails(open(name[i], O_WRONLY | O_CREAT, 0644), ENAMETOOLONG);
		fails(mkdir(name[i], 0755), ENAMETOOLONG);
		fails(symlink("x", name[i]), ENAMETOOLONG);
		fails(rename(name[!i], name[i]), ENAMETOOLONG);
		name[i][NAME_MAX] = 0;
	}
	check(unlink(name[0]) == 0 && unlink(name[1]) == 0);
	/* One byte each. */
	for (int byte = 1; byte < 256; byte++) {
		char one[2] = { byte };

		if (byte != '/' && byte != '.')
			check(mkdir(one, 0755) == 0);
	}
	drop_caches();
	for (int byte = 1; byte < 256; byte++) {
		char one[2] = { byte };

		if (byte != '/' && byte != '.')
			check(stat(one, &st) == 0 && rmdir(one) == 0);
	}
}

static void deep(char **args)
{
	char path[PATH_MAX + 2], back[PATH_MAX + 2];
	size_t length, depth = 0;
	struct stat st;
	int fd, top;

	/* From the working directory, so that each path begins in the tree: "d/d/…/name" with PATH_MAX - 1 bytes. */
	check(chdir(args[0]) == 0);
	top = open(".", O_RDONLY | O_DIRECTORY);
	for (length = 0; length + 2 < PATH_MAX - 1 - 100; depth++) {
		/* Step by step: where nothing is cached, each path costs a request for each of its parts. */
		check(mkdir("d", 0755) == 0 && chdir("d") == 0);
		path[length++] = 'd';
		path[length++] = '/';
	}
	check(fchdir(top) == 0 && close(top) == 0);
	memset(path + length, 'n', PATH_MAX - 1 - length);
	path[PATH_MAX - 1] = 0;
	close(open_new(path, O_WRONLY));
	drop_caches();
	check(stat(path, &st) == 0 && S_ISREG(st.st_mode));
	path[PATH_MAX - 1] = 'n';
	path[PATH_MAX] = 0;
	fails(stat(path, &st), ENAMETOOLONG);
	path[PATH_MAX - 1] = 0;

	/* A symbolic link of as many bytes leads there; one byte more makes none. */
	fails(symlink((path[PATH_MAX - 1] = 'n', path), "long"), ENAMETOOLONG);
	path[PATH_MAX - 1] = 0;
	check(symlink(path, "long") == 0);
	drop_caches();
	check(readlink("long", back, sizeof back) == PATH_MAX - 1 && !memcmp(path, back, PATH_MAX - 1));
	check(stat("long", &st) == 0 && lstat("long", &st) == 0 && st.st_size == PATH_MAX - 1);
	check(unlink("long") == 0 && unlink(path) == 0);

	/* Further down than any path reaches, by the working directory, and up again. */
	path[length - 1] = 0;
	check(chdir(path) == 0);
	for (int i = 0; i < 50; i++)
		check(mkdir("further", 0755) == 0 && chdir("further") == 0);
	fd = open_new("file", O_WRONLY);
	check(write(fd, "deep", 4) == 4 && close(fd) == 0);
	drop_caches();
	check(size_of("file") == 4 && unlink("file") == 0);
	for (int i = 0; i < 50; i++)
		check(chdir("..") == 0 && rmdir("further") == 0);
	for (; depth; depth--)
		check(chdir("..") == 0 && rmdir("d") == 0);
}

static void links(char **args)
{
	int count = number(args[1]);
	struct stat st;
	char name[32];

	check(chdir(args[0]) == 0);
	close(open_new("link-0", O_WRONLY));
	for (int i = 1; i < count; i++) {
		snprintf(name, sizeof name, "link-%d", i);
		check(link("link-0", name) == 0);
		if (i % 1000 == 0)
			check(stat(name, &st) == 0 && (int)st.st_nlink == i + 1);
	}
	drop_caches();
	check(stat("link-0", &st) == 0 && (int)st.st_nlink == count);
	for (int i = 0; i < count - 1; i++) {
		snprintf(name, sizeof name, "link-%d", i);
		check(unlink(name) == 0);
		if (i % 1000 == 0) {
			snprintf(name, sizeof name, "link-%d", count - 1);
			check(stat(name, &st) == 0 && (int)st.st_nlink == count - 1 - i);
		}
	}
	snprintf(name, sizeof name, "link-%d", count - 1);
	check(stat(name, &st) == 0 && st.st_nlink == 1 && unlink(name) == 0);
	fails(stat(name, &st), ENOENT);
}

/* --- sparse --- */

static void sparse(char **args)
{
	off_t size = bytes_of(args[1]), hole, data;
	int fd = open_new(args[0], O_RDWR);
	struct stat st;
	char back[16];
	/* Pieces that are far apart, on both sides of 2 GiB where the file has it. */
	off_t at[] = { 0, size / 3, size / 2 + 12345, size - 10 };
	enum { PIECES = 4 };

	check(ftruncate(fd, size) == 0 && fstat(fd, &st) == 0 && st.st_size == size && st.st_blocks == 0);
	/* With writeback the server may be behind while the file is open for writing: EINVAL then, "reads will tell". */
	errno = 0;
	check(lseek(fd, 0, SEEK_DATA) == -1 && (errno == ENXIO || errno == EINVAL));
	if (errno == ENXIO)
		check(lseek(fd, 5, SEEK_HOLE) == 5);
	for (int i = 0; i < PIECES; i++)
		check(pwrite(fd, "piece", 5, at[i]) == 5);
	check(fsync(fd) == 0 && fstat(fd, &st) == 0 && st.st_size == size && close(fd) == 0);
	/* With writeback the kernel does not learn how much room a file takes while it has the inode. */
	drop_caches();
	check((fd = open(args[0], O_RDONLY)) >= 0 && fstat(fd, &st) == 0 && st.st_size == size);
	check(st.st_blocks > 0 && st.st_blocks < PIECES * 2048);
	for (int i = 0; i < PIECES; i++) {
		check(pread(fd, back, 5, at[i]) == 5 && !memcmp(back, "piece", 5));
		/* Between the pieces zeros. */
		check(pread(fd, back, 5, at[i] + (i < PIECES - 1 ? size / 10 : 5)) == 5 && !memcmp(back, "\0\0\0\0\0", 5));
		/* Data is said to be no later than where it is, and ends before the next piece. */
		data = lseek(fd, at[i], SEEK_DATA);
		check(data == at[i]);
		hole = lseek(fd, at[i], SEEK_HOLE);
		check(hole > at[i] + 4 && hole <= (i < PIECES - 1 ? at[i + 1] : size));
	}
	check(lseek(fd, size - 1, SEEK_HOLE) == size);
	errno = 0;
	check(lseek(fd, size, SEEK_DATA) == -1 && errno == ENXIO);
	errno = 0;
	check(lseek(fd, size, SEEK_HOLE) == -1 && errno == ENXIO);

	check(close(fd) == 0 && (fd = open(args[0], O_RDWR)) >= 0);
	/* A hole is punched: zeros, less room, the same size. */
	check(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, size / 3 - 1000000, 2000000) == 0);
	data = st.st_blocks;
	check(fstat(fd, &st) == 0 && st.st_blocks < data && st.st_size == size);
	check(pread(fd, back, 5, at[1]) == 5 && !memcmp(back, "\0\0\0\0\0", 5));
	check(pread(fd, back, 5, at[2]) == 5 && !memcmp(back, "piece", 5));
	/* Cut off behind the third piece. */
	check(ftruncate(fd, at[2] + 5) == 0 && lseek(fd, 0, SEEK_END) == at[2] + 5);
	check(pread(fd, back, 16, at[2]) == 5);
	check(ftruncate(fd, size) == 0 && pread(fd, back, 5, at[3]) == 5 && !memcmp(back, "\0\0\0\0\0", 5));
	check(close(fd) == 0 && unlink(args[0]) == 0);
}

static const struct {
	const char *name;
	int args;
	void (*run)(char **args);
} commands[] = {
	{ "setxattr", 3, set_xattr }, { "getxattr", 2, get_xattr }, { "listxattr", 1, list_xattrs },
	{ "handle", 1, handle },      { "map", 1, mappings },	    { "direct", 1, direct },
	{ "mapped", 2, mapped },
	{ "append", 3, append },      { "swap", 2, swap },	    { "many", 2, many },
	{ "offsets", 2, offsets },
	{ "names", 1, names },	      { "deep", 1, deep },	    { "links", 2, links },
	{ "sparse", 2, sparse },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(argv[1], commands[i].name) || argc - 2 != commands[i].args)
			continue;
		running = argv[1];
		commands[i].run(argv + 2);
		return 0;
	}
	fprintf(stderr, "usage: lab-files COMMAND ARGUMENT... (commands: setxattr getxattr listxattr handle map mapped direct append"
			" swap many offsets names deep links sparse)\n");
	return 2;
}
