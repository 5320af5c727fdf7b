// SPDX-License-Identifier: MIT
/*
 * lab-stress: seeded random file operations by several processes in one directory, which check what they can know.
 *
 *   lab-stress DIR PROCESSES OPERATIONS SEED [MEGABYTES]
 *
 * Each process has a directory of its own, of which it keeps a model, and shares another one with the rest. In its own
 * one every call must succeed or fail as the model says, and content, sizes, link counts and xattrs must be the model's;
 * in the common one anything may happen but what no file system does (errors that are none of the race's, content of
 * another file, EIO, a hang). MEGABYTES of memory are kept dirty by a further process meanwhile. At the end all of it is
 * compared and removed. Ends with 0 and prints the number of operations, or with 1 and says what was not so.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

enum { NAMES = 40, FILES = 48, SIZE_MAX_ = 200000, XATTR_MAX_ = 300, COMMON_NAMES = 24, COMMON_SIZE = 70000 };

struct file {
	int links, directory, symlink, open;
	unsigned size;
	int xattr;		/* length of user.x, -1 for none */
	unsigned char xattr_byte;
	unsigned char *content;
};

static struct file files[FILES];
static int names[NAMES];	/* index of a file, -1 for none */
static int self;
static long done;
static uint64_t state;
static const char *doing = "setting up";

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "lab-stress: process %d, operation %ld, %s: ", self, done, doing);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (errno: %s)\n", strerror(error));
	exit(1);
}

#define check(condition) ((condition) ? (void)0 : fail("line %d: not so: %s", __LINE__, #condition))
#define fails(call, error) (errno = 0, check((call) < 0 && errno == (error)))

/* xorshift64*: the same on every machine. */
static unsigned below(unsigned n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static const char *path_of(int i)
{
	static char paths[4][32];
	static int turn;
	char *path = paths[turn++ & 3];

	/* Half of the names are in a directory below. */
	snprintf(path, 32, i & 1 ? "sub/name-%d" : "name-%d", i);
	return path;
}

static int new_file(void)
{
	for (int i = 0; i < FILES; i++) {
		if (files[i].links || files[i].open)
			continue;
		unsigned char *content = files[i].content ? files[i].content : malloc(SIZE_MAX_);

		memset(content, 0, SIZE_MAX_);
		files[i] = (struct file){ .links = 1, .xattr = -1, .content = content };
		return i;
	}
	return -1;
}

static int is_regular(int name)
{
	return names[name] >= 0 && !files[names[name]].directory && !files[names[name]].symlink;
}

static void same_stat(int name)
{
	struct file *file = &files[names[name]];
	struct stat st;

	check(lstat(path_of(name), &st) == 0);
	check(file->directory == S_ISDIR(st.st_mode) && file->symlink == S_ISLNK(st.st_mode));
	check((int)st.st_nlink == (file->directory ? 2 : file->links));
	if (!file->directory && !file->symlink)
		check(st.st_size == file->size);
}

static void same_content(int fd, struct file *file, unsigned from, unsigned length)
{
	static unsigned char buffer[SIZE_MAX_];
	unsigned there = from >= file->size ? 0 : length < file->size - from ? length : file->size - from;

	check(pread(fd, buffer, length, from) == (ssize_t)there);
	if (memcmp(buffer, file->content + from, there)) {
		unsigned i = 0;

		while (buffer[i] == file->content[from + i])
			i++;
		fail("%s", "");
	}
}

static void grow(struct file *file, unsigned end)
{
	if (end > file->size)
		file->size = end;
}

static void fill(unsigned char *bytes, unsigned length)
{
	unsigned seed = below(256);

	for (unsigned i = 0; i < length; i++)
		bytes[i] = seed + i * 7 + (i >> 8);
}

/* What is done with an open file that is the model's. */
static void use_file(int fd, struct file *file)
{
	unsigned from = below(SIZE_MAX_), length = 1 + below(SIZE_MAX_ - from), page = from & ~4095u;
	unsigned char *map;

	if (below(2))
		length = 1 + length % 5000;
	switch (below(9)) {
	case 0:
	case 1:
		doing = "write";
		fill(file->content + from, length);
		check(pwrite(fd, file->content + from, length, from) == (ssize_t)length);
		grow(file, from + length);
		break;
	case 2:
		doing = "truncate";
		if (below(3) == 0)
			from = 0;
		check(ftruncate(fd, from) == 0);
		if (from < file->size)
			memset(file->content + from, 0, file->size - from);
		file->size = from;
		break;
	case 3:
		doing = "mapped write";
		if (file->size < 4096)
			break;
		from %= file->size;
		page = from & ~4095u;
		if (length > file->size - from)
			length = file->size - from;
		map = mmap(NULL, from + length - page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
		check(map != MAP_FAILED);
		check(!memcmp(map, file->content + page, from - page));
		fill(file->content + from, length);
		memcpy(map + (from - page), file->content + from, length);
		if (below(2))
			check(msync(map, from + length - page, MS_SYNC) == 0);
		check(munmap(map, from + length - page) == 0);
		break;
	case 4:
		doing = "punch";
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, length)) {
			check(errno == EOPNOTSUPP);
			break;
		}
		if (from < file->size)
			memset(file->content + from, 0, length < file->size - from ? length : file->size - from);
		break;
	case 5:
		doing = "allocate";
		if (fallocate(fd, 0, from, length))
			check(errno == EOPNOTSUPP);
		else
			grow(file, from + length);
		break;
	case 6:
		doing = "fsync";
		check((below(2) ? fsync(fd) : fdatasync(fd)) == 0);
		break;
	default:
		doing = "read";
		same_content(fd, file, from, length);
	}
}

static void change_file(int name)
{
	struct file *file = &files[names[name]];
	int fd = open(path_of(name), O_RDWR | (below(8) ? 0 : O_APPEND) | (below(8) ? 0 : O_DIRECT));

	doing = "open";
	check(fd >= 0);
	if (fcntl(fd, F_GETFL) & O_APPEND) {
		unsigned length = 1 + below(3000);

		doing = "append";
		if (file->size + length <= SIZE_MAX_) {
			fill(file->content + file->size, length);
			check(write(fd, file->content + file->size, length) == (ssize_t)length);
			grow(file, file->size + length);
		}
	} else
		use_file(fd, file);
	doing = "close";
	check(close(fd) == 0);
}

/* A file without a name, or one whose last name goes while it is open: content stays until it is closed. */
static void orphan(void)
{
	static struct file file;
	int fd = -1;

	doing = "O_TMPFILE";
	if (!file.content)
		file.content = malloc(SIZE_MAX_);
	memset(file.content, 0, SIZE_MAX_);
	file.size = 0;
	if (below(2)) {
		fd = open("sub", O_TMPFILE | O_RDWR, 0600);
		check(fd >= 0 || errno == EOPNOTSUPP);
	}
	if (fd < 0) {
		fd = open("orphan", O_CREAT | O_EXCL | O_RDWR, 0600);
		check(fd >= 0 && unlink("orphan") == 0);
	}
	for (int i = below(6); i >= 0; i--)
		use_file(fd, &file);
	doing = "close of an orphan";
	check(close(fd) == 0);
}

static void make(int name)
{
	int kind = below(8), i = new_file(), fd;

	if (i < 0)
		return;
	names[name] = i;
	if (kind == 0) {
		doing = "mkdir";
		files[i].directory = 1;
		check(mkdir(path_of(name), 0700) == 0);
	} else if (kind == 1) {
		doing = "symlink";
		files[i].symlink = 1;
		check(symlink("target of a link", path_of(name)) == 0);
	} else {
		doing = "create";
		fd = open(path_of(name), O_CREAT | O_EXCL | O_RDWR, 0600);
		check(fd >= 0);
		use_file(fd, &files[i]);
		doing = "close";
		check(close(fd) == 0);
	}
}

static void drop_name(int name)
{
	files[names[name]].links--;
	names[name] = -1;
}

static void take_away(int name)
{
	struct file *file = &files[names[name]];

	if (file->directory) {
		doing = "rmdir";
		fails(unlink(path_of(name)), EISDIR);
		check(rmdir(path_of(name)) == 0);
	} else {
		doing = "unlink";
		fails(rmdir(path_of(name)), ENOTDIR);
		check(unlink(path_of(name)) == 0);
	}
	drop_name(name);
}

static void link_to(int name, int other)
{
	doing = "link";
	if (names[other] >= 0)
		fails(link(path_of(name), path_of(other)), EEXIST);
	else if (files[names[name]].directory)
		fails(link(path_of(name), path_of(other)), EPERM);
	else {
		check(link(path_of(name), path_of(other)) == 0);
		files[names[name]].links++;
		names[other] = names[name];
	}
}

static void move(int name, int other)
{
	int from = names[name], to = names[other], flags = below(4) == 0 ? 1 + below(2) : 0;
	int status;

	doing = flags == 0 ? "rename" : flags == 1 ? "rename without replacing" : "exchange";
	status = syscall(SYS_renameat2, AT_FDCWD, path_of(name), AT_FDCWD, path_of(other), flags);
	if (flags == 1 && to >= 0) {
		check(status < 0 && errno == EEXIST);
	} else if (flags == 2) {
		if (to < 0)
			check(status < 0 && errno == ENOENT);
		else {
			check(status == 0);
			names[name] = to;
			names[other] = from;
		}
	} else if (to >= 0 && files[to].directory != files[from].directory) {
		check(status < 0 && errno == (files[to].directory ? EISDIR : ENOTDIR));
	} else {
		check(status == 0);
		if (to == from)
			return;
		if (to >= 0)
			drop_name(other);
		names[other] = from;
		names[name] = -1;
	}
}

static void attribute(int name)
{
	struct file *file = &files[names[name]];
	unsigned char value[XATTR_MAX_], back[XATTR_MAX_];
	int length = below(XATTR_MAX_);
	const char *path = path_of(name);

	doing = "xattr";
	if (file->symlink)
		return;
	if (below(3) == 0) {
		if (file->xattr < 0)
			fails(removexattr(path, "user.x"), ENODATA);
		else
			check(removexattr(path, "user.x") == 0);
		file->xattr = -1;
		return;
	}
	if (file->xattr < 0) {
		fails(getxattr(path, "user.x", back, sizeof back), ENODATA);
		fails(setxattr(path, "user.x", value, 1, XATTR_REPLACE), ENODATA);
	} else {
		check(getxattr(path, "user.x", back, sizeof back) == file->xattr);
		for (int i = 0; i < file->xattr; i++)
			check(back[i] == file->xattr_byte);
		fails(setxattr(path, "user.x", value, 1, XATTR_CREATE), EEXIST);
	}
	file->xattr_byte = below(256);
	file->xattr = length;
	memset(value, file->xattr_byte, sizeof value);
	check(setxattr(path, "user.x", value, length, 0) == 0);
}

static void list(const char *dir, int below_it)
{
	char seen[NAMES] = { 0 };
	DIR *stream = opendir(dir);
	struct dirent *entry;
	int i;

	doing = "list";
	check(stream != NULL);
	errno = 0;
	while ((entry = readdir(stream))) {
		if (sscanf(entry->d_name, "name-%d", &i) != 1)
			continue;
		check(i >= 0 && i < NAMES && (i & 1) == below_it && names[i] >= 0 && !seen[i]++);
	}
	check(errno == 0);
	for (i = below_it; i < NAMES; i += 2)
		check(seen[i] == (names[i] >= 0));
	check(closedir(stream) == 0);
}

/* Among files that all processes change. Content is one byte value a file, whatever the length. */
static void common(void)
{
	static unsigned char buffer[COMMON_SIZE];
	char name[40], other[40];
	int i = below(COMMON_NAMES), fd, n;
	DIR *stream;

	snprintf(name, sizeof name, "../common/file-%d", i);
	snprintf(other, sizeof other, "../common/file-%d", below(COMMON_NAMES));
	errno = 0;
	switch (below(8)) {
	case 0:
	case 1:
		doing = "common create";
		fd = open(name, O_CREAT | O_RDWR | (below(2) ? O_TRUNC : 0), 0600);
		check(fd >= 0);
		memset(buffer, 's', sizeof buffer);
		n = 1 + below(COMMON_SIZE);
		check(pwrite(fd, buffer, n, below(COMMON_SIZE)) == n);
		check(close(fd) == 0);
		break;
	case 2:
		doing = "common unlink";
		if (unlink(name))
			check(errno == ENOENT);
		break;
	case 3:
		doing = "common rename";
		if (syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, other, below(3)))
			check(errno == ENOENT || errno == EEXIST);
		break;
	case 4:
		doing = "common link";
		if (link(name, other))
			check(errno == ENOENT || errno == EEXIST);
		break;
	case 5:
		doing = "common list";
		stream = opendir("../common");
		check(stream != NULL);
		while (readdir(stream))
			;
		check(errno == 0 && closedir(stream) == 0);
		break;
	default:
		doing = "common read";
		fd = open(name, O_RDONLY);
		if (fd < 0) {
			check(errno == ENOENT);
			break;
		}
		n = read(fd, buffer, sizeof buffer);
		check(n >= 0);
		while (n-- > 0)
			check(buffer[n] == 's' || buffer[n] == 0);
		check(close(fd) == 0);
	}
}

static void step(void)
{
	int name = below(NAMES), other = below(NAMES);

	if (below(5) == 0)
		common();
	else if (below(20) == 0)
		orphan();
	else if (below(30) == 0)
		list(name & 1 ? "sub" : ".", name & 1);
	else if (names[name] < 0) {
		struct stat st;

		doing = "look for what is not there";
		fails(lstat(path_of(name), &st), ENOENT);
		make(name);
	} else {
		switch (below(12)) {
		case 0:
			take_away(name);
			break;
		case 1:
			link_to(name, other);
			break;
		case 2:
			move(name, other);
			break;
		case 3:
			attribute(name);
			break;
		case 4:
			doing = "stat";
			same_stat(name);
			break;
		default:
			if (is_regular(name))
				change_file(name);
		}
	}
}

static void everything(void)
{
	doing = "the comparison at the end";
	list(".", 0);
	list("sub", 1);
	for (int name = 0; name < NAMES; name++) {
		if (names[name] < 0)
			continue;
		same_stat(name);
		if (is_regular(name)) {
			int fd = open(path_of(name), O_RDONLY);

			check(fd >= 0);
			same_content(fd, &files[names[name]], 0, SIZE_MAX_);
			check(close(fd) == 0);
		}
	}
}

static void child(long operations, uint64_t seed)
{
	char dir[32];

	state = (seed + 1) * 0x9e3779b97f4a7c15ull + self * 0xbf58476d1ce4e5b9ull + 1;
	snprintf(dir, sizeof dir, "own-%d", self);
	check(mkdir(dir, 0700) == 0 && chdir(dir) == 0 && mkdir("sub", 0700) == 0);
	for (int i = 0; i < NAMES; i++)
		names[i] = -1;
	for (done = 0; done < operations; done++)
		step();
	everything();
	doing = "the removal at the end";
	for (int name = 0; name < NAMES; name++) {
		if (names[name] >= 0)
			take_away(name);
	}
	check(rmdir("sub") == 0 && chdir("..") == 0 && rmdir(dir) == 0);
	exit(0);
}

/* Keeps memory in use, so that the kernel has to look for some. */
static void hog(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(memory != MAP_FAILED);
	for (char value = 1;; value++) {
		for (size_t at = 0; at < bytes; at += 4096)
			memory[at] = value;
		usleep(20000);
	}
}

int main(int argc, char **argv)
{
	int processes, status, failed = 0;
	long operations;
	uint64_t seed;
	pid_t hog_pid = 0;
	char name[40];

	if (argc < 5 || argc > 6) {
		fprintf(stderr, "usage: lab-stress DIR PROCESSES OPERATIONS SEED [MEGABYTES]\n");
		return 2;
	}
	processes = atoi(argv[2]);
	operations = atol(argv[3]);
	seed = strtoull(argv[4], NULL, 10);
	check(chdir(argv[1]) == 0 && mkdir("common", 0700) == 0);
	if (argc > 5 && !(hog_pid = fork()))
		hog((size_t)atoi(argv[5]) << 20);
	for (self = 1; self <= processes; self++) {
		if (!fork())
			child(operations, seed);
	}
	for (int left = processes; left;) {
		pid_t pid = wait(&status);

		if (pid == hog_pid)
			fprintf(stderr, "lab-stress: the process that uses memory was ended\n"), hog_pid = 0;
		else if (pid > 0)
			failed |= status, left--;
	}
	if (hog_pid) {
		kill(hog_pid, SIGKILL);
		waitpid(hog_pid, &status, 0);
	}
	self = 0;
	for (int i = 0; i < COMMON_NAMES; i++) {
		snprintf(name, sizeof name, "common/file-%d", i);
		if (unlink(name))
			check(errno == ENOENT);
	}
	if (failed)
		return 1;
	check(rmdir("common") == 0);
	printf("%ld operations\n", processes * operations);
	return 0;
}
